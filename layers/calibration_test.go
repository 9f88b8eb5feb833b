package layers

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/networks"
)

// calibratedBy is a spec with a calibration.
func calibratedBy(bits int, e configs.Estimator, c configs.Calibration, batches int, options ...configs.Setting) configs.TensorSpec {
	s := spec(bits, e)
	s.Calibration, s.CalibrationBatches, s.CalibrationOptions = c, batches, options
	return s
}

// observeAll gives the quantizer batches until it has levels, and checks when that is.
func observeAll(t *testing.T, q *Quantizer, batches ...[]float32) {
	t.Helper()
	for i, x := range batches {
		if err := q.calibrateActivation(x); err != nil {
			t.Fatalf("batch %d of %d: %v", i, len(batches), err)
		}
		if last := i == len(batches)-1; q.Calibrated() != last {
			t.Fatalf("after batch %d of %d calibrated is %v", i, len(batches), !last)
		}
	}
}

// Scales of activations against formulas over all batches.
func TestActivationsCalibrate(t *testing.T) {
	x := [][]float32{random(1, 1000).Float32s(), random(2, 1000).Float32s(), random(3, 1000).Float32s()}
	x[1][7] = 9 // an outlier
	for _, b := range x {
		for i, v := range b {
			b[i] = max(v, -v) // as after ReLU
		}
	}
	all := slices.Concat(x...)
	sorted := slices.Sorted(slices.Values(all))
	mean, largest := 0.0, float64(sorted[len(sorted)-1])
	for _, v := range all {
		mean += float64(v) / float64(len(all))
	}
	moving := float64(slices.Max(x[0]))
	for _, b := range x[1:] {
		moving = 0.75*moving + 0.25*float64(slices.Max(b))
	}
	percentile := float64(sorted[int(math.Ceil(0.99*float64(len(sorted))))-1])
	// The least squared error on a grid of 100 ends, the levels 0..15 even up to the end.
	best, least := 0.0, math.Inf(1)
	for i := 1; i <= 100; i++ {
		end, sum := largest*float64(i)/100, 0.0
		for _, v := range all {
			d := float64(v) - end/15*min(math.RoundToEven(float64(v)*15/end), 15)
			sum += d * d
		}
		if sum < least {
			best, least = end, sum
		}
	}
	for _, c := range []struct {
		calibration configs.Calibration
		options     []configs.Setting
		end         float64 // 15*scale
		tolerance   float64
	}{
		{"auto", nil, 15 * 2 * mean / math.Sqrt(15), 1e-6},
		{"lsq", nil, 15 * 2 * mean / math.Sqrt(15), 1e-6},
		{"min_max", nil, largest, 1e-6},
		{"moving_average", []configs.Setting{constant("momentum", 0.75)}, moving, 1e-6},
		{"percentile", []configs.Setting{constant("percentile", 99)}, percentile, 1e-3},
		{"mse", nil, best, 1e-6},
		{"mse", []configs.Setting{constant("steps", 1)}, largest, 1e-6},
	} {
		q := must(newActivationQuantizer("x", calibratedBy(4, configs.LSQ, c.calibration, 3, c.options...), false, 1))
		observeAll(t, q, x...)
		if got := 15 * float64(q.Scale.Data()[0]); math.Abs(got-c.end) > c.tolerance*c.end || q.ZeroPoint.Data()[0] != 0 {
			t.Errorf("%s %v: the largest level is %g with zero point %g, want %g and 0", c.calibration, c.options, got, q.ZeroPoint.Data()[0], c.end)
		}
	}

	// The others learn something else than a scale, from the same range.
	for _, ste := range []configs.STE{configs.STEAuto, "ewgs"} { // on the kernels, and not
		s := calibratedBy(4, "pact", "min_max", 3)
		s.STE = ste
		q := must(newActivationQuantizer("x", s, false, 1))
		observeAll(t, q, x...)
		if got := 15 * float64(q.Scale.Data()[0]); math.Abs(got-largest) > 1e-6*largest {
			t.Errorf("pact with ste %s: the largest level is %g, want %g", ste, got, largest)
		}
		if ste == "ewgs" && math.Abs(float64(q.params()[0][0])-largest) > 1e-6*largest {
			t.Errorf("pact: alpha is %g, want %g", q.params()[0][0], largest)
		}
	}
	x[0][0] = -3
	q := must(newActivationQuantizer("x", calibratedBy(4, "lsq_plus", "min_max", 3), true, 1))
	observeAll(t, q, x...)
	s := (largest + 3) / 15
	zero := math.RoundToEven(-8 + 3/s)
	if p := q.params(); math.Abs(float64(p[0][0])-s) > 1e-6 || math.Abs(float64(p[1][0])+s*zero) > 1e-5 {
		t.Errorf("lsq_plus: scale and offset %v, want %g and %g", p, s, -s*zero)
	}
	q = must(newActivationQuantizer("x", calibratedBy(4, configs.Affine, "auto", 3), false, 1))
	observeAll(t, q, x...)
	if z := math.RoundToEven(3 / s); math.Abs(float64(q.Scale.Data()[0])-s) > 1e-6 || float64(q.ZeroPoint.Data()[0]) != z {
		t.Errorf("affine: scale %g, zero point %g; want %g and %g", q.Scale.Data()[0], q.ZeroPoint.Data()[0], s, z)
	}
	q = must(newActivationQuantizer("x", calibratedBy(4, configs.LSQ, "min_max", 3), true, 1))
	observeAll(t, q, x...)
	if want := largest / 7; math.Abs(float64(q.Scale.Data()[0])-want) > 1e-6 || q.ZeroPoint.Data()[0] != 8 {
		t.Errorf("lsq, signed: scale %g, zero point %g; want %g and 8", q.Scale.Data()[0], q.ZeroPoint.Data()[0], want)
	}
	// What lies below the lowest level is not looked at.
	for _, c := range []struct {
		estimator    configs.Estimator
		signed, relu bool
		want         float32
	}{{"pact", false, false, 0}, {"pact", true, false, -4}, {configs.LSQ, false, false, -4}, {configs.LSQ, false, true, 0}, {"lsq_plus", false, false, -4}} {
		q := must(newActivationQuantizer("x", spec(4, c.estimator), c.signed, 1))
		var stopped *uncalibrated
		if err := q.awaits([]float32{2, -4}, c.relu); !errors.As(err, &stopped) || !slices.Equal(stopped.x, []float32{2, c.want}) {
			t.Errorf("%+v: stopped with %+v", c, stopped)
		}
	}
	q = must(newActivationQuantizer("x", calibratedBy(4, configs.LSQ, "percentile", 1), false, 1))
	if err := q.awaits([]float32{1, float32(math.NaN())}, false); err == nil || !strings.Contains(err.Error(), "cannot calibrate: element 1 of its input is NaN") {
		t.Errorf("NaN: %v", err)
	}
}

