package estimators_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/estimators/estimatortest"
)

func TestAffine(t *testing.T) {
	var cases []estimatortest.Case
	add := func(name string, e estimators.Affine) {
		c := estimatortest.Case{
			Name: name, Estimator: e, Bits: e.Bits, Idempotent: true,
			// Clipped straight-through estimator: 1 where the rounded value is a level before clipping.
			Gradient: func(x, dy []float64) ([]float64, [][]float64) {
				dx := make([]float64, len(x))
				for i := range x {
					ch := i % len(e.Scale)
					code := math.RoundToEven(x[i]/float64(e.Scale[ch])) + float64(e.ZeroPoint[ch])
					if code >= float64(e.Qn()) && code <= float64(e.Qp()) {
						dx[i] = dy[i]
					}
				}
				return dx, nil
			},
		}
		for ch, s := range e.Scale {
			var grid []float64
			for q := e.Qn(); q <= e.Qp(); q++ {
				grid = append(grid, float64(q-int(e.ZeroPoint[ch]))*float64(s))
			}
			c.Grids = append(c.Grids, grid)
		}
		cases = append(cases, c)
	}
	for _, bits := range []int{1, 2, 4, 8} {
		top := int32(1)<<bits - 1
		add(fmt.Sprintf("unsigned %d", bits), estimators.Affine{Range: estimators.Range{Bits: bits}, Scale: []float32{0.1}, ZeroPoint: []int32{top / 3}})
		add(fmt.Sprintf("signed %d", bits), estimators.Affine{Range: estimators.Range{Bits: bits, Signed: true}, Scale: []float32{0.3}, ZeroPoint: []int32{-(top + 1) / 2}})
	}
	add("narrow", estimators.Affine{Range: estimators.Range{Bits: 4, Signed: true, Narrow: true}, Scale: []float32{0.3}, ZeroPoint: []int32{0}})
	add("per channel", estimators.Affine{Range: estimators.Range{Bits: 4}, Scale: []float32{0.1, 2, 0.03}, ZeroPoint: []int32{0, 15, 7}})
	estimatortest.Run(t, cases...)
}

