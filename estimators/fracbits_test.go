package estimators_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/estimators/estimatortest"
)

// fracBits is Yang and Jin 2021, section 3, on LSQ's levels, in float64: the interpolation of two quantizers whose largest
// levels are scale*qp, those of the range r.
func fracBits(x, scale, bits float64, r estimators.Range) float64 {
	at := func(k float64) float64 {
		qn, qp := levelEnds(int(k), r)
		s := scale * float64(r.Qp()) / qp
		return s * math.RoundToEven(clip(x/s, qn, qp))
	}
	k := math.Floor(bits)
	return (1-(bits-k))*at(k) + (bits-k)*at(k+1)
}

func levelEnds(bits int, r estimators.Range) (qn, qp float64) {
	qn, qp = 0, math.Exp2(float64(bits))-1
	if r.Signed {
		qn, qp = -math.Exp2(float64(bits-1)), math.Exp2(float64(bits-1))-1
	}
	if r.Narrow {
		qn = -qp
	}
	return qn, qp
}

// fracBitsGradient has the clipped gradients of both quantizers, as autograd gives them for the interpolation.
func fracBitsGradient(scale []float32, bits float64, r estimators.Range, n float64) func(x, dy []float64) ([]float64, [][]float64) {
	return func(x, dy []float64) ([]float64, [][]float64) {
		dx, ds, db := make([]float64, len(x)), make([]float64, len(scale)), 0.0
		k := math.Floor(bits)
		for i := range x {
			c := i % len(scale)
			s := float64(scale[c])
			for side, share := range []float64{1 - (bits - k), bits - k} {
				qn, qp := levelEnds(int(k)+side, r)
				ratio := float64(r.Qp()) / qp
				v := x[i] / (s * ratio)
				q := math.RoundToEven(clip(v, qn, qp))
				if v >= qn && v <= qp {
					dx[i] += share * dy[i]
					q -= v
				}
				ds[c] += share * dy[i] * q * ratio / math.Sqrt(n*float64(r.Qp()))
			}
			db += dy[i] * (fracBits(x[i], s, k+1, r) - fracBits(x[i], s, k, r))
		}
		return dx, [][]float64{ds, {db}}
	}
}

// fracBitsGrid has every value between and at the thresholds of the finer of the two quantizers.
func fracBitsGrid(scale, bits float64, r estimators.Range) (grid []float64) {
	qn, qp := levelEnds(above(bits), r)
	const fine = 64
	s := scale * float64(r.Qp()) / qp
	for i := int(qn-2) * fine; i <= int(qp+2)*fine; i++ {
		grid = append(grid, fracBits(s*(float64(i)+0.5)/fine, scale, bits, r))
	}
	slices.Sort(grid)
	return slices.CompactFunc(grid, func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })
}

// above is the finer of the two whole numbers of bits.
func above(bits float64) int { return int(math.Floor(bits)) + 1 }

func TestFracBits(t *testing.T) {
	var cases []estimatortest.Case
	for _, tt := range []struct {
		r     estimators.Range
		bits  float64
		n     int
		scale []float32
	}{
		{estimators.Range{Bits: 4}, 4, 0, []float32{0.1}}, // LSQ's own levels
		{estimators.Range{Bits: 4}, 3.25, 0, []float32{0.1}},
		{estimators.Range{Bits: 4, Signed: true}, 4.5, 25, []float32{0.3}},
		{estimators.Range{Bits: 3, Signed: true, Narrow: true}, 2.75, 0, []float32{0.3}},
		{estimators.Range{Bits: 2}, 5.5, 0, []float32{0.7}},
		{estimators.Range{Bits: 4, Signed: true}, 2, 0, []float32{0.3}},
		{estimators.Range{Bits: 3, Signed: true}, 3.5, 0, []float32{0.3, 3, 0.004}},
	} {
		n := float64(tt.n)
		if n == 0 {
			n = 100 // what the suite has in a channel
		}
		c := estimatortest.Case{
			Name:      fmt.Sprint(tt.r, tt.bits, tt.scale),
			Estimator: estimators.FracBits{Range: tt.r, N: tt.n, Scales: len(tt.scale)},
			Params:    estimators.Params{tt.scale, {float32(tt.bits)}}, Bits: above(tt.bits) + 1,
			Gradient: fracBitsGradient(tt.scale, tt.bits, tt.r, n),
		}
		for _, s := range tt.scale {
			c.Grids = append(c.Grids, fracBitsGrid(float64(s), tt.bits, tt.r))
		}
		cases = append(cases, c)
	}
	estimatortest.Run(t, cases...)
}

