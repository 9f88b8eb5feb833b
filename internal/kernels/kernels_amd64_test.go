//go:build !noasm

package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/cpu"
)

// onPaths runs f on each path above generic that the CPU has, with a function
// that evaluates its argument on the portable path.
func onPaths(t *testing.T, f func(t *testing.T, portable func(func()))) {
	saved, vnni, popcount := level, hasVNNI, hasPopcount
	defer func() { level, hasVNNI, hasPopcount = saved, vnni, popcount }()
	ran := false
	try := func(name string, p path) {
		t.Run(name, func(t *testing.T) {
			level = p
			if whole(lanes) != lanes || !blocked(lanes, lanes) {
				t.Fatal("the assembly is not reached")
			}
			ran = true
			f(t, func(g func()) {
				level = generic
				g()
				level = p
			})
		})
	}
	if bestPath() >= avx2 {
		try("avx2", avx2)
	}
	if bestPath() >= avx512 {
		try("avx512", avx512)
		if hasVNNI {
			hasVNNI, hasPopcount = false, false
			try("avx512 without VNNI and VPOPCNTDQ", avx512)
		}
	}
	if !ran && cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		t.Error("the CPU has AVX2, but no assembly ran")
	}
}

// arena hands out slices between guard values, at odd offsets.
type arena struct {
	rng    *rand.Rand
	off    int
	checks []func() bool
}

func alloc[T comparable](a *arena, n int, guard T) []T {
	all := make([]T, n+40)
	for i := range all {
		all[i] = guard
	}
	lo := 16 + a.off
	a.checks = append(a.checks, func() bool {
		for i, v := range all {
			if (i < lo || i >= lo+n) && v != guard {
				return false
			}
		}
		return true
	})
	return all[lo : lo+n : lo+n]
}

func (a *arena) floats(n int) []float32 { return alloc[float32](a, n, -12345) }

// special returns n values: NaN, infinities, zeros, subnormals, ties, clip
// edges of step among normal numbers.
func (a *arena) special(n int) []float32 {
	edge := func(v float32) float32 { return math.Nextafter32(v, infp*float32(1-2*a.rng.IntN(2))) }
	values := []float32{nan, infp, -infp, 0, float32(math.Copysign(0, -1)), math.SmallestNonzeroFloat32, -3 * math.SmallestNonzeroFloat32,
		0x1p-126, edge(0x1p-126), math.MaxFloat32, -math.MaxFloat32, 0.5 * step.Scale, 1.5 * step.Scale, 2.5 * step.Scale, -0.5 * step.Scale,
		-1.5 * step.Scale, edge(0.5 * step.Scale), edge(-1.5 * step.Scale), step.Qn * step.Scale, step.Qp * step.Scale, edge(step.Qn * step.Scale), edge(step.Qp * step.Scale), 1e-30, -1e-30, 1e20}
	s := a.floats(n)
	for i := range s {
		if a.rng.IntN(3) == 0 {
			s[i] = values[a.rng.IntN(len(values))]
		} else {
			s[i] = float32(a.rng.NormFloat64())
		}
	}
	return s
}

// step's scale has ties at 0.5, 1.5, ... steps that hold in float32.
var step = Step{Scale: 0.3, Qn: -8, Qp: 7, ZeroPoint: 8}

// ratios give sums with ties, without any, too large for int32 and near zero.
var ratios = []float32{0.5, 0.25, 0.7, 1.3, 0, 1e-38, 1e7, 1e30}

func (a *arena) codes(n int) []uint8 {
	s := alloc[uint8](a, n, 0xa5)
	for i := range s {
		s[i] = uint8(a.rng.UintN(256))
	}
	return s
}

func (a *arena) ints(n int) []int32 {
	s := alloc[int32](a, n, -12345)
	for i := range s {
		s[i] = int32(a.rng.Uint32()) >> a.rng.IntN(32)
	}
	return s
}

func (a *arena) intact(t *testing.T, what string) {
	t.Helper()
	for _, ok := range a.checks {
		if !ok() {
			t.Fatalf("%s: a guard value changed", what)
		}
	}
}

// same compares bits; any NaN equals any NaN.
func same[T float32 | uint8 | int16 | int32 | uint32](t *testing.T, what string, got, want []T) {
	t.Helper()
	for i := range want {
		g, w := any(got[i]), any(want[i])
		if f, ok := g.(float32); ok {
			g, w = math.Float32bits(f), math.Float32bits(w.(float32))
			if f != f && want[i] != want[i] {
				continue
			}
		}
		if g != w {
			t.Fatalf("%s: element %d = %v, portable code gives %v", what, i, got[i], want[i])
		}
	}
}

