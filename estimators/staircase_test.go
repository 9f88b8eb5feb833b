package estimators

import (
	"math"
	"math/rand/v2"
	"testing"
)

// A staircase gives what Quantize and Backward do.
func TestStaircases(t *testing.T) {
	u4, s4 := Range{Bits: 4}, Range{Bits: 4, Signed: true}
	for _, c := range []struct {
		name string
		est  Stepped
		p    Params
		ok   bool
	}{
		{"lsq", LSQ{Range: u4, N: 50}, Params{{0.2}}, true},
		{"lsq signed ewgs", LSQ{Range: s4, N: 50, STE: ElementwiseScaling{0.3}}, Params{{0.2}}, true},
		{"lsq identity", LSQ{Range: u4, STE: Identity{}}, Params{{0.2}}, false},
		{"lsq per channel", LSQ{Range: u4, Scales: 2}, Params{{0.2, 0.3}}, false},
		{"lsq_plus", LSQPlusInteger{LSQPlus{Range: u4, N: 9}}, Params{{0.2}, {-0.7}}, true},
		{"ewgs", EWGS{Range: Range{Bits: 2}, STE: ElementwiseScaling{0.5}}, Params{{-0.4}, {1.7}, {0.9}}, true},
		{"ewgs weights", EWGS{Range: Range{Bits: 2, Signed: true}}, Params{{-0.4}, {1.7}, {0.9}}, false},
		{"qil", QIL{Bits: 3}, Params{{0.8}, {0.5}}, true},
	} {
		s, ok, err := c.est.Staircase(c.p)
		if err != nil || ok != c.ok {
			t.Errorf("%s: ok is %v, error %v", c.name, ok, err)
		}
		if !c.ok {
			continue
		}
		rng := rand.New(rand.NewPCG(1, 5))
		const n = 500
		x, dy, dx, codes := make([]float32, n), make([]float32, n), make([]float32, n), make([]int32, n)
		dp, got := make(Params, len(c.p)), make(Params, len(c.p))
		for i := range dp {
			dp[i], got[i] = []float32{0}, []float32{0}
		}
		for i := range x {
			x[i], dy[i] = float32(rng.NormFloat64()*1.5), float32(rng.NormFloat64())
		}
		if err := c.est.Quantize(codes, nil, x, c.p); err != nil {
			t.Fatal(err)
		}
		if err := c.est.Backward(dx, dp, x, dy, c.p); err != nil {
			t.Fatal(err)
		}
		var sums StaircaseSums
		for i := range x {
			g, v := float64(dy[i]), (float64(x[i])-float64(s.B))/float64(s.S)
			q, h := math.RoundToEven(min(max(v, float64(s.Lo)), float64(s.Hi))), 0.0
			if v >= float64(s.Lo) && v <= float64(s.Hi) {
				h = g + float64(s.Delta)*math.Abs(g)*(v-q)
			}
			if int(q)+s.Zero != int(codes[i]) || math.Abs(h*float64(s.Slope)-float64(dx[i])) > 1e-5*(1+math.Abs(h)) {
				t.Fatalf("%s: x %v has code %d and gradient %v, the staircase %v and %v", c.name, x[i], codes[i], dx[i], int(q)+s.Zero, h*float64(s.Slope))
			}
			sums.DyQ += g * q
			sums.Dy += g
			sums.HV += h * v
			sums.H += h
		}
		if err := c.est.Gradients(got, c.p, sums, n); err != nil {
			t.Fatal(err)
		}
		for i := range dp {
			if d := math.Abs(float64(got[i][0] - dp[i][0])); d > 1e-4*(1+math.Abs(float64(dp[i][0]))) {
				t.Errorf("%s: gradient of parameter %d is %v by the sums, %v by Backward", c.name, i, got[i][0], dp[i][0])
			}
		}
	}
}
