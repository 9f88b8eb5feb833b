package estimators_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/estimators/estimatortest"
)

func init() {
	goldenMethods["apot_unsigned"] = func(t *testing.T, c goldenCase, p goldenParams) {
		var alpha []float32
		if err := json.Unmarshal(p.Alpha, &alpha); err != nil {
			t.Fatal(err)
		}
		compareGolden(t, estimators.APoT{Bits: p.Bits}, c, estimators.Params{alpha}, c.Dalpha)
		grid := apotGrid(p.Bits, 1)
		if len(grid) != len(p.Levels) {
			t.Fatalf("%d levels, want %d", len(grid), len(p.Levels))
		}
		for i, l := range p.Levels {
			if math.Abs(grid[i]-float64(l)) > 1e-7 {
				t.Errorf("level %d is %v, want %v", i, grid[i], l)
			}
		}
	}
}

// apotGrid are the levels up to alpha of b bits: Li et al. 2020, equation 5, and for odd b what the authors' code makes
// of it, in real numbers.
func apotGrid(b int, alpha float64) []float64 {
	n := b / 2
	sums := map[float64]bool{0: true}
	add := func(terms ...float64) {
		next := map[float64]bool{}
		for s := range sums {
			for _, t := range append(terms, 0) {
				next[s+t] = true
			}
		}
		sums = next
	}
	for i := range n {
		if b%2 == 0 {
			add(math.Exp2(-float64(i)), math.Exp2(-float64(i+n)), math.Exp2(-float64(i+2*n)))
		} else {
			add(math.Exp2(-float64(i)), math.Exp2(-float64(i+n)), math.Exp2(-float64(i+2*n+1)))
		}
	}
	if b%2 == 1 {
		add(math.Exp2(-2 * float64(n)))
	}
	var grid []float64
	largest := 0.0
	for s := range sums {
		largest = max(largest, s)
	}
	for s := range sums {
		grid = append(grid, alpha*s/largest)
	}
	slices.Sort(grid)
	return grid
}

// signedGrid has both signs of the levels.
func signedGrid(magnitudes []float64) []float64 {
	grid := slices.Clone(magnitudes)
	for _, l := range magnitudes {
		if l > 0 {
			grid = append(grid, -l)
		}
	}
	slices.Sort(grid)
	return grid
}

// apotGradient is equation 8 and the clipped gradient of x, or the chain rule where the gradient is passed everywhere.
func apotGradient(grids [][]float64, everywhere bool) func(x, dy []float64) ([]float64, [][]float64) {
	return func(x, dy []float64) ([]float64, [][]float64) {
		dx, da := make([]float64, len(x)), make([]float64, len(grids))
		for i := range x {
			grid := grids[i%len(grids)]
			lo, alpha := grid[0], grid[len(grid)-1]
			y := grid[0]
			for _, l := range grid {
				if math.Abs(l-x[i]) < math.Abs(y-x[i]) {
					y = l
				}
			}
			switch {
			case lo <= x[i] && x[i] <= alpha || everywhere:
				dx[i] = dy[i]
				da[i%len(grids)] += dy[i] * (y - x[i]) / alpha
			case x[i] > alpha:
				da[i%len(grids)] += dy[i]
			case lo < 0:
				da[i%len(grids)] -= dy[i]
			}
		}
		return dx, [][]float64{da}
	}
}

func TestAPoT(t *testing.T) {
	var cases []estimatortest.Case
	add := func(name string, e estimators.APoT, alphas ...float32) {
		b := e.Bits
		if e.Signed {
			b--
		}
		e.Scales = len(alphas)
		c := estimatortest.Case{Name: name, Estimator: e, Params: estimators.Params{alphas}, Bits: e.Bits, Idempotent: true}
		for _, alpha := range alphas {
			grid := apotGrid(b, float64(alpha))
			if e.Signed {
				grid = signedGrid(grid)
			}
			c.Grids = append(c.Grids, grid)
		}
		c.Gradient = apotGradient(c.Grids, e.STE != nil)
		cases = append(cases, c)
	}
	for bits := 1; bits <= 6; bits++ {
		add(fmt.Sprintf("unsigned %d", bits), estimators.APoT{Bits: bits}, 1.3)
	}
	for bits := 2; bits <= 7; bits++ {
		add(fmt.Sprintf("signed %d", bits), estimators.APoT{Bits: bits, Signed: true}, 0.7)
	}
	add("per channel", estimators.APoT{Bits: 4}, 1, 0.01, 30)
	add("identity", estimators.APoT{Bits: 4, Signed: true, STE: estimators.Identity{}}, 1.5)
	estimatortest.Run(t, cases...)
}

