package estimators_test

import (
	"math"
	"strings"
	"testing"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/estimators/estimatortest"
)

func init() { goldenMethods["bwn"] = goldenScaledSign("bwn") }

// goldenScaledSign has the channel on axis 0 of the golden file, and last in the estimator.
func goldenScaledSign(method string) func(*testing.T, goldenCase, goldenParams) {
	return func(t *testing.T, c goldenCase, _ goldenParams) {
		channels := c.Shape[0]
		c.X, c.G = lastAxis(c.X, channels), lastAxis(c.G, channels)
		c.Y, c.Dx = lastAxis(c.Y, channels), lastAxis(c.Dx, channels)
		compareGolden(t, newMethod(t, method, binary(true, channels, nil)), c, nil)
	}
}

// scaledSignCases are cases of a method whose levels are +-mean|x|, with all STEs, per tensor and per channel. The
// slope of y in x follows from the derivative of the sign, the scale and the number of elements that share it.
func scaledSignCases(t *testing.T, method string, slope func(derivative, scale float64, n int) float64,
) (cases []estimatortest.Case) {
	for _, s := range surrogates() {
		for _, grids := range [][][]float64{unitGrids(1), unitGrids(0.3, 2, 1)} {
			channels := len(grids)
			cases = append(cases, estimatortest.Case{
				Name: s.name, Estimator: newMethod(t, method, binary(true, channels, s.ste)), Bits: 1, Idempotent: true,
				Grids:   grids,
				GridsOf: func(x []float64) [][]float64 { return unitGrids(meansOf(x, channels)...) },
				Gradient: func(x, dy []float64) ([]float64, [][]float64) {
					dx, means := make([]float64, len(x)), meansOf(x, channels)
					for i := range x {
						dx[i] = dy[i] * slope(s.derivative(x[i]), means[i%channels], len(x)/channels)
					}
					return dx, nil
				},
			})
		}
	}
	return cases
}

func TestBWN(t *testing.T) {
	slope := func(derivative, _ float64, _ int) float64 { return derivative }
	estimatortest.Run(t, scaledSignCases(t, "bwn", slope)...)
	estimatortest.Run(t, scaledSignCases(t, "reactnet", slope)...)
}

// A scale of 0 would make the levels one; an integer network needs a positive scale.
func TestBWNOfZeros(t *testing.T) {
	for _, method := range []string{"bwn", "xnor", "bireal", "irnet", "reactnet"} {
		e := newMethod(t, method, binary(true, 2, nil)).(estimators.Integer)
		x, y, codes, scale := make([]float32, 6), make([]float32, 6), make([]int32, 6), make([]float32, 2)
		if err := e.Quantize(codes, y, x, nil); err != nil {
			t.Fatal(err)
		}
		if err := e.CodeScale(scale, x, nil); err != nil {
			t.Fatal(err)
		}
		const least = estimators.MinScale
		if y[0] != least || codes[0] != 1 || scale[0] != least || scale[1] != least {
			t.Errorf("%s: y %v, code %d, scale %v; want MinScale and code 1", method, y[0], codes[0], scale)
		}
	}
}

func TestBWNErrors(t *testing.T) {
	e := newMethod(t, "reactnet", binary(true, 2, nil)).(estimators.Integer)
	x := make([]float32, 6)
	for name, err := range map[string]error{
		"a short scale":        e.CodeScale(make([]float32, 1), x, nil),
		"an odd number":        e.CodeScale(make([]float32, 2), x[:5], nil),
		"parameters to Init":   e.Init(estimators.Params{{1}}, x),
		"infinite x":           e.Forward(make([]float32, 6), []float32{0, 0, 0, 0, 0, float32(math.Inf(-1))}, nil),
		"a short codes":        e.Quantize(make([]int32, 5), nil, x, nil),
		"a parameter too many": e.Forward(make([]float32, 6), x, estimators.Params{{1}}),
		"one in Backward":      e.Backward(make([]float32, 6), nil, x, x, estimators.Params{{1}}),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), "reactnet: ") {
			t.Errorf("%s: %v; want an error of reactnet", name, err)
		}
	}
	err := estimators.BWN{}.Forward(nil, x, nil)
	if err == nil || !strings.HasPrefix(err.Error(), "bwn: ") {
		t.Errorf("%v; want an error of bwn", err)
	}
}
