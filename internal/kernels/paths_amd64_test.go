//go:build !noasm

package kernels

import (
	"math"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/cpu"
)

// onPaths runs f on each path above generic that the CPU has, with a function
// that evaluates its argument on the portable path.
func onPaths(t *testing.T, f func(t *testing.T, portable func(func()))) {
	saved, tiles, vnni, popcount := level, hasTiles, hasVNNI, hasPopcount
	defer func() { level, hasTiles, hasVNNI, hasPopcount = saved, tiles, vnni, popcount }()
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
		if hasTiles {
			hasTiles = false
			try("avx512 without AMX", avx512)
		}
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
// edges of uniform among normal numbers.
func (a *arena) special(n int) []float32 {
	edge := func(v float32) float32 { return math.Nextafter32(v, infp*float32(1-2*a.rng.IntN(2))) }
	values := []float32{nan, infp, -infp, 0, float32(math.Copysign(0, -1)), math.SmallestNonzeroFloat32, -3 * math.SmallestNonzeroFloat32,
		0x1p-126, edge(0x1p-126), math.MaxFloat32, -math.MaxFloat32, 0.5 * uniform.Scale, 1.5 * uniform.Scale, 2.5 * uniform.Scale, -0.5 * uniform.Scale,
		-1.5 * uniform.Scale, edge(0.5 * uniform.Scale), edge(-1.5 * uniform.Scale), uniform.Qn * uniform.Scale, uniform.Qp * uniform.Scale, edge(uniform.Qn * uniform.Scale), edge(uniform.Qp * uniform.Scale), 1e-30, -1e-30, 1e20}
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

// uniform's scale has ties at 0.5, 1.5, ... steps that hold in float32.
var uniform = Uniform{Scale: 0.3, Qn: -8, Qp: 7, ZeroPoint: 8}

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

// multipliers turn ints into codes within the range and far beyond it, with ties; one in ten is special.
func (a *arena) multipliers(n int) []float32 {
	s := a.special(n)
	for i := range s {
		if a.rng.IntN(10) > 0 {
			s[i] = float32(math.Ldexp(a.rng.Float64()-0.5, -a.rng.IntN(30)))
		}
		if a.rng.IntN(4) == 0 {
			s[i] = float32(math.Ldexp(1, -a.rng.IntN(30)))
		}
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