// differ runs a kernel on both paths. The kernel gets its outputs, which start
// out equal: two arrays of n floats or codes and of c floats.
func differ(t *testing.T, a *arena, what string, portable func(func()), n, c int, f func(y, s, q []float32, u []uint8, w []int16)) {
	t.Helper()
	y, wy, u, wu, w, ww := a.floats(n), a.floats(n), a.codes(n), a.codes(n), alloc[int16](a, n, 77), alloc[int16](a, n, 77)
	s, q := a.special(c), a.special(c)
	ws, wq := a.floats(c), a.floats(c)
	copy(wu, u)
	copy(ws, s)
	copy(wq, q)
	f(y, s, q, u, w)
	portable(func() { f(wy, ws, wq, wu, ww) })
	same(t, what, y, wy)
	same(t, what, s, ws)
	same(t, what, q, wq)
	same(t, what, u, wu)
	same(t, what, w, ww)
	a.intact(t, what)
}

func TestFlatKernels(t *testing.T) {
	onPaths(t, func(t *testing.T, portable func(func())) {
		rng := rand.New(rand.NewPCG(17, 18))
		for n := range 258 {
			for off := range 8 {
				a := &arena{rng: rng, off: off}
				x, g, codes := a.special(n), a.special(n), a.codes(n)
				test := func(name string, f func(y, s, q []float32, u []uint8, w []int16)) {
					t.Helper()
					differ(t, a, fmt.Sprintf("%s, length %d, offset %d", name, n, off), portable, n, lanes, f)
				}
				test("reluRow", func(y, _, _ []float32, _ []uint8, _ []int16) { reluRow(y, x) })
				test("reluGradRow", func(y, _, _ []float32, _ []uint8, _ []int16) { reluGradRow(y, x, g) })
				test("addRow", func(y, _, _ []float32, _ []uint8, _ []int16) { addRow(y, x, g) })
				test("quantizeRow", func(_, _, _ []float32, u []uint8, _ []int16) { quantizeRow(u, x, &step) })
				test("quantizeGradRow", func(y, s, _ []float32, _ []uint8, _ []int16) {
					quantizeGradRow((*[lanes]float32)(s), y, x, g, &step)
				})
				flat := step
				flat.Flat = true
				test("quantizeGradRow, flat", func(y, s, _ []float32, _ []uint8, _ []int16) {
					quantizeGradRow((*[lanes]float32)(s), y, x, g, &flat)
				})
				test("requantizeGradRow, flat", func(y, s, _ []float32, _ []uint8, _ []int16) {
					requantizeGradRow((*[lanes]float32)(s), y, codes, g, &from, &flat)
				})
				test("codesToFloat", func(y, _, _ []float32, _ []uint8, _ []int16) { codesToFloat(y, codes, 131) })
				test("dequantizeRow", func(y, _, _ []float32, _ []uint8, _ []int16) { dequantizeRow(y, codes, 131, 0.1) })
				test("requantizeCodesRow", func(_, _, _ []float32, u []uint8, _ []int16) { requantizeCodesRow(u, codes, &from, &step) })
				var m CodeMap
				m.Set(from, step)
				test("CodeMap", func(_, _, _ []float32, u []uint8, _ []int16) { m.Row(u, codes) })
				test("MapBytes", func(_, _, _ []float32, u []uint8, _ []int16) { MapBytes(u, codes, &m.table) })
				test("requantizeGradRow", func(y, s, _ []float32, _ []uint8, _ []int16) {
					requantizeGradRow((*[lanes]float32)(s), y, codes, g, &from, &step)
				})
				sum := CodeSum{RatioA: ratios[a.rng.IntN(len(ratios))], RatioB: ratios[a.rng.IntN(len(ratios))], ZeroA: 131, ZeroB: 7, ZeroPoint: 8, Lo: 3, Hi: 250}
				other := a.codes(n)
				test("addCodesRow", func(_, _, _ []float32, u []uint8, _ []int16) { addCodesRow(u, codes, other, &sum) })
				test("widenCodes", func(_, _, _ []float32, _ []uint8, w []int16) { widenCodes(w, codes) })
			}
		}
	})
}