// Scales of weights, of the tensor and of each channel.
func TestWeightsCalibrate(t *testing.T) {
	w := &Array{Name: "w", Group: networks.WeightsGroup, Value: random(5, 3, 3, 8, 4)}
	for i := range w.Data() {
		w.Data()[i] *= float32(1 + i%4) // channels of different ranges
	}
	for _, perChannel := range []bool{false, true} {
		channels := 1
		if perChannel {
			channels = 4
		}
		for calibration, step := range map[configs.Calibration]func(x []float64) float64{
			"min_max": func(x []float64) float64 { return slices.Max(x) / 7 },
			"percentile": func(x []float64) float64 {
				return slices.Sorted(slices.Values(x))[int(math.Ceil(0.9999*float64(len(x))))-1] / 7
			},
			"lsq": func(x []float64) float64 {
				sum := 0.0
				for _, v := range x {
					sum += v
				}
				return 2 * sum / float64(len(x)) / math.Sqrt(7)
			},
			"mse": func(x []float64) float64 {
				best, least := 0.0, math.Inf(1)
				for i := 100; i > 0; i-- {
					s, sum := slices.Max(x)*float64(i)/700, 0.0
					for _, v := range x { // |w|: the level -8 is out of reach of the symmetric range
						d := v - s*min(math.RoundToEven(v/s), 7)
						sum += d * d
					}
					if sum < least {
						best, least = s, sum
					}
				}
				return best
			},
		} {
			s := calibratedBy(4, configs.LSQ, calibration, 0)
			s.Narrow = true
			if perChannel {
				s.Granularity = configs.PerChannel
			}
			q := must(newWeightQuantizer(w, s))
			twice := slices.Clone(w.Data())
			for i := range twice {
				twice[i] *= 2
			}
			for _, x := range [][]float32{twice, w.Data()} { // it forgets what it saw the last time
				if err := q.CalibrateWeights(x); err != nil {
					t.Fatal(err)
				}
			}
			for c, got := range q.Scale.Data() {
				var x []float64
				for i := c; i < len(w.Data()); i += channels {
					x = append(x, math.Abs(float64(w.Data()[i])))
				}
				if want := step(x); math.Abs(float64(got)-want) > 1e-3*want {
					t.Errorf("%s, channel %d of %d: scale %g, want %g", calibration, c, channels, got, want)
				}
			}
		}
	}
}
