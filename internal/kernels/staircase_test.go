package kernels

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/qat-go/qat/internal/staircase"
)

// The sums and gradients against float64, with and without a ReLU ahead.
func TestStaircaseSums(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	rng := rand.New(rand.NewPCG(43, 44))
	const n, c, size = 3, 16, 16 * 50
	z, dy := normal(rng, n*size), normal(rng, n*size)
	a, b, shift := normal(rng, c), normal(rng, c), normal(rng, c)
	for _, floor := range []float32{-infp, 0.7} {
		q := Staircase{Scale: 0.2, Hi: 7, Floor: floor, Delta: 0.3, Slope: 1.5}
		l := &StaircaseSums{Sum: make([]float64, c), Dot: make([]float64, c), Z: Batch(z, n), DY: Batch(dy, n), A: a, B: b, Shift: shift, Q: q, N: n}
		p.Run(n, l)
		dz := make([]float32, len(z))
		ones, zeros := make([]float32, c), make([]float32, c)
		for j := range ones {
			ones[j] = q.Slope
		}
		StaircaseGradRow(dz, dy, z, a, b, ones, zeros, zeros, &q)
		want, sum, dot := [4]float64{}, make([]float64, c), make([]float64, c)
		for i := range z {
			g, v := float64(dy[i]), (float64(z[i])*float64(a[i%c])+float64(b[i%c]))/float64(q.Scale)
			open := v > float64(floor)
			v = max(v, float64(floor))
			level, h, dx := math.RoundToEven(min(max(v, 0), 7)), 0.0, 0.0
			if v >= 0 && v <= 7 {
				h = g * (1 + 0.3*math.Copysign(1, g)*(v-level))
			}
			if open {
				dx = 1.5 * h
			}
			want[0] += g * level
			want[1] += g
			want[2] += h * v
			want[3] += h
			sum[i%c] += dx
			dot[i%c] += dx * (float64(z[i]) - float64(shift[i%c]))
			if math.Abs(float64(dz[i])-dx) > 1e-4*(1+math.Abs(dx)) {
				t.Fatalf("floor %v: dz %v, want %v", floor, dz[i], dx)
			}
		}
		for i, got := range []float64{l.DyQ, l.Dy, l.HV, l.H} {
			if math.Abs(got-want[i]) > 1e-2 {
				t.Errorf("floor %v: sum %d is %v, want %v", floor, i, got, want[i])
			}
		}
		for j := range sum {
			if math.Abs(l.Sum[j]-sum[j]) > 1e-3 || math.Abs(l.Dot[j]-dot[j]) > 1e-3 {
				t.Errorf("floor %v: channel %d: %v and %v, want %v and %v", floor, j, l.Sum[j], l.Dot[j], sum[j], dot[j])
			}
		}
	}
}

// Without a batch norm ahead, one walk gives what two give behind an identity.
func TestStaircaseGrad(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	rng := rand.New(rand.NewPCG(45, 46))
	const n = 3
	for _, size := range []int{0, 7, 16, 16*50 + 3} { // of a picture
		x, dy := normal(rng, n*size), normal(rng, n*size)
		uneven := staircase.NewLadder([]float32{-1, 0, 3, 4, 6}, []float32{-0.5, 0.5, 3.5, 5})
		for _, q := range []Staircase{
			{Scale: 0.2, Hi: 7, Floor: 0.7, Delta: 0.3, Slope: 1.5},
			{Scale: 0.2, Hi: 7, Floor: -infp, Slope: 1.5, Ladder: uneven},
			{Scale: 0.2, Hi: 7, Floor: 0.7, Slope: 1.5, Bell: newBell(3, 1.2, 0, 0.3, -0.8, true, false)},
		} {
			dx := make([]float32, len(x))
			l := &StaircaseGrad{DX: Batch(dx, n), DY: Batch(dy, n), X: Batch(x, n), B: 0.1, Q: q, N: n}
			p.Run(n, l)
			one, b, zero, slope := []float32{1}, []float32{0.1}, []float32{0}, []float32{q.Slope}
			two := &StaircaseSums{Sum: make([]float64, 1), Dot: make([]float64, 1), Z: Batch(x, n), DY: Batch(dy, n), A: one, B: b, Shift: zero, Q: q, N: n}
			p.Run(n, two)
			want := make([]float32, len(x))
			StaircaseGradRow(want, dy, x, one, b, slope, zero, zero, &q)
			if !slices.Equal(dx, want) {
				t.Errorf("%d elements: dx %v, want %v", size, dx, want)
			}
			if l.LevelSums != two.LevelSums {
				t.Errorf("%d elements: sums %v, want %v", size, l.LevelSums, two.LevelSums)
			}
		}
	}
}

// A bell is the derivative of a tanh, of SwishSign, or a triangle.
func TestBell(t *testing.T) {
	tanh, swish, triangle := newBell(6, 1.5, 0, 0.3, -0.8, true, false), newBell(5, 5, 2.5, 0, 0, false, false), newBell(2, 2, 0, 0, 0, false, true)
	for v := float32(-4); v < 4; v += 0.013 {
		d := float64(v) - math.Floor(float64(v)) - 0.5
		th := math.Tanh(3 * d)
		near := func(what string, got float32, want float64) {
			if math.Abs(float64(got)-want) > 2e-6*(1+math.Abs(want)) {
				t.Fatalf("%s at %v: %v, want %v", what, v, got, want)
			}
		}
		height, term := bellAt(tanh, v)
		near("tanh", height, 1.5*(1-th*th))
		near("term", term, 0.3*th-0.8*d*(1-th*th))
		height, _ = bellAt(swish, v)
		bv := 5 * float64(v)
		near("swish", height, 5*(2-bv*math.Tanh(bv/2))/(1+math.Cosh(bv)))
		height, _ = bellAt(triangle, v)
		near("triangle", height, 2-2*math.Abs(float64(v)))
	}
}

// newBell returns the bell of these numbers.
func newBell(k, a, b, p, q float32, many, linear bool) *staircase.Bell {
	l := &staircase.Bell{K: k, A: a, B: b, P: p, Q: q}
	if many {
		l.Many = 1
	}
	if linear {
		l.Linear = staircase.Yes
	}
	return l
}
