package estimators_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// newMethod returns the estimator that the method of that name makes of the spec.
func newMethod(t *testing.T, name string, s estimators.Spec) estimators.Estimator {
	t.Helper()
	m, err := estimators.MethodNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	e, err := m.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// binary is the spec of 1 bit weights or activations with so many scales.
func binary(weights bool, scales int, ste estimators.STE) estimators.Spec {
	return estimators.Spec{Range: estimators.Range{Bits: 1, Signed: true}, Weights: weights, Scales: scales, STE: ste}
}

// unitGrids are the levels -a and a of each channel.
func unitGrids(a ...float64) (grids [][]float64) {
	for _, v := range a {
		grids = append(grids, []float64{-v, v})
	}
	return grids
}

// meansOf is mean|x| of each channel.
func meansOf(x []float64, channels int) []float64 {
	means := make([]float64, channels)
	for i, v := range x {
		means[i%channels] += math.Abs(v) / float64(len(x)/channels)
	}
	return means
}

// What binary methods make of a spec without an STE is their papers' estimator, for weights and for activations.
func TestBinaryMethods(t *testing.T) {
	type E = estimators.Estimator
	sign := func(ste estimators.STE) estimators.Sign { return estimators.Sign{STE: ste} }
	clipped, approx, standardEDE := estimators.Clipped{}, estimators.ApproxSign{}, estimators.EDE{T: 0.1}
	for _, tt := range []struct {
		name                 string
		weights, activations E // nil where there is none
	}{
		{"sign", nil, sign(clipped)},
		{"bnn", estimators.BNN{Sign: sign(clipped)}, sign(clipped)},
		{"binary_connect", estimators.BinaryConnect{Sign: sign(estimators.Identity{})}, nil},
		{"bwn", estimators.BWN{STE: clipped}, nil},
		{"xnor", estimators.XNOR{BWN: estimators.BWN{STE: clipped}}, sign(clipped)},
		{"bireal", estimators.BiReal{BWN: estimators.BWN{STE: clipped}}, sign(approx)},
		{"irnet", estimators.IRNet{STE: standardEDE}, sign(standardEDE)},
		{"reactnet", estimators.BWN{STE: clipped}, estimators.RSign{STE: approx}},
	} {
		m, err := estimators.MethodNamed(tt.name)
		if err != nil {
			t.Error(err)
			continue
		}
		if m.Weights != (tt.weights != nil) || m.Activations != (tt.activations != nil) {
			t.Errorf("%s: weights %v, activations %v", tt.name, m.Weights, m.Activations)
		}
		for weights, want := range map[bool]E{true: tt.weights, false: tt.activations} {
			if want == nil {
				continue
			}
			x, g := []float32{-2, -0.9, -0.3, 0.2, 0.8, 1.3}, []float32{1, 2, 3, 4, 5, 6}
			got := newMethod(t, tt.name, binary(weights, 1, nil))
			if !slices.Equal(outputs(t, got, x, g), outputs(t, want, x, g)) {
				t.Errorf("%s, weights %v: %v; want %v", tt.name, weights, outputs(t, got, x, g), outputs(t, want, x, g))
			}
			testMisfits(t, m, weights, 1)
		}
	}
}

// testMisfits checks that other bits and a foreign STE are errors that name the method and what fits.
func testMisfits(t *testing.T, m estimators.Method, weights bool, bits int) {
	t.Helper()
	for _, wrong := range []int{0, 3 - bits, 4} {
		_, err := m.New(estimators.Spec{Range: estimators.Range{Bits: wrong, Signed: true}, Weights: weights})
		if err == nil || !strings.HasPrefix(err.Error(), ""+m.Name+": ") {
			t.Errorf("%s with %d bits: %v; want an error", m.Name, wrong, err)
		}
	}
	r := estimators.Range{Bits: bits, Signed: true}
	_, err := m.New(estimators.Spec{Range: r, Weights: weights, STE: foreignSTE{}})
	if err == nil || !strings.HasPrefix(err.Error(), ""+m.Name+": ") {
		t.Errorf("%s with a foreign STE: %v; want an error", m.Name, err)
		return
	}
	for _, fits := range m.STEs {
		if !strings.Contains(err.Error(), fits) {
			t.Errorf("%s with a foreign STE: %v; want an error that names %s", m.Name, err, fits)
		}
	}
}

type foreignSTE struct{ estimators.Identity }

// outputs are y and dx, with the initial parameters.
func outputs(t *testing.T, e estimators.Estimator, x, g []float32) []float32 {
	t.Helper()
	var p, dp estimators.Params
	for _, l := range e.Params() {
		p, dp = append(p, make([]float32, l.Len)), append(dp, make([]float32, l.Len))
	}
	y, dx := make([]float32, len(x)), make([]float32, len(x))
	if err := e.Init(p, x); err != nil {
		t.Fatal(err)
	}
	if err := e.Forward(y, x, p); err != nil {
		t.Fatal(err)
	}
	if err := e.Backward(dx, dp, x, g, p); err != nil {
		t.Fatal(err)
	}
	return append(y, dx...)
}

// With a scale for each channel, a channel gets what it gets alone.
func TestBinaryChannelsAreApart(t *testing.T) {
	const channels, n = 3, 7
	rng := rand.New(rand.NewPCG(7, 8))
	x, g := make([]float32, n*channels), make([]float32, n*channels)
	for i := range x {
		x[i], g[i] = float32(rng.NormFloat64())*float32(i%channels+1), float32(rng.NormFloat64())
	}
	all := func(e estimators.Estimator, x, g []float32, c, stride int) (out []float32) {
		var p, dp estimators.Params
		for _, l := range e.Params() {
			values := make([]float32, l.Len)
			for j := range values {
				values[j] = 0.1 * float32(c+j+1)
			}
			p, dp = append(p, values), append(dp, make([]float32, l.Len))
		}
		y, dx := make([]float32, len(x)), make([]float32, len(x))
		codes, scale := make([]int32, len(x)), make([]float32, stride)
		err := errors.Join(e.Forward(y, x, p), e.Backward(dx, dp, x, g, p))
		if u, ok := e.(estimators.Integer); ok {
			err = errors.Join(err, u.Quantize(codes, nil, x, p), u.CodeScale(scale, x, p))
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range x {
			out = append(out, y[i], dx[i], float32(codes[i]))
		}
		out = append(out, scale...)
		for _, values := range dp {
			out = append(out, values...)
		}
		return out
	}
	for _, method := range []string{"sign", "bwn", "xnor", "bireal", "irnet", "reactnet", "twn", "ttq"} {
		for _, weights := range []bool{true, false} {
			m, err := estimators.MethodNamed(method)
			if err != nil {
				t.Fatal(err)
			}
			if weights && !m.Weights || !weights && !m.Activations {
				continue
			}
			spec := binary(weights, channels, nil)
			spec.Bits = m.MinBits
			together := all(newMethod(t, method, spec), x, g, 0, channels)
			spec.Scales = 1
			for c := range channels {
				var xc, gc []float32
				for i := c; i < len(x); i += channels {
					xc, gc = append(xc, x[i]), append(gc, g[i])
				}
				alone := all(newMethod(t, method, spec), xc, gc, c, 1)
				var want []float32
				for i := range n {
					at := 3 * (i*channels + c)
					want = append(want, together[at:at+3]...)
				}
				for i := 3*n*channels + c; i < len(together); i += channels {
					want = append(want, together[i])
				}
				if !slices.Equal(alone, want) {
					t.Errorf("%s, weights %v, channel %d: alone %v; among others %v", method, weights, c, alone, want)
				}
			}
		}
	}
}

// A call on activations allocates nothing, whatever the gradient.
func TestBinaryActivationsDoNotAllocate(t *testing.T) {
	x, y := make([]float32, 4*96), make([]float32, 4*96)
	threshold, dthreshold := estimators.Params{make([]float32, 96)}, estimators.Params{make([]float32, 96)}
	for _, s := range surrogates() {
		sign, rsign := estimators.Sign{STE: s.ste}, estimators.RSign{STE: s.ste, Scales: 96}
		n := testing.AllocsPerRun(10, func() {
			for _, err := range [...]error{
				sign.Forward(y, x, nil), sign.Backward(y, nil, x, y, nil),
				rsign.Forward(y, x, threshold), rsign.Backward(y, dthreshold, x, y, threshold),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", s.name, n)
		}
	}
}
