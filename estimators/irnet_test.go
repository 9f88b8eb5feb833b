package estimators_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/estimators/estimatortest"
)

// libra is Qin et al. 2020, section 3.2, for one channel: the standardized weights, with n-1 as in the released
// code, their standard deviation and the power of two.
func libra(x []float64) (v []float64, std, scale float64) {
	mean, n := 0.0, float64(len(x))
	for _, w := range x {
		mean += w / n
	}
	for _, w := range x {
		std += (w - mean) * (w - mean)
	}
	std = math.Sqrt(std / (n - 1))
	l1 := 0.0
	for _, w := range x {
		v = append(v, (w-mean)/std)
		l1 += math.Abs(w-mean) / std
	}
	return v, std, math.Exp2(math.Round(math.Log2(l1 / n)))
}

// channelOf is every so many elements of x.
func channelOf(x []float64, c, channels int) (out []float64) {
	for i := c; i < len(x); i += channels {
		out = append(out, x[i])
	}
	return out
}

// irnetGradient multiplies with the Jacobian of the standardization, element by element.
func irnetGradient(channels int, derivative func(float64) float64) func(x, dy []float64) ([]float64, [][]float64) {
	return func(x, dy []float64) ([]float64, [][]float64) {
		dx := make([]float64, len(x))
		for c := range channels {
			v, std, scale := libra(channelOf(x, c, channels))
			n := float64(len(v))
			for i := range v {
				for j := range v {
					jacobian := -1/(n*std) - v[i]*v[j]/((n-1)*std)
					if i == j {
						jacobian += 1 / std
					}
					dx[c+i*channels] += dy[c+j*channels] * scale * derivative(v[j]) * jacobian
				}
			}
		}
		return dx, nil
	}
}

func TestIRNet(t *testing.T) {
	var cases []estimatortest.Case
	for _, s := range surrogates() {
		for _, grids := range [][][]float64{{{-1, 1}}, {{-0.3, 0.5}, {1, 3}, {-0.01, 0.01}}} {
			channels := len(grids)
			cases = append(cases, estimatortest.Case{
				Name: s.name, Estimator: newMethod(t, "irnet", binary(true, channels, s.ste)), Bits: 1,
				Grids: grids,
				GridsOf: func(x []float64) (grids [][]float64) {
					for c := range channels {
						_, _, scale := libra(channelOf(x, c, channels))
						grids = append(grids, []float64{-scale, scale})
					}
					return grids
				},
				Gradient: irnetGradient(channels, s.derivative),
			})
		}
	}
	estimatortest.Run(t, cases...)
}

// With EDE the gradient is that of a*k*tanh(t*v), a held constant: differences of the loss agree.
func TestIRNetGradientOfTheSurrogate(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	x, g := make([]float32, 40), make([]float32, 40)
	w := make([]float64, len(x))
	for i := range x {
		x[i], g[i] = float32(0.1+0.3*math.Pow(rng.NormFloat64(), 3)), float32(rng.NormFloat64()) // long tails: a is 1/2
		w[i] = float64(x[i])
	}
	s := ede(1.5)
	_, _, scale := libra(w)
	if scale != 0.5 {
		t.Fatalf("a is %v; with 1 its factor would not show", scale)
	}
	loss := func() (sum float64) {
		v, _, _ := libra(w)
		for i := range v {
			sum += float64(g[i]) * scale * s.function(v[i])
		}
		return sum
	}
	dx := make([]float32, len(x))
	if err := (estimators.IRNet{STE: s.ste}).Backward(dx, nil, x, g, nil); err != nil {
		t.Fatal(err)
	}
	const h = 1e-6
	for i := range x {
		w[i] += h
		above := loss()
		w[i] -= 2 * h
		want := (above - loss()) / (2 * h)
		w[i] += h
		if !within(float64(dx[i]), want, 1e-5) {
			t.Errorf("dx[%d] = %v; differences of the loss give %v", i, dx[i], want)
		}
	}
}

// The scale is a power of two, and the signs are balanced about the mean: by hand for few weights.
func TestIRNetByHand(t *testing.T) {
	for _, tt := range []struct {
		x     []float32
		codes []int32
		scale float32
	}{
		{[]float32{1, 2, 3, 4}, []int32{-1, -1, 1, 1}, 1},                     // mean|v| is 1/sqrt(5/3) = 0.77
		{[]float32{10, 10, 10, 10, 10, 10, 10, 10, 10, 11}, nil, 0.5},         // 0.18/0.3162 = 0.57
		{[]float32{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, nil, 0.5}, // 0.1172/0.25 = 0.47
		{append(make([]float32, 63), -3), append(ones(63), -1), 0.25},         // 2/64*(63/64)/(1/8) = 0.246
		{[]float32{7, 7, 7}, []int32{1, 1, 1}, estimators.MinScale},           // no spread
		{[]float32{-2}, []int32{1}, estimators.MinScale},                      // one element
		{[]float32{-1, -1, 1, 1, 0, 0}, []int32{-1, -1, 1, 1, 1, 1}, 1},       // 0 is the mean, and its sign is 1
		{[]float32{1e-30, 2e-30, 3e-30, 4e-30}, []int32{-1, -1, 1, 1}, 1},     // whatever the unit
		{[]float32{1e38, 2e38, 3e38, 3.4e38}, []int32{-1, -1, 1, 1}, 1},       //
	} {
		codes, y, scale := make([]int32, len(tt.x)), make([]float32, len(tt.x)), make([]float32, 1)
		e := estimators.IRNet{}
		if err := e.Quantize(codes, y, tt.x, nil); err != nil {
			t.Fatal(err)
		}
		if err := e.CodeScale(scale, tt.x, nil); err != nil {
			t.Fatal(err)
		}
		if scale[0] != tt.scale {
			t.Errorf("%v: scale %v; want %v", tt.x, scale[0], tt.scale)
		}
		for i := range tt.codes {
			if codes[i] != tt.codes[i] || y[i] != tt.scale*float32(codes[i]) {
				t.Errorf("%v: code %d, y %v of element %d; want %d", tt.x, codes[i], y[i], i, tt.codes[i])
			}
		}
	}
}

func ones(n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = 1
	}
	return out
}

func TestIRNetWithoutSpread(t *testing.T) {
	x, g, dx := []float32{0.1, 0.1, 0.1}, []float32{1, 2, 3}, []float32{5, 5, 5}
	if err := (estimators.IRNet{STE: estimators.EDE{T: 1}}).Backward(dx, nil, x, g, nil); err != nil {
		t.Fatal(err)
	}
	if dx[0] != 0 || dx[1] != 0 || dx[2] != 0 {
		t.Errorf("dx = %v; want 0", dx)
	}
	e := estimators.IRNet{Scales: 2}
	if e.CodeScale(make([]float32, 1), []float32{1, 2}, nil) == nil || e.CodeScale(make([]float32, 2), []float32{1}, nil) == nil {
		t.Error("no error for a short scale, or for a part of the channels")
	}
}
