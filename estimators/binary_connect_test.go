package estimators_test

import (
	"math"
	"slices"
	"testing"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/estimators/estimatortest"
)

func TestBinaryConnect(t *testing.T) {
	var cases []estimatortest.Case
	for _, s := range surrogates() {
		for _, stochastic := range []float64{0, 1} {
			spec := binary(true, 1, s.ste)
			spec.Options = estimators.Options{"stochastic": stochastic}
			cases = append(cases, estimatortest.Case{
				Name: s.name, Estimator: newMethod(t, "binary_connect", spec), Bits: 1, Idempotent: true, Grids: unitGrids(1),
				Gradient: elementwise(s.derivative),
			})
		}
	}
	estimatortest.Run(t, cases...)
}

// The probability of 1 is the hard sigmoid clip((x+1)/2, 0, 1), Courbariaux et al. 2015, equation 3.
func TestBinaryConnectDraws(t *testing.T) {
	e := estimators.BinaryConnect{Stochastic: true}
	const n = 20000
	y := make([]float32, n)
	for seed, x := range []float32{-1.5, -1, -0.9, -0.5, 0, 0.25, 0.8, 1, 2, float32(math.Inf(1)), float32(math.Inf(-1))} {
		if err := e.Seeded(uint64(seed)).Forward(y, slices.Repeat([]float32{x}, n), nil); err != nil {
			t.Fatal(err)
		}
		positive := 0
		for _, v := range y {
			if v != 1 && v != -1 {
				t.Fatalf("y = %v", v)
			}
			if v == 1 {
				positive++
			}
		}
		p := min(max((float64(x)+1)/2, 0), 1)
		if math.Abs(float64(positive)-p*n) > 4*math.Sqrt(n*p*(1-p)) {
			t.Errorf("x = %v: %d of %d are 1; want about %v", x, positive, n, p*n)
		}
	}
}

func TestBinaryConnectSeeds(t *testing.T) {
	x := make([]float32, 1000)
	for i := range x {
		x[i] = float32(i-500) / 1000
	}
	x[3] = float32(math.NaN())
	quantize := func(e estimators.Estimator) []int32 {
		y, codes := make([]float32, len(x)), make([]int32, len(x))
		if err := e.(estimators.Integer).Quantize(codes, y, x, nil); err != nil {
			t.Fatal(err)
		}
		for i, code := range codes {
			if i == 3 && y[i] == y[i] || i != 3 && y[i] != float32(code) {
				t.Fatalf("x = %v: code %d, y %v", x[i], code, y[i])
			}
		}
		return codes
	}
	e, deterministic := estimators.BinaryConnect{Stochastic: true}, estimators.BinaryConnect{}
	want := quantize(deterministic)
	switch first := quantize(e.Seeded(1)); {
	case !slices.Equal(first, quantize(e.Seeded(1))):
		t.Error("the same seed gives other signs")
	case slices.Equal(first, quantize(e.Seeded(2))):
		t.Error("another seed gives the same signs")
	case slices.Equal(first, want):
		t.Error("a seed gives the signs of x")
	}
	if !slices.Equal(quantize(e), want) || !slices.Equal(quantize(deterministic.Seeded(1)), want) {
		t.Error("without a seed, or deterministic with one, codes are not the signs of x")
	}
}

// signSTE returns what it is told of the sign.
type signSTE struct{}

func (signSTE) Grad(_, _, q, _, _ float32) float32 { return q }

func TestBinaryConnectGradientSeesTheDraws(t *testing.T) {
	e := estimators.BinaryConnect{Sign: estimators.Sign{STE: signSTE{}}, Stochastic: true}.Seeded(5)
	x := make([]float32, 100)
	y, dx := make([]float32, len(x)), make([]float32, len(x))
	if err := e.Forward(y, x, nil); err != nil {
		t.Fatal(err)
	}
	if err := e.Backward(dx, nil, x, y, nil); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(dx, y) {
		t.Error("the gradient is of other signs than the output")
	}
}

func TestBinaryConnectOptions(t *testing.T) {
	m, err := estimators.MethodNamed("binary_connect")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []float64{-1, 0.5, 2, math.NaN()} {
		spec := binary(true, 1, nil)
		spec.Options = estimators.Options{"stochastic": v}
		if _, err := m.New(spec); err == nil {
			t.Errorf("no error for stochastic %v", v)
		}
	}
}