// Of whole numbers of bits its values and gradients are LSQ's, bit for bit, with the scale that takes its place; in between the
// gradient of the bits is the difference of what they give, and costs and bounds move nothing else.
func TestFracBitsIsLSQ(t *testing.T) {
	x, dy := normals(500, 1, 0, 0.5), normals(500, 2, 0, 1)
	for _, r := range []estimators.Range{{Bits: 4}, {Bits: 4, Signed: true}, {Bits: 8, Signed: true, Narrow: true}} {
		f := estimators.FracBits{Range: r, Scales: 1}
		p := estimators.Params{{0}, {0}}
		if err := f.Init(p, x); err != nil {
			t.Fatal(err)
		}
		forward := func(bits float32) []float32 {
			y := make([]float32, len(x))
			if err := f.Forward(y, x, estimators.Params{p[0], {bits}}); err != nil {
				t.Fatal(err)
			}
			return y
		}
		for bits := estimators.MinLearnedBits; bits <= estimators.MaxLearnedBits; bits++ {
			l := estimators.LSQ{Range: r, Scales: 1}
			l.Bits = bits
			scale, want := []float32{0}, make([]float32, len(x))
			f.FixedScale(scale, p, bits)
			if err := l.Forward(want, x, estimators.Params{scale}); err != nil {
				t.Fatal(err)
			}
			if got := forward(float32(bits)); !slices.Equal(got, want) {
				t.Errorf("%v at %d bits gives other values than LSQ", r, bits)
			}
		}
		gradients := func(bits float32) (dx []float32, dp estimators.Params) {
			dx, dp = make([]float32, len(x)), estimators.Params{{0}, {0}}
			if err := f.Backward(dx, dp, x, dy, estimators.Params{p[0], {bits}}); err != nil {
				t.Fatal(err)
			}
			return dx, dp
		}
		dx, dp := gradients(p[1][0])
		wantX, wantP := make([]float32, len(x)), estimators.Params{{0}}
		if err := (estimators.LSQ{Range: r, Scales: 1}).Backward(wantX, wantP, x, dy, p[:1]); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(dx, wantX) || dp[0][0] != wantP[0][0] {
			t.Errorf("%v: gradients are not LSQ's", r)
		}
		for at, ends := range map[float32][2]float32{5.5: {5.25, 5.75}, 8: {7.5, 8}} { // at 8 the levels are the finer ones of two
			_, dp = gradients(at)
			lo, hi, slope := forward(ends[0]), forward(ends[1]), 0.0
			for i := range x {
				slope += float64(dy[i]) * float64(hi[i]-lo[i]) / 0.5
			}
			if math.Abs(slope-float64(dp[1][0])) > 1e-3*math.Abs(slope) {
				t.Errorf("%v, %v bits: dbits is %v, and the outputs change by %v a bit", r, at, dp[1][0], slope)
			}
		}
		before := dp[1][0]
		if f.AddCost(dp, p, 3); dp[1][0] != before+3 {
			t.Errorf("a cost of 3 a bit makes dbits %v, of %v", dp[1][0], before)
		}
		for bits, want := range map[float32]float32{-1: 2, 2.5: 2.5, 9: 8} {
			q := estimators.Params{{1}, {bits}}
			if f.Bound(q); q[1][0] != want || q[0][0] != 1 {
				t.Errorf("%v bits are bound to %v; wanted %v", bits, q, want)
			}
		}
	}
	for bits := range 10 {
		err := estimators.FracBits{Range: estimators.Range{Bits: bits, Signed: true}}.Validate()
		if ok := bits >= 2 && bits <= 8; (err == nil) != ok {
			t.Errorf("from %d bits: %v", bits, err)
		}
	}
}

// A width between two whole numbers of bits gives values between their levels, and a width that can be moved by gradients.
func ExampleFracBits() {
	x := []float32{-0.9, -0.2, 0.3, 0.6}
	f := estimators.FracBits{Range: estimators.Range{Bits: 3, Signed: true}, Scales: 1}
	scale, y := []float32{0.25}, make([]float32, len(x))
	for _, bits := range []float32{2, 2.5, 3} {
		if err := f.Forward(y, x, estimators.Params{scale, {bits}}); err != nil {
			fmt.Println(err)
		}
		fmt.Println(bits, y)
	}
	dx, dp := make([]float32, len(x)), estimators.Params{{0}, {0}}
	if err := f.Backward(dx, dp, x, []float32{1, 1, 1, 1}, estimators.Params{scale, {2.5}}); err != nil {
		fmt.Println(err)
	}
	fmt.Println("dbits", dp[1])
	// Output:
	// 2 [-0.75 -0 0 0.75]
	// 2.5 [-0.875 -0.125 0.125 0.625]
	// 3 [-1 -0.25 0.25 0.5]
	// dbits [-0.5]
}