func TestChannelKernels(t *testing.T) {
	onPaths(t, func(t *testing.T, portable func(func())) {
		rng := rand.New(rand.NewPCG(19, 20))
		for _, c := range []int{1, 3, 10, 16, 17, 32, 48, 64} {
			for _, rows := range []int{0, 1, 2, 3, 7, 16, 33} {
				ar := &arena{rng: rng, off: rng.IntN(8)}
				n := c * rows
				x, g, a, b, d, acc := ar.special(n), ar.special(n), ar.special(c), ar.special(c), ar.special(c), ar.ints(n)
				test := func(name string, f func(y, s, q []float32, u []uint8)) {
					t.Helper()
					differ(t, ar, fmt.Sprintf("%s, %d rows of %d", name, rows, c), portable, n, c,
						func(y, s, q []float32, u []uint8, _ []int16) { f(y, s, q, u) })
				}
				test("affineRow", func(y, _, _ []float32, _ []uint8) { affineRow(y, x, a, b) })
				test("affine2Row", func(y, _, _ []float32, _ []uint8) { affine2Row(y, g, x, a, b, d) })
				test("momentsRow", func(_, s, q []float32, _ []uint8) { momentsRow(s, q, x, a) })
				test("gradSumsRow", func(_, s, q []float32, _ []uint8) { gradSumsRow(s, q, g, x, a) })
				test("scaleInts", func(y, _, _ []float32, _ []uint8) { scaleInts(y, acc, a) })
				test("requantizeRow", func(_, _, _ []float32, u []uint8) { requantizeRow(u, acc, a, 3, 1, 250) })
			}
		}
	})
}

// rowCase draws the geometry of a row: tails of all tile sizes, gaps in y and x.
func rowCase[X, W any](rng *rand.Rand, group int) (row[X, W, int32], int, int, int) {
	a := row[X, W, int32]{pixels: 1 + rng.IntN(40), blocks: 1 + rng.IntN(2), kRows: 1 + rng.IntN(3), kRun: 1 + rng.IntN(20)}
	a.xPix, a.xRow, a.yPix = group*(1+rng.IntN(5)), group*(1+rng.IntN(50)), a.blocks*lanes+rng.IntN(20)
	a.wBlock = a.kRows * a.kRun * group * lanes
	return a, (a.kRows-1)*a.xRow + (a.pixels-1)*a.xPix + a.kRun*group, a.blocks * a.wBlock, (a.pixels-1)*a.yPix + a.blocks*lanes
}

func TestConvRows(t *testing.T) {
	onPaths(t, func(t *testing.T, portable func(func())) {
		rng := rand.New(rand.NewPCG(21, 22))
		for range 400 {
			ar := &arena{rng: rng, off: rng.IntN(8)}
			{
				c, nx, nw, ny := rowCase[float32, float32](rng, 1)
				x, w, y, want := ar.special(nx), ar.special(nw), ar.floats(ny), ar.floats(ny)
				if rng.IntN(2) == 0 { // without NaN, which hides much
					x, w = normal(rng, nx), normal(rng, nw)
				}
				a := row[float32, float32, float32]{&y[0], nil, &x[0], &w[0], c.pixels, c.blocks, c.kRows, c.kRun, c.xRow, c.xPix, c.yPix, c.wBlock, 0, fetch{&nowhere[0], 0}}
				convRow(&a)
				a.y = &want[0]
				portable(func() { convRow(&a) })
				same(t, fmt.Sprintf("convRow %+v", a), y, want)
			}
			{
				a, nx, nw, ny := rowCase[uint8, int8](rng, 4)
				a.steps = 1 + rng.IntN(25)
				x, w, y, want, init := ar.codes(nx), alloc[int8](ar, nw, 5), ar.ints(ny), ar.ints(ny), ar.ints(a.blocks*lanes)
				most := 128
				if addsPairs() { // steps pairs of products must fit int16, and may fill it
					most = 64 / a.steps
				}
				for i := range w {
					w[i] = int8(rng.IntN(2*most) - most)
				}
				copy(want, y)
				a.x, a.w, a.y, a.init = &x[0], &w[0], &y[0], &init[0]
				convRowBytes(&a)
				a.y = &want[0]
				portable(func() { convRowBytes(&a) })
				same(t, fmt.Sprintf("convRowBytes %+v", a), y, want)
			}
			{
				a, nx, nw, ny := rowCase[int16, int16](rng, 2)
				x, w, y, want, init := alloc[int16](ar, nx, 5), alloc[int16](ar, nw, 5), ar.ints(ny), ar.ints(ny), ar.ints(a.blocks*lanes)
				for i := range x {
					x[i] = int16(rng.UintN(256))
				}
				for i := range w {
					w[i] = int16(rng.IntN(256) - 128)
				}
				copy(want, y)
				a.x, a.w, a.y, a.init = &x[0], &w[0], &y[0], &init[0]
				convRowWords(&a)
				a.y = &want[0]
				portable(func() { convRowWords(&a) })
				same(t, fmt.Sprintf("convRowWords %+v", a), y, want)
			}
			ar.intact(t, "row")
		}
	})
}

