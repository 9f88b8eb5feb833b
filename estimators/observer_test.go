package estimators_test

import (
	"math"
	"slices"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// observer returns a calibration of that name.
func observer(t *testing.T, name string, s estimators.CalibrationSpec) estimators.Observer {
	t.Helper()
	c, err := estimators.CalibrationNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	o, err := c.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// calibrate returns the range of the batches.
func calibrate(t *testing.T, o estimators.Observer, channels int, batches ...[]float32) (lo, hi []float32) {
	t.Helper()
	for _, x := range batches {
		before := slices.Clone(x)
		if err := o.Observe(x); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(x, before) {
			t.Error("x is modified")
		}
	}
	lo, hi = make([]float32, channels), make([]float32, channels)
	if err := o.Range(lo, hi); err != nil {
		t.Fatal(err)
	}
	return lo, hi
}

var signed8 = estimators.CalibrationSpec{Range: estimators.Range{Bits: 8, Signed: true}}

// What holds for every calibration.
func TestCalibrations(t *testing.T) {
	x := normals(3*200, 7, 0.2, 1)
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	all := estimators.Calibrations()
	for i, c := range all {
		if i > 0 && all[i-1].Name >= c.Name {
			t.Errorf("%s comes after %s", c.Name, all[i-1].Name)
		}
		if c.Source == "" || c.Doc == "" {
			t.Errorf("%s has no source or no sentence", c.Name)
		}
		t.Run(c.Name, func(t *testing.T) {
			spec := signed8
			spec.Scales = 3
			o := observer(t, c.Name, spec)
			lo, hi := make([]float32, 3), make([]float32, 3)
			if o.Range(lo, hi) == nil {
				t.Error("a range of nothing: no error")
			}
			for name, bad := range map[string][]float32{
				"empty": {}, "NaN": {1, nan, 1}, "Inf": {1, 1, -inf}, "channels": {1, 2, 3, 4},
			} {
				if o.Observe(bad) == nil {
					t.Errorf("%s: no error", name)
				}
			}
			if o.Range(lo, hi) == nil {
				t.Error("a range of refused batches: no error")
			}
			lo, hi = calibrate(t, o, 3, x)
			if _, err := estimators.NewAffine(spec.Range, lo, hi); err != nil {
				t.Error(err)
			}
			if o.Range(lo[:2], hi) == nil || o.Range(lo, hi[:2]) == nil {
				t.Error("too few ends: no error")
			}

			// Each channel is calibrated as a tensor of its own.
			for ch := range 3 {
				var alone []float32
				for i := ch; i < len(x); i += 3 {
					alone = append(alone, x[i])
				}
				l, h := calibrate(t, observer(t, c.Name, signed8), 1, alone)
				if l[0] != lo[ch] || h[0] != hi[ch] {
					t.Errorf("channel %d: [%v, %v] among others, [%v, %v] alone", ch, lo[ch], hi[ch], l[0], h[0])
				}
			}
			// Batches are as good as all at once.
			if c.Name != "moving_average" {
				l, h := calibrate(t, observer(t, c.Name, spec), 3, x[:300], x[300:330], x[330:])
				for ch := range 3 {
					if math.Abs(float64(l[ch]-lo[ch])) > 1e-6 || math.Abs(float64(h[ch]-hi[ch])) > 1e-6 {
						t.Errorf("in batches: [%v, %v], at once [%v, %v]", l[ch], h[ch], lo[ch], hi[ch])
					}
				}
			}
			// All-zero data has a range that NewAffine takes.
			l, h := calibrate(t, observer(t, c.Name, signed8), 1, make([]float32, 5))
			if _, err := estimators.NewAffine(spec.Range, l, h); err != nil {
				t.Errorf("zeros: %v", err)
			}
			for name, s := range map[string]estimators.CalibrationSpec{
				"0 bits":          {},
				"unknown option":  {Range: spec.Range, Options: estimators.Options{"colour": 1}},
				"-1 channels":     {Range: spec.Range, Scales: -1},
				"symmetric 0..3":  {Range: estimators.Range{Bits: 2}, Symmetric: true},
				"symmetric -1, 0": {Range: estimators.Range{Bits: 1, Signed: true}, Symmetric: true},
			} {
				if _, err := c.New(s); err == nil {
					t.Errorf("%s: no error", name)
				}
			}
		})
	}
	if len(all) < 6 {
		t.Errorf("%d calibrations", len(all))
	}
	if _, err := estimators.CalibrationNamed("guess"); err == nil {
		t.Error("an unknown calibration: no error")
	}
}

func TestNewCalibrated(t *testing.T) {
	r := estimators.Range{Bits: 3, Signed: true}
	lo, hi := []float32{-6, -1, 0}, []float32{3, 4.5, 0}
	a, err := estimators.NewCalibrated(r, true, lo, hi)
	if err != nil || !slices.Equal(a.Scale, []float32{2, 1.5, estimators.MinScale}) ||
		!slices.Equal(a.ZeroPoint, []int32{0, 0, 0}) {
		t.Errorf("symmetric: %+v, %v", a, err)
	}
	a, err = estimators.NewCalibrated(r, false, lo, hi)
	want, _ := estimators.NewAffine(r, lo, hi)
	if err != nil || !slices.Equal(a.Scale, want.Scale) || !slices.Equal(a.ZeroPoint, want.ZeroPoint) {
		t.Errorf("not symmetric: %+v, %v; want %+v", a, err, want)
	}
	if _, err := estimators.NewCalibrated(estimators.Range{Bits: 3}, true, lo, hi); err == nil {
		t.Error("symmetric and unsigned: no error")
	}
	if _, err := estimators.NewCalibrated(r, true, []float32{1}, []float32{0}); err == nil {
		t.Error("ends in disorder: no error")
	}
}
