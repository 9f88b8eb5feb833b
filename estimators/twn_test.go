package estimators_test

import (
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/estimators/estimatortest"
)

func init() {
	goldenMethods["twn"] = func(t *testing.T, c goldenCase, _ goldenParams) {
		compareGolden(t, newMethod(t, "twn", ternarySpec(1, nil)), c, nil)
	}
}

func ternarySpec(scales int, ste estimators.STE) estimators.Spec {
	spec := binary(true, scales, ste)
	spec.Bits, spec.Narrow = 2, true
	return spec
}

// twnScales are Li et al. 2016, section 2: the mean magnitude of what is above 0.7 of the mean magnitude.
func twnScales(x []float64, channels int) []float64 {
	scales := make([]float64, channels)
	for c, mean := range meansOf(x, channels) {
		sum, n := 0.0, 0.0
		for i := c; i < len(x); i += channels {
			if a := math.Abs(x[i]); a > 0.7*mean {
				sum, n = sum+a, n+1
			}
		}
		scales[c] = sum / n
	}
	return scales
}

func TestTWN(t *testing.T) {
	var cases []estimatortest.Case
	for _, spread := range [][]float64{{1}, {0.3, 2, 0.05}} {
		channels := len(spread)
		for name, ste := range map[string]estimators.STE{
			"paper": nil, "identity": estimators.Identity{}, "clipped": estimators.Clipped{},
		} {
			cases = append(cases, estimatortest.Case{
				Name: name, Estimator: newMethod(t, "twn", ternarySpec(channels, ste)), Bits: 2, Idempotent: true,
				Grids: unitGrids(spread...),
				GridsOf: func(x []float64) (grids [][]float64) {
					for _, a := range twnScales(x, channels) {
						grids = append(grids, []float64{-a, 0, a})
					}
					return grids
				},
				Gradient: func(x, dy []float64) ([]float64, [][]float64) {
					dx, scales := make([]float64, len(x)), twnScales(x, channels)
					for i := range x {
						dx[i] = dy[i] * indicator(name != "clipped" || math.Abs(x[i]) <= scales[i%channels])
					}
					return dx, nil
				},
			})
		}
	}
	estimatortest.Run(t, cases...)
}

// 0.7 mean|x| is 0.7 here, worked out by hand: 0.75 is above it and 0.65 is not; the mean of 0.75 and 2.1 is the scale.
func TestTWNByHand(t *testing.T) {
	x := []float32{0.75, -0.65, 0, -2.1, 0.5, 2}
	e := estimators.TWN{}
	codes, y, scale := make([]int32, len(x)), make([]float32, len(x)), make([]float32, 1)
	if err := e.Quantize(codes, y, x, nil); err != nil {
		t.Fatal(err)
	}
	if err := e.CodeScale(scale, x, nil); err != nil {
		t.Fatal(err)
	}
	const a = float32((0.75 + 2.1 + 2) / 3)
	for i, want := range []int32{1, 0, 0, -1, 0, 1} {
		if codes[i] != want || math.Abs(float64(y[i]-float32(want)*a)) > 1e-6 {
			t.Errorf("x = %v: code %d, y %v; want %d, %v", x[i], codes[i], y[i], want, float32(want)*a)
		}
	}
	if math.Abs(float64(scale[0]-a)) > 1e-6 {
		t.Errorf("scale %v; want %v", scale[0], a)
	}
}

func TestTWNOfZeros(t *testing.T) {
	x, y, scale := make([]float32, 4), []float32{1, 1, 1, 1}, make([]float32, 2)
	e := estimators.TWN{Scales: 2}
	if err := e.Forward(y, x, nil); err != nil {
		t.Fatal(err)
	}
	if err := e.CodeScale(scale, x, nil); err != nil {
		t.Fatal(err)
	}
	if y[0] != 0 || math.Signbit(float64(y[0])) || scale[0] != estimators.MinScale {
		t.Errorf("y %v, scale %v; want 0 and MinScale", y[0], scale)
	}
}

func TestTWNMisfits(t *testing.T) {
	m, err := estimators.MethodNamed("twn")
	if err != nil {
		t.Fatal(err)
	}
	testMisfits(t, m, true, 2)
	if _, err := m.New(ternarySpec(1, estimators.EDE{T: 1})); err == nil {
		t.Error("no error for the gradient of a sign")
	}
}
