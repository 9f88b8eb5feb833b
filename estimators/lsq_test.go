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

// lsqGradient is Esser et al. 2020, equations 3 and 5 with the gradient scale of section 2.2, element by element.
func lsqGradient(scale []float32, qn, qp, n float64) func(x, dy []float64) ([]float64, [][]float64) {
	return func(x, dy []float64) ([]float64, [][]float64) {
		dx, ds := make([]float64, len(x)), make([]float64, len(scale))
		for i := range x {
			c := i % len(scale)
			v := x[i] / float64(scale[c])
			switch {
			case v <= qn:
				ds[c] += dy[i] * qn
			case v >= qp:
				ds[c] += dy[i] * qp
			default:
				dx[i] = dy[i]
				ds[c] += dy[i] * (math.RoundToEven(v) - v)
			}
		}
		for c := range ds {
			ds[c] /= math.Sqrt(n * qp)
		}
		return dx, [][]float64{ds}
	}
}

func TestLSQ(t *testing.T) {
	var cases []estimatortest.Case
	add := func(name string, r estimators.Range, n int, scale ...float32) {
		e := estimators.LSQ{Range: r, N: n}
		if n == 0 {
			n = 100 // what the suite has in a channel
		}
		c := estimatortest.Case{
			Name: name, Estimator: e, Params: estimators.Params{scale}, Bits: r.Bits, Idempotent: true,
			Gradient: lsqGradient(scale, float64(e.Qn()), float64(e.Qp()), float64(n)),
		}
		for _, s := range scale {
			var grid []float64
			for q := e.Qn(); q <= e.Qp(); q++ {
				grid = append(grid, float64(q)*float64(s))
			}
			c.Grids = append(c.Grids, grid)
		}
		cases = append(cases, c)
	}
	for _, bits := range []int{2, 3, 4, 8} {
		add(fmt.Sprintf("signed %d", bits), estimators.Range{Bits: bits, Signed: true}, 0, 0.1)
		add(fmt.Sprintf("narrow %d", bits), estimators.Range{Bits: bits, Signed: true, Narrow: true}, 0, 0.07)
		add(fmt.Sprintf("unsigned %d", bits), estimators.Range{Bits: bits}, 0, 0.3)
	}
	add("unsigned 1", estimators.Range{Bits: 1}, 0, 0.3)
	add("per channel", estimators.Range{Bits: 4, Signed: true}, 0, 0.1, 3, 0.004)
	add("N given", estimators.Range{Bits: 4}, 25, 0.3)
	estimatortest.Run(t, cases...)
}

// With s = 1/4 every v is exact, so these are values at ties and at the ends of the range. The gradient passes at
// v = Qn and v = Qp as it does through torch.clamp.
func TestLSQAtTiesAndEnds(t *testing.T) {
	e := estimators.LSQ{Range: estimators.Range{Bits: 3, Signed: true}, N: 3} // -4..3, gs = 1/3
	inf := float32(math.Inf(1))
	for _, tt := range []struct {
		v      float32
		code   int32
		dx, ds float32 // ds/dy before the gradient scale
	}{
		{0, 0, 1, 0},
		{0.5, 0, 1, -0.5},
		{1.5, 2, 1, 0.5},
		{2.5, 2, 1, -0.5},
		{-0.5, 0, 1, 0.5},
		{-1.5, -2, 1, -0.5},
		{-2.5, -2, 1, 0.5},
		{-3.5, -4, 1, -0.5},
		{3, 3, 1, 0},
		{3.25, 3, 0, 3},
		{3.5, 3, 0, 3},
		{100, 3, 0, 3},
		{inf, 3, 0, 3},
		{-4, -4, 1, 0},
		{-4.25, -4, 0, -4},
		{-4.5, -4, 0, -4},
		{-inf, -4, 0, -4},
	} {
		x, p := []float32{tt.v / 4}, estimators.Params{{0.25}}
		codes, y, dx, ds := make([]int32, 1), make([]float32, 1), make([]float32, 1), estimators.Params{{0}}
		if err := e.Quantize(codes, y, x, p); err != nil {
			t.Fatal(err)
		}
		if err := e.Backward(dx, ds, x, []float32{2}, p); err != nil {
			t.Fatal(err)
		}
		wantDs := float32(float64(2*tt.ds) / 3)
		if codes[0] != tt.code || y[0] != float32(tt.code)/4 || dx[0] != 2*tt.dx || ds[0][0] != wantDs {
			t.Errorf("v = %v: code %d, y %v, dx %v, ds %v; want %d, %v, %v, %v",
				tt.v, codes[0], y[0], dx[0], ds[0][0], tt.code, float32(tt.code)/4, 2*tt.dx, wantDs)
		}
		if codes[0] == 0 && math.Signbit(float64(y[0])) {
			t.Errorf("v = %v: y is -0; an integer level has no sign at 0", tt.v)
		}
	}
}

// 1/s is rounded: for this x, x*(1/s) is the tie 0.5 and rounds to 0, while x/s is just above it and rounds to 1.
func TestLSQDividesByScale(t *testing.T) {
	e := estimators.LSQ{Range: estimators.Range{Bits: 8, Signed: true}}
	found := 0
	for i := range 2000 {
		s := 0.01 + float32(i)*0.001
		x := math.Nextafter32(s/2, 1)
		y := make([]float32, 1)
		if err := e.Forward(y, []float32{x}, estimators.Params{{s}}); err != nil {
			t.Fatal(err)
		}
		if want := float32(math.RoundToEven(float64(x/s))) * s; y[0] != want {
			t.Fatalf("x = %v, s = %v: y = %v, want %v", x, s, y[0], want)
		}
		if math.RoundToEven(float64(x/s)) != math.RoundToEven(float64(x*(1/s))) {
			found++
		}
	}
	if found == 0 {
		t.Error("no x tells division from multiplication by 1/s")
	}
}