func TestWeightGradRows(t *testing.T) {
	onPaths(t, func(t *testing.T, portable func(func())) {
		rng := rand.New(rand.NewPCG(23, 24))
		for range 400 {
			ar := &arena{rng: rng, off: rng.IntN(8)}
			a := wgrad{rows: 1 + rng.IntN(4), cols: 1 + rng.IntN(9), blocks: 1 + rng.IntN(2), kRun: 1 + rng.IntN(40),
				xRow: rng.IntN(50), xPix: rng.IntN(20)}
			a.dyPix, a.dwRow = a.blocks*lanes+rng.IntN(20), a.blocks*lanes+rng.IntN(20)
			a.dyRow = a.cols*a.dyPix + rng.IntN(20)
			nx := (a.rows-1)*a.xRow + (a.cols-1)*a.xPix + a.kRun
			ndy, ndw := a.rows*a.dyRow, (a.kRun-1)*a.dwRow+a.blocks*lanes
			x, dy, dw, want := ar.special(nx), ar.special(ndy), ar.special(ndw), ar.floats(ndw)
			if rng.IntN(2) == 0 {
				x, dy = normal(rng, nx), normal(rng, ndy)
			}
			copy(want, dw)
			a.x, a.dy, a.dw = &x[0], &dy[0], &dw[0]
			wgradRow(&a)
			a.dw = &want[0]
			portable(func() { wgradRow(&a) })
			same(t, fmt.Sprintf("wgradRow %+v", a), dw, want)
			ar.intact(t, "wgradRow")
		}
	})
}

// Whole convolutions, against the portable path and, through TestConv's oracle,
// on every path.
func TestConvPaths(t *testing.T) {
	onPaths(t, func(t *testing.T, portable func(func())) {
		rng := rand.New(rand.NewPCG(25, 26))
		p := NewPool(2)
		defer p.Close()
		for _, g := range geometries(rng, 40) {
			x, w, dy := normal(rng, g.InLen()), normal(rng, g.WeightLen()), normal(rng, g.OutLen())
			run := func() (y, dx, dw []float32) {
				y, dx, dw = make([]float32, len(dy)), make([]float32, len(x)), make([]float32, len(w))
				ConvForward(p, g, y, x, w)
				ConvInputGrad(p, g, dx, dy, w)
				ConvWeightGrad(p, g, dw, x, dy)
				return
			}
			y, dx, dw := run()
			portable(func() {
				wy, wdx, wdw := run()
				same(t, fmt.Sprintf("forward %+v", g), y, wy)
				same(t, fmt.Sprintf("input gradient %+v", g), dx, wdx)
				same(t, fmt.Sprintf("weight gradient %+v", g), dw, wdw)
			})
		}
		TestConvInt(t)
	})
}

// The emulated fused multiply-add, against the CPU's, signs of zeros included.
func TestFMAIsTheCPUs(t *testing.T) {
	onPaths(t, func(t *testing.T, _ func(func())) {
		rng := rand.New(rand.NewPCG(27, 28))
		ar := &arena{rng: rng}
		const n = 1 << 16
		x, a, b, y, want := ar.special(n), ar.special(n), ar.special(n), ar.floats(n), ar.floats(n)
		for i := range n {
			switch i % 4 {
			case 0: // anything
				x[i], a[i], b[i] = math.Float32frombits(rng.Uint32()), math.Float32frombits(rng.Uint32()), math.Float32frombits(rng.Uint32())
			case 1: // near ties
				x[i], a[i], b[i] = 1+float32(rng.IntN(4))*0x1p-23, 0x1p-24*(1+float32(rng.IntN(5)-2)*0x1p-23), 1+float32(rng.IntN(8))*0x1p-23
			case 2: // cancellation, exact zeros
				b[i] = -x[i] * a[i]
			}
			want[i] = fma32(x[i], a[i], b[i])
		}
		affineRow(y, x, a, b)
		same(t, "fma32", y, want)
	})
}
