package estimators_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/estimators/estimatortest"
)

// dqGradient is Uhlich et al. 2020, section 2, the gradients of case U3.
func dqGradient(d, end float64, signed bool) func(x, dy []float64) ([]float64, [][]float64) {
	return func(x, dy []float64) ([]float64, [][]float64) {
		dx, dd, dend := make([]float64, len(x)), 0.0, 0.0
		for i, v := range x {
			switch {
			case !signed && v < 0: // the range begins at 0
			case math.Abs(v) <= end:
				dx[i] = dy[i]
				dd += dy[i] * (d*math.RoundToEven(v/d) - v) / d
			default:
				dend += dy[i] * signOf(v)
			}
		}
		return dx, [][]float64{{dd}, {dend}}
	}
}

func TestDQ(t *testing.T) {
	var cases []estimatortest.Case
	for _, tt := range []struct {
		r      estimators.Range
		d, end float32
	}{
		{estimators.Range{Bits: 4}, 0.125, 1.875},
		{estimators.Range{Bits: 4}, 0.1, 0.83}, // 8 levels above 0, and 4 bits
		{estimators.Range{Bits: 2}, 0.3, 0.9},
		{estimators.Range{Bits: 4, Signed: true}, 0.25, 1.75},
		{estimators.Range{Bits: 8, Signed: true}, 0.5, 2.7},
		{estimators.Range{Bits: 3, Signed: true, Narrow: true}, 0.02, 1.27},
	} {
		n := int(math.RoundToEven(float64(tt.end) / float64(tt.d)))
		least := 0
		if tt.r.Signed {
			least = -n
		}
		cases = append(cases, estimatortest.Case{
			Name: fmt.Sprint(tt.r, tt.d, tt.end), Estimator: estimators.DQ{Range: tt.r}, Params: estimators.Params{{tt.d}, {tt.end}}, Bits: 8, Idempotent: true,
			Grids: [][]float64{evenGrid(least, n, float64(tt.d), 0)}, Gradient: dqGradient(float64(tt.d), float64(tt.end), tt.r.Signed),
		})
	}
	estimatortest.Run(t, cases...)
}

// The bit width is the paper's, also its gradient, within what can be learned.
func TestDQBits(t *testing.T) {
	bits := func(d, end float64, signed bool) float64 {
		b := math.Log2(end/d + 1)
		if signed {
			b++
		}
		return b
	}
	for _, signed := range []bool{false, true} {
		q := estimators.DQ{Range: estimators.Range{Bits: 4, Signed: signed}}
		x := normals(500, 1, 0, 0.5)
		p := estimators.Params{{0}, {0}}
		if err := q.Init(p, x); err != nil || math.Abs(q.LearnedBits(p)-4) > 1e-6 || q.CostBits(p) != 4 {
			t.Fatalf("from 4 bits it starts with %v, which are %v bits and cost %v (%v)", p, q.LearnedBits(p), q.CostBits(p), err)
		}
		for _, s := range []struct{ d, end float32 }{{0.1, 0.45}, {0.1, 1.1}, {0.01, 0.5}} {
			p := estimators.Params{{s.d}, {s.end}}
			want := bits(float64(s.d), float64(s.end), signed)
			if got := q.LearnedBits(p); math.Abs(got-want) > 1e-6 || q.CostBits(p) != math.Ceil(want) {
				t.Errorf("%+v: %v bits cost %v, want %v", s, got, q.CostBits(p), want)
			}
			const h, cost = 1e-6, 1e-5
			dd := cost * (bits(float64(s.d)+h, float64(s.end), signed) - bits(float64(s.d)-h, float64(s.end), signed)) / (2 * h)
			dend := cost * (bits(float64(s.d), float64(s.end)+h, signed) - bits(float64(s.d), float64(s.end)-h, signed)) / (2 * h)
			dp := estimators.Params{{0.001}, {0.002}}
			if q.AddCost(dp, p, cost); math.Abs(float64(dp[0][0])-0.001-dd) > 1e-4*math.Abs(dd) || math.Abs(float64(dp[1][0])-0.002-dend) > 1e-4*dend {
				t.Errorf("%+v: gradients %v, want %v and %v more than 0.001 and 0.002", s, dp, dd, dend)
			}
			dp = estimators.Params{{-5}, {7}}
			if q.AddCost(dp, p, 0); dp[0][0] != -s.d || dp[1][0] != s.d {
				t.Errorf("%+v: large gradients become %v, want them clipped at d", s, dp)
			}
			for k := 2; k <= 8; k++ {
				scale, r := []float32{0}, estimators.Range{Bits: k, Signed: signed}
				if q.FixedScale(scale, p, k); math.Abs(float64(scale[0])*float64(r.Qp())-float64(s.end)) > 1e-6 {
					t.Errorf("%+v: of %d bits the scale is %v, the largest level not the range", s, k, scale)
				}
			}
		}
		for _, tt := range []struct{ end, bits float64 }{{1e-3, 2}, {0.5, 0}, {1e4, 8}} {
			p := estimators.Params{{0.1}, {float32(tt.end)}}
			q.Bound(p)
			if got := bits(0.1, float64(p[1][0]), signed); tt.bits > 0 && math.Abs(got-tt.bits) > 1e-5 || tt.bits == 0 && p[1][0] != 0.5 || p[0][0] != 0.1 {
				t.Errorf("a range of %v is bound to %v, %v bits", tt.end, p[1][0], got)
			}
		}
	}
	for d := float32(1e-3); d < 1; d *= 1.01 { // in float32 a quotient of 15 may be more than that
		if b := (estimators.DQ{Range: estimators.Range{Bits: 4}}).CostBits(estimators.Params{{d}, {d * 15}}); b != 4 {
			t.Errorf("15 steps of %v cost %v bits, want 4", d, b)
		}
	}
	m, err := estimators.MethodNamed("dq")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.New(estimators.Spec{Range: estimators.Range{Bits: 4, Signed: true}, Scales: 8, Weights: true}); err == nil {
		t.Error("it has a bit width for each channel")
	}
}

// A number that is none is one of the gradient, too, so that training finds it.
func TestDQNaN(t *testing.T) {
	dx, dp := make([]float32, 2), estimators.Params{{0}, {0}}
	q := estimators.DQ{Range: estimators.Range{Bits: 4, Signed: true}}
	if err := q.Backward(dx, dp, []float32{0.1, float32(math.NaN())}, []float32{1, 1}, estimators.Params{{0.1}, {0.7}}); err != nil || dx[0] != 1 || dx[1] != 0 || dp[0][0] == dp[0][0] {
		t.Errorf("gradients %v and %v (%v), want 1 and 0, and NaN of the step", dx, dp, err)
	}
}

// What a method declares of bit widths is what its estimator does.
func TestBitLearners(t *testing.T) {
	var names []string
	for _, m := range estimators.Methods() {
		if est, err := m.New(estimators.Spec{Range: estimators.Range{Bits: max(m.MinBits, 4), Signed: true}, Scales: 1, Weights: true}); err == nil {
			if _, learns := est.(estimators.BitLearner); learns != m.LearnsBits {
				t.Errorf("%s declares %t, and is a BitLearner: %t", m.Name, m.LearnsBits, learns)
			} else if learns {
				names = append(names, m.Name)
			}
		}
	}
	if want := []string{"dq", "fracbits"}; !slices.Equal(names, want) {
		t.Errorf("%v learn bit widths, want %v", names, want)
	}
}