// s = (hi-lo)/(Qp-Qn) and z = clip(round(Qn - lo/s)) over the range widened to 0, worked out by hand.
func TestNewAffine(t *testing.T) {
	u8, s8 := estimators.Range{Bits: 8}, estimators.Range{Bits: 8, Signed: true}
	u2, n2 := estimators.Range{Bits: 2}, estimators.Range{Bits: 2, Signed: true, Narrow: true}
	for _, tt := range []struct {
		name   string
		r      estimators.Range
		lo, hi float32
		s      float32
		z      int32
	}{
		{"both signs", u8, -1, 1.55, 0.01, 100},
		{"signed levels", s8, -1, 1.55, 0.01, -28},
		{"positive range reaches down to 0", u8, 1, 2.55, 0.01, 0},
		{"negative range reaches up to 0", u8, -2.55, -1, 0.01, 255},
		{"tie rounds to even, down", u2, -0.5, 2.5, 1, 0},
		{"tie rounds to even, up", u2, -1.5, 1.5, 1, 2},
		{"narrow", n2, -1, 1, 1, 0},
		{"empty range", u8, 0, 0, estimators.MinScale, 0},
		{"tiny range", u8, -1e-30, 1e-30, estimators.MinScale, 0},
		{"widest range", u8, -math.MaxFloat32, math.MaxFloat32, float32(2 * math.MaxFloat32 / 255.0), 128},
	} {
		a, err := estimators.NewAffine(tt.r, []float32{tt.lo}, []float32{tt.hi})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if math.Abs(float64(a.Scale[0]-tt.s)) > 1e-6*float64(tt.s) || a.ZeroPoint[0] != tt.z {
			t.Errorf("%s: s = %v, z = %d; want %v, %d", tt.name, a.Scale[0], a.ZeroPoint[0], tt.s, tt.z)
		}
		y := make([]float32, 1)
		if err := a.Forward(y, []float32{0}, nil); err != nil || y[0] != 0 {
			t.Errorf("%s: y(0) = %v, %v; 0 is to be a level", tt.name, y[0], err)
		}
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for name, lohi := range map[string][2][]float32{
		"reversed": {{1}, {0}}, "NaN": {{nan}, {1}}, "Inf": {{0}, {inf}}, "-Inf": {{-inf}, {0}}, "none": {nil, nil}, "one end": {{0, 1}, {1}},
	} {
		if _, err := estimators.NewAffine(u8, lohi[0], lohi[1]); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := estimators.NewAffine(estimators.Range{Bits: 1}, []float32{-math.MaxFloat32}, []float32{math.MaxFloat32}); err == nil {
		t.Error("a scale beyond float32: no error")
	}
	if _, err := estimators.NewAffine(estimators.Range{}, []float32{0}, []float32{1}); err == nil {
		t.Error("0 bits: no error")
	}
}

// The mask is on the rounded value: x/s = 3.5 rounds to 4, beyond Qp = 3, and 3.4 to 3; the range of x whose gradient
// passes is therefore half a scale wider than LSQ's.
func TestAffineMask(t *testing.T) {
	a := estimators.Affine{Range: estimators.Range{Bits: 2}, Scale: []float32{1}, ZeroPoint: []int32{0}}
	x := []float32{-0.6, -0.5, 0, 3.4, 3.5, float32(math.NaN())}
	want := []float32{0, 1, 1, 1, 0, 0}
	dx := make([]float32, len(x))
	if err := a.Backward(dx, nil, x, []float32{1, 1, 1, 1, 1, 1}, nil); err != nil {
		t.Fatal(err)
	}
	for i := range x {
		if dx[i] != want[i] {
			t.Errorf("dx(%v) = %v, want %v", x[i], dx[i], want[i])
		}
	}
}

func TestAffineErrors(t *testing.T) {
	r := estimators.Range{Bits: 4}
	for _, tt := range []struct {
		a    estimators.Affine
		want string
	}{
		{estimators.Affine{Range: r, Scale: []float32{0}, ZeroPoint: []int32{0}}, "scale[0] is 0"},
		{estimators.Affine{Range: r, Scale: []float32{1}, ZeroPoint: []int32{16}}, "zero point 16 of channel 0 is no level; expected 0 to 15"},
		{estimators.Affine{Range: r, Scale: []float32{1}, ZeroPoint: []int32{-1}}, "zero point -1"},
		{estimators.Affine{Range: r, Scale: []float32{1}}, "0 zero points; expected 1"},
		{estimators.Affine{Range: r}, "scale has 0 elements"},
		{estimators.Affine{Range: estimators.Range{Bits: 17}, Scale: []float32{1}, ZeroPoint: []int32{0}}, "17 bits"},
		{estimators.Affine{Range: r, Scale: make([]float32, 4), ZeroPoint: make([]int32, 4)}, "scale[0] is 0"},
	} {
		x := make([]float32, 6)
		err := tt.a.Forward(make([]float32, 6), x, nil)
		if err == nil || !strings.HasPrefix(err.Error(), "affine: ") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got error %v, want one with %q", err, tt.want)
		}
	}
}

func TestMinMax(t *testing.T) {
	lo, hi := make([]float32, 2), make([]float32, 2)
	if err := estimators.MinMax(lo, hi, []float32{3, -1, 2, -5, 4, -2}); err != nil {
		t.Fatal(err)
	}
	if lo[0] != 2 || hi[0] != 4 || lo[1] != -5 || hi[1] != -1 {
		t.Errorf("got [%v, %v] and [%v, %v], want [2, 4] and [-5, -1]", lo[0], hi[0], lo[1], hi[1])
	}
	for name, x := range map[string][]float32{
		"empty": {}, "odd": {1}, "NaN": {1, float32(math.NaN())}, "NaN first": {float32(math.NaN()), 1, 2, 3}, "Inf": {1, 2, 3, float32(math.Inf(-1))},
	} {
		if estimators.MinMax(lo, hi, x) == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if estimators.MinMax(lo, hi[:1], []float32{1, 2}) == nil {
		t.Error("ends of different lengths: no error")
	}
}
