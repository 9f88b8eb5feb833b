package estimators_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// rprelu is Liu et al. 2020, section 4.2.
func rprelu(x, gamma, zeta, beta float64) float64 {
	if x > gamma {
		return x - gamma + zeta
	}
	return beta*(x-gamma) + zeta
}

// Gradients are differences of the loss sum(g*y), which is piecewise linear in each x and parameter.
func TestRPReLU(t *testing.T) {
	for _, channels := range []int{1, 3, 1100} {
		rng := rand.New(rand.NewPCG(1, uint64(channels)))
		draw := func(n int) []float32 {
			out := make([]float32, n)
			for i := range out {
				out[i] = float32(rng.NormFloat64())
			}
			return out
		}
		x, g := draw(8*channels), draw(8*channels)
		p := estimators.Params{draw(channels), draw(channels), draw(channels)}
		dp := estimators.Params{make([]float32, channels), make([]float32, channels), make([]float32, channels)}
		y, dx := make([]float32, len(x)), make([]float32, len(x))
		e := estimators.RPReLU{Channels: channels}
		if err := e.Forward(y, x, p); err != nil {
			t.Fatal(err)
		}
		if err := e.Backward(dx, dp, x, g, p); err != nil {
			t.Fatal(err)
		}
		want := make([][3]float64, channels)
		const h = 1e-6
		for i, v := range x {
			c := i % channels
			at := func(dx, dgamma, dzeta, dbeta float64) float64 {
				return rprelu(float64(v)+dx, float64(p[0][c])+dgamma, float64(p[1][c])+dzeta, float64(p[2][c])+dbeta)
			}
			slope := func(a, b, c, d float64) float64 {
				return float64(g[i]) * (at(a*h, b*h, c*h, d*h) - at(-a*h, -b*h, -c*h, -d*h)) / (2 * h)
			}
			if !within(float64(y[i]), at(0, 0, 0, 0), 1e-6) || !within(float64(dx[i]), slope(1, 0, 0, 0), 1e-5) {
				t.Fatalf("y(%v) = %v, dx = %v; want %v, %v", v, y[i], dx[i], at(0, 0, 0, 0), slope(1, 0, 0, 0))
			}
			want[c][0] += slope(0, 1, 0, 0)
			want[c][1] += slope(0, 0, 1, 0)
			want[c][2] += slope(0, 0, 0, 1)
		}
		for c := range channels {
			for j, learned := range e.Params() {
				if !within(float64(dp[j][c]), want[c][j], 1e-4) || learned.Len != channels {
					t.Fatalf("d%s[%d] = %v of %d; want %v of %d", learned.Name, c, dp[j][c], learned.Len, want[c][j], channels)
				}
			}
		}
		inPlace, dxInPlace := slices.Clone(x), slices.Clone(g)
		if err := e.Forward(inPlace, inPlace, p); err != nil || !slices.Equal(inPlace, y) {
			t.Errorf("in place, Forward gives another result, or %v", err)
		}
		if err := e.Backward(dxInPlace, dp, x, dxInPlace, p); err != nil || !slices.Equal(dxInPlace, dx) {
			t.Errorf("in place, Backward gives another result, or %v", err)
		}
	}
}

func TestRPReLUStart(t *testing.T) {
	e := estimators.RPReLU{}
	p := estimators.Params{{9}, {9}, {9}}
	if err := e.Init(p); err != nil {
		t.Fatal(err)
	}
	x := []float32{-4, -1, 0, 2, float32(math.NaN())}
	y, dx, dp := make([]float32, len(x)), make([]float32, len(x)), estimators.Params{{0}, {0}, {0}}
	if err := e.Forward(y, x, p); err != nil {
		t.Fatal(err)
	}
	if err := e.Backward(dx, dp, x, []float32{1, 1, 1, 1, 1}, p); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(y[:4], []float32{-1, -0.25, 0, 2}) || y[4] == y[4] {
		t.Errorf("y = %v; want x above 0 and x/4 below", y)
	}
	if !slices.Equal(dx, []float32{0.25, 0.25, 0.25, 1, 0}) || dp[0][0] != -1.75 || dp[1][0] != 5 || dp[2][0] == dp[2][0] {
		t.Errorf("dx = %v, dp = %v", dx, dp)
	}
}

func TestRPReLUErrors(t *testing.T) {
	e := estimators.RPReLU{Channels: 2}
	x, y := make([]float32, 4), make([]float32, 4)
	good := estimators.Params{{0, 0}, {0, 0}, {0, 0}}
	nan := float32(math.NaN())
	for _, p := range []estimators.Params{
		nil, {{0}, {0}, {0}}, {{0, 0}, {0, 0}}, {{0, 0}, {0, 0}, {0, nan}}, {{0, 0}, {0, 0}, {0, 0}, {0, 0}},
	} {
		if e.Forward(y, x, p) == nil || e.Backward(y, p, x, x, p) == nil {
			t.Errorf("no error for the parameters %v", p)
		}
	}
	for name, err := range map[string]error{
		"a short y":             e.Forward(y[:3], x, good),
		"a part of the channel": e.Forward(y[:3], x[:3], good),
		"a short dx":            e.Backward(y[:3], good, x, x, good),
		"a short dy":            e.Backward(y, good, x, x[:3], good),
		"gradients of 1":        e.Backward(y, good[:1], x, x, good),
		"Init of 1":             e.Init(good[:1]),
	} {
		if err == nil {
			t.Errorf("no error for %s", name)
		}
	}
}

func TestRPReLUDoesNotAllocate(t *testing.T) {
	e := estimators.RPReLU{Channels: 96}
	p := estimators.Params{make([]float32, 96), make([]float32, 96), make([]float32, 96)}
	dp := estimators.Params{make([]float32, 96), make([]float32, 96), make([]float32, 96)}
	x, y := make([]float32, 4*96), make([]float32, 4*96)
	n := testing.AllocsPerRun(10, func() {
		if e.Forward(y, x, p) != nil || e.Backward(y, dp, x, y, p) != nil {
			t.Fatal("error")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
