package estimators_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/estimators/estimatortest"
)

func init() {
	goldenMethods["dorefa_weight"] = func(t *testing.T, c goldenCase, p goldenParams) {
		compareGolden(t, estimators.DoReFaWeights{Bits: p.Bits}, c, nil)
	}
	goldenMethods["dorefa_activation"] = func(t *testing.T, c goldenCase, p goldenParams) {
		e, err := estimators.NewDoReFaActivations(p.Bits, nil)
		if err != nil {
			t.Fatal(err)
		}
		compareGolden(t, e, c, nil)
	}
}

// dorefaGradient is Zhou et al. 2016, section 2, with the maximum held constant.
func dorefaGradient(bits, channels int, ste roundingGradient) func(x, dy []float64) ([]float64, [][]float64) {
	return func(x, dy []float64) ([]float64, [][]float64) {
		dx, largest := make([]float64, len(x)), make([]float64, channels)
		for i, v := range x {
			largest[i%channels] = max(largest[i%channels], math.Abs(math.Tanh(v)))
		}
		n := float64(int(1)<<bits - 1)
		for i, v := range x {
			if bits == 1 {
				dx[i] = dy[i]
				continue
			}
			m := largest[i%channels]
			r := math.Tanh(v)/(2*m) + 0.5
			dx[i] = 2 * ste(dy[i], n*r, math.RoundToEven(n*r), 0, n) * (1 - math.Tanh(v)*math.Tanh(v)) / (2 * m)
		}
		return dx, nil
	}
}

func TestDoReFaWeights(t *testing.T) {
	var cases []estimatortest.Case
	add := func(bits, channels int, s roundingSTE) {
		c := estimatortest.Case{
			Name: fmt.Sprint(bits, channels, s.name), Bits: bits,
			Estimator: estimators.DoReFaWeights{Bits: bits, Scales: channels, STE: s.ste},
			GridsOf: func(x []float64) (grids [][]float64) {
				for _, mean := range meansOf(x, channels) {
					if bits > 1 {
						mean = 1
					}
					grids = append(grids, oddGrid(bits, mean))
				}
				return grids
			},
			Gradient: dorefaGradient(bits, channels, s.grad),
		}
		for ch := range channels {
			c.Grids = append(c.Grids, oddGrid(bits, float64(ch)+0.5))
		}
		cases = append(cases, c)
	}
	standard := clippedSTE
	standard.ste = nil
	for _, bits := range []int{1, 2, 4, 8} {
		add(bits, 1, standard)
	}
	add(1, 3, clippedSTE)
	add(3, 3, clippedSTE)
	add(3, 1, ewgsSTE(0.1))
	add(3, 1, dsqSTE(0.3))
	estimatortest.Run(t, cases...)
}

// DoReFa takes max|tanh(x)| at the largest |x|: tanh must not fall from a float32 to the next, nor differ by sign.
func TestTanhRises(t *testing.T) {
	before := 0.0
	for start := uint32(0); start < math.Float32bits(30); start += 1 << 13 {
		for b := start; b < start+64; b++ { // neighbours
			x := float64(math.Float32frombits(b))
			v := math.Tanh(x)
			if v < before || math.Tanh(-x) != -v {
				t.Fatalf("tanh(%v) = %v, after %v; tanh(-x) = %v", x, v, before, math.Tanh(-x))
			}
			before = v
		}
	}
}

func TestDoReFaWeightsAtZero(t *testing.T) {
	x, y, dx := []float32{0, 0}, floats(2), floats(2)
	for bits := 1; bits <= 4; bits++ {
		e := estimators.DoReFaWeights{Bits: bits}
		if err := e.Backward(dx, nil, x, []float32{1, -2}, nil); err != nil || dx[0] != 1 || dx[1] != -2 {
			t.Errorf("%d bits: dx = %v, %v; want dy", bits, dx, err)
		}
		if err := e.Forward(y, x, nil); err != nil || !(math.Abs(float64(y[0])) <= 1) {
			t.Errorf("%d bits: y = %v, %v", bits, y, err)
		}
	}
	if err := (estimators.DoReFaWeights{Bits: 1}).Forward(y, []float32{0, -2}, nil); err != nil || y[0] != 1 || y[1] != -1 {
		t.Errorf("signs of 0 and -2 times their mean magnitude are %v, %v; want 1 and -1", y, err)
	}
	if (estimators.DoReFaWeights{Bits: 1, STE: dsqSTE(0.2).ste}).Validate() == nil {
		t.Error("1 bit with a soft staircase: no error")
	}
}

// unitGradient is that of round(n*clip(x, lo, 1))/n.
func unitGradient(lo, n float64, ste roundingGradient) func(x, dy []float64) ([]float64, [][]float64) {
	return func(x, dy []float64) ([]float64, [][]float64) {
		dx := make([]float64, len(x))
		for i := range x {
			dx[i] = ste(dy[i], n*x[i], math.RoundToEven(n*clip(x[i], lo, 1)), n*lo, n)
		}
		return dx, nil
	}
}

func TestDoReFaActivations(t *testing.T) {
	var cases []estimatortest.Case
	for _, bits := range []int{1, 2, 4, 8} {
		for _, s := range []roundingSTE{clippedSTE, ewgsSTE(0.1)} {
			e, err := estimators.NewDoReFaActivations(bits, s.ste)
			if err != nil {
				t.Fatal(err)
			}
			n := 1<<bits - 1
			cases = append(cases, estimatortest.Case{
				Name: fmt.Sprint(bits, s.name), Estimator: e, Bits: bits, Idempotent: true,
				Grids: [][]float64{evenGrid(0, n, 1/float64(n), 0)}, Gradient: unitGradient(0, float64(n), s.grad),
			})
		}
	}
	estimatortest.Run(t, cases...)
}
