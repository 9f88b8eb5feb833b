package estimators

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/qat-go/qat/internal/staircase"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// levelOf is the q of v.
func levelOf(s *Staircase, v float64) float64 {
	if s.Ladder == nil {
		return math.RoundToEven(min(max(v, float64(s.Lo)), float64(s.Hi)))
	}
	i := 0
	for i < s.Ladder.Rungs && float32(v) > s.Ladder.Thresholds[i] {
		i++
	}
	return float64(s.Ladder.Levels[i])
}

// thresholdsOf are those in use.
func thresholdsOf(s *Staircase) []float32 {
	if s.Ladder == nil {
		return nil
	}
	return s.Ladder.Thresholds[:s.Ladder.Rungs]
}

// heightAt is the height at v, and what stands beside dy in DyBell.
func heightAt(b *staircase.Bell, v float64) (height, term float64) {
	d, k := v, float64(b.K)
	if b.Many != 0 {
		d = v - math.Floor(v) - 0.5
	}
	t := math.Tanh(k * d / 2)
	term = float64(b.P)*t + float64(b.Q)*d*(1-t*t)
	if b.Linear != 0 {
		return float64(b.A) - k*math.Abs(d), term
	}
	return (1 - t*t) * (float64(b.A) - float64(b.B)*k*d*t), term
}

// A staircase gives what Forward, Quantize and Backward do.
func TestStaircases(t *testing.T) {
	basis := LQNets{Bits: 2}.WithState(Params{{0.9, 0.4}}).(LQNets)
	signed := LQNets{Bits: 2, Signed: true}.WithState(Params{{0.9, 0.4}}).(LQNets)
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
		{"lsq_plus without zero point", LSQPlus{Range: u4, N: 9}, Params{{0.2}, {-0.71}}, true},
		{"apot", APoT{Bits: 4}, Params{{1.7}}, true},
		{"apot signed", APoT{Bits: 4, Signed: true}, Params{{1.7}}, true},
		{"apot 6 bits", APoT{Bits: 6}, Params{{1.7}}, false},
		{"apot weights", APoT{Bits: 4, Signed: true, Normalize: true}, Params{{1.7}}, false},
		{"hwgq", must(NewHWGQ(2)), nil, true},
		{"hwgq even", must(NewUniformHWGQ(3)), nil, true},
		{"lq_nets", basis, nil, true},
		{"lq_nets signed", signed, nil, true},
		{"lq_nets without state", LQNets{Bits: 2}, nil, false},
		{"ewgs", EWGS{Range: Range{Bits: 2}, STE: ElementwiseScaling{0.5}}, Params{{-0.4}, {1.7}, {0.9}}, true},
		{"ewgs weights", EWGS{Range: Range{Bits: 2, Signed: true}}, Params{{-0.4}, {1.7}, {0.9}}, false},
		{"dsq", DSQ{Bits: 2, LearnAlpha: true}, Params{{-0.4}, {1.7}, {0.15}}, true},
		{"dsq with zero point", DSQInteger{DSQ{Bits: 3}}, Params{{-0.4}, {1.7}}, true},
		{"lsq soft", LSQ{Range: u4, N: 50, STE: must(NewSoftStaircase(0.3))}, Params{{0.2}}, true},
		{"sign", Sign{}, nil, true},
		{"sign identity", Sign{STE: Identity{}}, nil, true},
		{"sign approx", Sign{STE: ApproxSign{}}, nil, true},
		{"sign ede", Sign{STE: EDE{T: 3}}, nil, true},
		{"sign swish", Sign{STE: SwishSign{Beta: 5}}, nil, true},
		{"sign reste", Sign{STE: ReSTE{O: 3, T: 1.5}}, nil, false},
		{"qil", QIL{Bits: 3}, Params{{0.8}, {0.5}}, true},
	} {
		s, ok, err := c.est.Staircase(c.p)
		if (err != nil) != (c.name == "lq_nets without state") || ok != c.ok {
			t.Errorf("%s: ok is %v, error %v", c.name, ok, err)
		}
		if !c.ok {
			continue
		}
		rng := rand.New(rand.NewPCG(1, 5))
		const n = 500
		x, dy, dx, y, codes := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n), make([]int32, n)
		dp, got := make(Params, len(c.p)), make(Params, len(c.p))
		for i := range dp {
			dp[i], got[i] = []float32{0}, []float32{0}
		}
		for i := range x {
			x[i], dy[i] = float32(rng.NormFloat64()*1.5), float32(rng.NormFloat64())
		}
		for i, threshold := range thresholdsOf(&s) { // ties
			x[i], x[20+i] = threshold*s.Scale, math.Nextafter32(threshold, 9)*s.Scale
		}
		if err := c.est.Forward(y, x, c.p); err != nil {
			t.Fatal(err)
		}
		integer, isInteger := c.est.(Integer)
		if isInteger {
			if err := integer.Quantize(codes, nil, x, c.p); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.est.Backward(dx, dp, x, dy, c.p); err != nil {
			t.Fatal(err)
		}
		var sums StaircaseSums
		for i := range x {
			g, v := float64(dy[i]), (float64(x[i])-float64(s.Shift))/float64(s.Scale)
			if s.Ladder != nil {
				v = float64(x[i] / s.Scale)
			}
			q, h := levelOf(&s, v), 0.0
			if v >= float64(s.Lo) && v <= float64(s.Hi) {
				h = g + float64(s.Delta)*math.Abs(g)*(v-q)
				if s.Bell != nil {
					height, term := heightAt(s.Bell, v)
					h = g * height
					sums.DyBell += g * term
				}
			}
			if value := float32(q)*s.Unit + s.Offset; isInteger && int(q)+s.Zero != int(codes[i]) || value != y[i] {
				t.Fatalf("%s: x %v has value %v and code %d, the staircase %v and %v", c.name, x[i], y[i], codes[i], value, int(q)+s.Zero)
			}
			if math.Abs(h*float64(s.Slope)-float64(dx[i])) > 1e-5*(1+math.Abs(h)) {
				t.Fatalf("%s: x %v has gradient %v, the staircase %v", c.name, x[i], dx[i], h*float64(s.Slope))
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
