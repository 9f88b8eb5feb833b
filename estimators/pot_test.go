package estimators_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/estimators/estimatortest"
)

func init() {
	goldenMethods["pot"] = func(t *testing.T, c goldenCase, p goldenParams) {
		compareGolden(t, estimators.PoT{Bits: 4, Fixed: true, Emin: p.Emin, Emax: p.Emax}, c, nil)
	}
}

// powers are 0 and the powers of two of both signs, ascending.
func powers(emin, emax int) []float64 {
	grid := []float64{0}
	for e := emin; e <= emax; e++ {
		grid = append(grid, math.Exp2(float64(e)), -math.Exp2(float64(e)))
	}
	slices.Sort(grid)
	return grid
}

// inqGrids are the levels of Zhou et al. 2017, equations 1 to 3, of each channel.
func inqGrids(bits, channels int) func(x []float64) [][]float64 {
	return func(x []float64) [][]float64 {
		grids := make([][]float64, channels)
		for c := range grids {
			s := 0.0
			for i := c; i < len(x); i += channels {
				s = max(s, math.Abs(x[i]))
			}
			n1 := math.Floor(math.Log2(4 * s / 3))
			n2 := n1 + 1 - math.Exp2(float64(bits-1))/2
			grids[c] = powers(int(n2), int(n1))
		}
		return grids
	}
}

// straight passes the gradient where pass says so; nothing is learned.
func straight(pass func(i int, x []float64) bool) func(x, dy []float64) ([]float64, [][]float64) {
	return func(x, dy []float64) ([]float64, [][]float64) {
		dx := make([]float64, len(x))
		for i := range x {
			if pass(i, x) {
				dx[i] = dy[i]
			}
		}
		return dx, nil
	}
}

func always(int, []float64) bool { return true }

func TestPoT(t *testing.T) {
	var cases []estimatortest.Case
	for _, e := range []estimators.PoT{
		{Bits: 2, Fixed: true, Emin: 3, Emax: 3},
		{Bits: 3, Fixed: true, Emin: -2, Emax: 0},
		{Bits: 4, Fixed: true, Emin: -6, Emax: 0},
		{Bits: 4, Fixed: true, Emin: -10, Emax: -8, STE: estimators.Clipped{}},
	} {
		gradient := straight(always)
		if e.STE != nil {
			gradient = straight(func(i int, x []float64) bool { return math.Abs(x[i]) <= math.Exp2(float64(e.Emax)) })
		}
		cases = append(cases, estimatortest.Case{
			Name: fmt.Sprintf("%d bits, 2^%d to 2^%d", e.Bits, e.Emin, e.Emax), Estimator: e, Bits: e.Bits,
			Grids: [][]float64{powers(e.Emin, e.Emax)}, Gradient: gradient, Idempotent: true,
		})
	}
	for _, bits := range []int{2, 3, 4, 5} {
		for _, ends := range [][]float64{{1}, {0.3, 5, 0.01}} {
			c := estimatortest.Case{
				Name:      fmt.Sprintf("%d bits of %d channels", bits, len(ends)),
				Estimator: estimators.PoT{Bits: bits, Scales: len(ends)}, Bits: bits,
				GridsOf: inqGrids(bits, len(ends)), Gradient: straight(always),
			}
			for _, end := range ends {
				c.Grids = append(c.Grids, []float64{-end, end})
			}
			cases = append(cases, c)
		}
	}
	estimatortest.Run(t, cases...)
}

// Rounding is on the log scale: 2^e begins at 2^(e-1/2), and 0 ends below 2^(emin-1), inclusive.
func TestPoTThresholds(t *testing.T) {
	e := estimators.PoT{Bits: 3, Fixed: true, Emin: -1, Emax: 1}
	below := func(x float64) float32 { return math.Nextafter32(float32(x), 0) }
	above := func(x float64) float32 { return math.Nextafter32(float32(x), 9) }
	for _, tt := range []struct {
		x    float32
		code int32
	}{
		{0, 0}, {below(0.25), 0}, {0.25, 1}, {0.5, 1}, {below(math.Sqrt2 / 2), 1}, {above(math.Sqrt2 / 2), 2}, {1, 2},
		{below(math.Sqrt2), 2}, {above(math.Sqrt2), 4}, {2, 4}, {100, 4}, {float32(math.Inf(1)), 4},
	} {
		for _, sign := range []float32{1, -1} {
			code, y := make([]int32, 1), make([]float32, 1)
			if err := e.Quantize(code, y, []float32{sign * tt.x}, nil); err != nil {
				t.Fatal(err)
			}
			if want := int32(sign) * tt.code; code[0] != want || y[0] != float32(want)/2 ||
				y[0] == 0 && math.Signbit(float64(y[0])) {
				t.Errorf("x = %v: code %d, y %v; want %d", sign*tt.x, code[0], y[0], want)
			}
		}
	}
}

func TestPoTNew(t *testing.T) {
	m, err := estimators.MethodNamed("pot")
	if err != nil {
		t.Fatal(err)
	}
	spec := estimators.Spec{Range: estimators.Range{Bits: 4, Signed: true}, Weights: true, Scales: 3}
	e, err := m.New(spec)
	if q, ok := e.(estimators.PoT); err != nil || !ok || q.Fixed || q.Qp() != 8 || q.Scales != 3 {
		t.Errorf("got %+v, %v", e, err)
	}
	fixed := func(emin float64) func(*estimators.Spec) {
		return func(s *estimators.Spec) { s.Options = estimators.Options{"fixed": 1, "emin": emin} }
	}
	for name, change := range map[string]func(*estimators.Spec){
		"need codes to 128, which int8 does not hold": func(s *estimators.Spec) { s.Bits = 5 },
		"make 17 levels; expected at most 16":         fixed(-7),
		"exponents 2 to 0":                            fixed(2),
		"does not fit; expected one of identity":      func(s *estimators.Spec) { s.STE = otherSTE{} },
		"1 bits; expected 2 to 6":                     func(s *estimators.Spec) { s.Bits = 1 },
	} {
		s := spec
		change(&s)
		if _, err := m.New(s); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want an error with %q", err, name)
		}
	}
}

// otherSTE is one that no method knows.
type otherSTE struct{}

func (otherSTE) Grad(g, _, _, _, _ float32) float32 { return g }