// Normalized weights have the levels of alpha in units of the deviation, and the gradient of the normalization with its
// mean and deviation constant.
func TestAPoTNormalized(t *testing.T) {
	normalize := func(x []float64) ([]float64, float64) {
		mean, square := 0.0, 0.0
		for _, v := range x {
			mean += v / float64(len(x))
		}
		for _, v := range x {
			square += (v - mean) * (v - mean) / float64(len(x))
		}
		out := make([]float64, len(x))
		for i, v := range x {
			out[i] = (v - mean) / (math.Sqrt(square) + 1e-5)
		}
		return out, math.Sqrt(square) + 1e-5
	}
	var cases []estimatortest.Case
	for _, bits := range []int{2, 3, 4, 5, 6} {
		for _, alphas := range [][]float32{{1.25}, {1.5, 0.5}} {
			c := estimatortest.Case{
				Name:      fmt.Sprintf("%d bits, alpha %v", bits, alphas),
				Estimator: estimators.APoT{Bits: bits, Signed: true, Normalize: true, Scales: len(alphas)},
				Params:    estimators.Params{alphas}, Bits: bits,
			}
			var grids [][]float64
			for _, alpha := range alphas {
				grids = append(grids, signedGrid(apotGrid(bits-1, float64(alpha))))
				c.Grids = append(c.Grids, []float64{-0.02, 0.08}) // what weights are like
			}
			c.GridsOf = func([]float64) [][]float64 { return grids }
			c.Gradient = func(x, dy []float64) ([]float64, [][]float64) {
				z, divisor := normalize(x)
				dz, da := apotGradient(grids, false)(z, dy)
				for i := range dz {
					dz[i] /= divisor
				}
				return dz, da
			}
			cases = append(cases, c)
		}
	}
	estimatortest.Run(t, cases...)
}

func TestAPoTCodes(t *testing.T) {
	for _, tt := range []struct {
		e      estimators.APoT
		qn, qp int
	}{
		{estimators.APoT{Bits: 2}, 0, 4},
		{estimators.APoT{Bits: 3}, 0, 10},
		{estimators.APoT{Bits: 4}, 0, 48},
		{estimators.APoT{Bits: 5}, 0, 100},
		{estimators.APoT{Bits: 6}, 0, 448},
		{estimators.APoT{Bits: 2, Signed: true}, -1, 1},
		{estimators.APoT{Bits: 6, Signed: true}, -100, 100},
	} {
		if tt.e.Qn() != tt.qn || tt.e.Qp() != tt.qp {
			t.Errorf("%+v: codes %d to %d, want %d to %d", tt.e, tt.e.Qn(), tt.e.Qp(), tt.qn, tt.qp)
		}
	}
	// At a tie the smaller magnitude wins: between 1 and 2 of the codes 0, 1, 2, 4, and between 2 and 4.
	codes := make([]int32, 4)
	e := estimators.APoT{Bits: 3, Signed: true}
	if err := e.Quantize(codes, nil, []float32{1.5, -1.5, 3, -3}, estimators.Params{{4}}); err != nil ||
		!slices.Equal(codes, []int32{1, -1, 2, -2}) {
		t.Errorf("codes at ties are %v, %v", codes, err)
	}
}

func TestAPoTGradientWithNaN(t *testing.T) {
	e := estimators.APoT{Bits: 4, Scales: 2}
	dx, da := make([]float32, 4), estimators.Params{{0, 0}}
	x := []float32{float32(math.NaN()), 1, 0.5, float32(math.Inf(1))}
	if err := e.Backward(dx, da, x, []float32{1, 1, 1, 1}, estimators.Params{{1, 1}}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(dx, []float32{0, 1, 1, 0}) || da[0][0] == da[0][0] || da[0][1] != 1 {
		t.Errorf("dx = %v, dalpha = %v; want [0 1 1 0], [NaN 1]", dx, da[0])
	}
}

func TestAPoTNew(t *testing.T) {
	m, err := estimators.MethodNamed("apot")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		spec estimators.Spec
		want string // of the error
		init float32
	}{
		{spec: estimators.Spec{Range: estimators.Range{Bits: 5}}, init: 6},
		{spec: estimators.Spec{Range: estimators.Range{Bits: 6, Signed: true}, Weights: true, Scales: 4}, init: 3},
		{
			spec: estimators.Spec{
				Range: estimators.Range{Bits: 4}, Options: estimators.Options{"clip": 8}, STE: estimators.Identity{},
			},
			init: 8,
		},
		{spec: estimators.Spec{Range: estimators.Range{Bits: 6}}, want: "need codes to 448, which uint8 does not hold"},
		{
			spec: estimators.Spec{Range: estimators.Range{Bits: 7, Signed: true}, Weights: true},
			want: "need codes to 448, which int8 does not hold",
		},
		{spec: estimators.Spec{Range: estimators.Range{Bits: 4}, Weights: true}, want: "unsigned weights"},
		{spec: estimators.Spec{Range: estimators.Range{Bits: 9}}, want: "9 bits; expected 1 to 8"},
		{spec: estimators.Spec{Range: estimators.Range{Bits: 4}, STE: otherSTE{}}, want: "does not fit"},
	} {
		e, err := m.New(tt.spec)
		if tt.want != "" {
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		p := estimators.Params{make([]float32, e.Params()[0].Len)}
		if err := e.Init(p, nil); err != nil || len(p[0]) != max(tt.spec.Scales, 1) || p[0][0] != tt.init {
			t.Errorf("%+v starts from %v, %v; want %v", e, p, err, tt.init)
		}
	}
}