func TestLSQGradientWithNaN(t *testing.T) {
	e := estimators.LSQ{Range: estimators.Range{Bits: 4, Signed: true}}
	dx, ds := make([]float32, 2), estimators.Params{{0, 0}}
	x := []float32{float32(math.NaN()), 1}
	if err := e.Backward(dx, ds, x, []float32{1, 1}, estimators.Params{{1, 1}}); err != nil {
		t.Fatal(err)
	}
	if dx[0] != 0 || dx[1] != 1 || ds[0][0] == ds[0][0] || ds[0][1] != 0 {
		t.Errorf("dx = %v, ds = %v; want [0 1], [NaN 0]", dx, ds[0])
	}
}

// Esser et al. 2020, section 2.1: 2<|x|>/sqrt(Qp).
func TestLSQInitialScale(t *testing.T) {
	e := estimators.LSQ{Range: estimators.Range{Bits: 3, Signed: true, Narrow: true}} // Qp = 3
	scale := make([]float32, 1)
	if err := e.InitialScale(scale, []float32{-1, 2, -3, 0}); err != nil || scale[0] != float32(3/math.Sqrt(3)) {
		t.Errorf("got %v, %v", scale, err)
	}
	scale = make([]float32, 3)
	x := []float32{1, -10, 0, -3, 20, 0}
	if err := e.InitialScale(scale, x); err != nil || !slices.Equal(scale, []float32{float32(4 / math.Sqrt(3)), float32(30 / math.Sqrt(3)), estimators.MinScale}) {
		t.Errorf("per channel: got %v, %v", scale, err)
	}
	if err := e.Forward(make([]float32, 6), x, estimators.Params{scale}); err != nil {
		t.Errorf("the initial scale is refused: %v", err)
	}
	huge := slices.Repeat([]float32{math.MaxFloat32}, 5)
	for name, x := range map[string][]float32{"empty": {}, "NaN": {1, float32(math.NaN())}, "Inf": {float32(math.Inf(-1))}, "overflow": huge} {
		if e.InitialScale(make([]float32, 1), x) == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if e.InitialScale(make([]float32, 4), x) == nil {
		t.Error("6 elements in 4 channels: no error")
	}
}

func TestLSQErrors(t *testing.T) {
	signed := estimators.Range{Bits: 4, Signed: true}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, tt := range []struct {
		e     estimators.LSQ
		scale []float32
		want  string
	}{
		{estimators.LSQ{Range: signed}, []float32{0}, "scale[0] is 0; expected a positive finite number"},
		{estimators.LSQ{Range: signed}, []float32{1, 1, -1}, "scale[2] is -1"},
		{estimators.LSQ{Range: signed}, []float32{nan}, "scale[0] is NaN"},
		{estimators.LSQ{Range: signed}, []float32{inf}, "scale[0] is +Inf"},
		{estimators.LSQ{Range: signed}, nil, "scale has 0 elements"},
		{estimators.LSQ{Range: signed}, []float32{1, 1, 1, 1}, "scale has 4 elements"},
		{estimators.LSQ{}, []float32{1}, "0 bits; expected 1 to 16"},
		{estimators.LSQ{Range: estimators.Range{Bits: 1, Signed: true}}, []float32{1}, "no positive level"},
		{estimators.LSQ{Range: signed, N: -1}, []float32{1}, "N = -1"},
	} {
		x := make([]float32, 6)
		p := estimators.Params{tt.scale}
		dp := estimators.Params{make([]float32, len(tt.scale))}
		for name, err := range map[string]error{
			"Forward":  tt.e.Forward(make([]float32, 6), x, p),
			"Backward": tt.e.Backward(make([]float32, 6), dp, x, x, p),
		} {
			if err == nil || !strings.HasPrefix(err.Error(), "lsq: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: got error %v, want one with %q", name, err, tt.want)
			}
		}
	}
	if err := (estimators.LSQ{Range: signed}).Quantize(make([]int32, 5), nil, make([]float32, 6), estimators.Params{{1}}); err == nil {
		t.Error("5 codes for 6 elements: no error")
	}
}

func ExampleLSQ() {
	e := estimators.LSQ{Range: estimators.Range{Bits: 2, Signed: true}} // levels -2, -1, 0, 1
	x := []float32{-1.5, -0.6, 0.2, 0.9}
	scale := []float32{0.5}

	codes, y := make([]int32, 4), make([]float32, 4)
	if err := e.Quantize(codes, y, x, estimators.Params{scale}); err != nil {
		fmt.Println(err)
		return
	}
	dy := []float32{1, 1, 1, 1}
	dx, dscale := make([]float32, 4), make([]float32, 1)
	if err := e.Backward(dx, estimators.Params{dscale}, x, dy, estimators.Params{scale}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(codes, y, dx)
	fmt.Printf("%.4f\n", dscale[0]) // (-2 + 0.2 - 0.4 + 1)/sqrt(4*1)
	// Output:
	// [-2 -1 0 1] [-1 -0.5 0 0.5] [0 1 1 0]
	// -0.6000
}
