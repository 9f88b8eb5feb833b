package machine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

const (
	loopPictures = 9
	loopEach     = 6
)

var picture = graph.Arg{Dtype: tensor.Float32, Rank: 2, Picture: true}

// mix is y = a + 2b + c[0] as a loop over pictures; c is read whole.
func mix(b *graph.Builder, p *kernels.Pool, inPlace int, x, y, c *G.Node) *G.Node {
	return b.Apply(graph.Op{
		Name: "mix", In: []graph.Arg{picture, picture, f32x1}, Out: picture, Shape: same, InPlace: inPlace, Pool: p,
		Loop: func(k *graph.Call) graph.Loop {
			var out, x, y kernels.Pictures[float32]
			var c float32
			return graph.Loop{
				Before: func() error { out, x, y, c = k.OutPictures(), k.Pictures(0), k.Pictures(1), k.F32(2)[0]; return nil },
				Body: &kernels.Each{Do: func(s *kernels.Scratch, n int) {
					o, x, y := out.At(s, n), x.At(s, n), y.At(s, n)
					for i := range o {
						o[i] = x[i] + 2*y[i] + c
					}
				}},
			}
		},
	}, x, y, c)
}

// total is the sum over the batch, modulo 7 so that numbers stay exact.
func total(b *graph.Builder, p *kernels.Pool, x *G.Node) *G.Node {
	return b.Apply(graph.Op{
		Name: "total", In: []graph.Arg{picture}, Out: f32x1, Pool: p,
		Shape: func([]tensor.Shape) (tensor.Shape, error) { return tensor.Shape{1}, nil },
		Loop: func(k *graph.Call) graph.Loop {
			var x kernels.Pictures[float32]
			part := make([]float32, loopPictures)
			return graph.Loop{
				Before: func() error { x = k.Pictures(0); return nil },
				Body: &kernels.Each{Do: func(s *kernels.Scratch, n int) {
					part[n] = 0
					for _, v := range x.At(s, n) {
						part[n] += v
					}
				}},
				After: func() error {
					sum := float32(0)
					for _, v := range part {
						sum += v
					}
					k.OutF32()[0] = float32(int(sum) % 7)
					return nil
				},
			}
		},
	}, x)
}

// A run that is stopped within fused loops, or within operations that are alone, gives the context's error: what comes
// after does not run, and an operation that fails for what was left undone is not heard.
func TestStoppedRun(t *testing.T) {
	for _, unfused := range []bool{false, true} {
		b, p := graph.New(), pool(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer p.Until(ctx)()
		stop, late := func() {}, 0
		x := b.Input("x", tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(loopPictures, loopEach)))
		stopping := b.Apply(graph.Op{Name: "stop", In: []graph.Arg{picture}, Out: picture, Shape: same, Pool: p,
			Loop: func(*graph.Call) graph.Loop {
				return graph.Loop{Body: &kernels.Each{Do: func(*kernels.Scratch, int) { stop() }}, After: func() error { late++; return nil }}
			}}, x)
		sum := total(b, p, stopping)
		last := b.Apply(graph.Op{Name: "last", In: []graph.Arg{f32x1}, Out: f32x1, Shape: same,
			Forward: func(*graph.Call) error { late++; return nil }}, sum)
		m, err := New(p, Options{Unfused: unfused}, last)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.RunAll(); err != nil || late != 2 {
			t.Fatalf("unfused %v: error %v, %d of 2 ran", unfused, err, late)
		}
		stop, late = cancel, 0
		if err := m.RunAll(); err != context.Canceled || late != 0 {
			t.Errorf("unfused %v: error %v, %d ran after the end", unfused, err, late)
		}
	}
	b, p := graph.New(), pool(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer p.Until(ctx)()
	x := b.Input("x", tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(4)))
	m, err := New(p, Options{}, b.Apply(graph.Op{Name: "alone", In: []graph.Arg{f32x1}, Out: f32x1, Shape: same,
		Forward: func(*graph.Call) error { cancel(); return errors.New("half is missing") }}, x))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.RunAll(); err != context.Canceled {
		t.Errorf("error %v, want the context's", err)
	}
}

// reach is y = x + the sum of all a, which every picture reads whole.
func reach(b *graph.Builder, p *kernels.Pool, x, a *G.Node) *G.Node {
	return b.Apply(graph.Op{
		Name: "reach", In: []graph.Arg{picture, {Dtype: tensor.Float32, Rank: 2}}, Out: picture, Shape: same, Pool: p,
		Loop: func(k *graph.Call) graph.Loop {
			var out, x kernels.Pictures[float32]
			return graph.Loop{
				Before: func() error { out, x = k.OutPictures(), k.Pictures(0); return nil },
				Body: &kernels.Each{Do: func(s *kernels.Scratch, n int) {
					for i := range out.At(s, n) {
						out.At(s, n)[i] = x.At(s, n)[i]
						for _, v := range k.F32(1) {
							out.At(s, n)[i] += v
						}
					}
				}},
			}
		},
	}, x, a)
}

// Pictures take the bytes of those that the same walk is the last to read, ahead of them: here y those of a, which is not what
// y is computed from. They do not if a picture needs all of a.
func TestPicturesTakeThePlaceOfOthers(t *testing.T) {
	for _, whole := range []bool{false, true} {
		b, p := graph.New(), pool(t)
		x := b.Input("x", tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(loopPictures, loopEach)))
		for i := range x.Value().(*tensor.Dense).Float32s() {
			x.Value().(*tensor.Dense).Float32s()[i] = float32(i % 3)
		}
		zero := b.Input("zero", tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(1)))
		a := mix(b, p, 0, x, x, zero)
		between, sum := mix(b, p, 0, a, a, total(b, p, a)), 162%7 // of a, whose elements are 3*(0, 1, 2)
		if whole {
			between, sum = reach(b, p, between, a), sum+162
		}
		y := mix(b, p, 0, between, x, zero)
		m, err := New(p, Options{Poison: true}, y)
		if err != nil {
			t.Fatal(err)
		}
		rounded := func(n int) int { return (4*n + 63) &^ 63 }
		if most := rounded(loopPictures*loopEach) + rounded(p.Threads()*loopEach) + 64; !whole && m.ArenaBytes() > most {
			t.Errorf("the arena has %d bytes, want %d: pictures, one for each worker, and a sum", m.ArenaBytes(), most)
		}
		if err := m.RunAll(); err != nil {
			t.Fatal(err)
		}
		for i, v := range y.Value().(*tensor.Dense).Float32s() {
			if want := float32(11*(i%3) + sum); v != want {
				t.Fatalf("whole %v: element %d is %g, want %g", whole, i, v, want)
			}
		}
	}
}

// Random graphs of loops and sums over the batch against a direct evaluation:
// fused, with dead buffers poisoned, and unfused.
func TestRandomLoops(t *testing.T) {
	smaller := 0
	for seed := range uint64(100) {
		arenas := map[bool]int{}
		for _, unfused := range []bool{false, true} {
			rng := rand.New(rand.NewPCG(seed, 2))
			b, p := graph.New(), pool(t)
			var arrays, scalars []*G.Node
			want, wantScalar := map[*G.Node][]float32{}, map[*G.Node]float32{}
			input := func(name string, shape ...int) *G.Node {
				v := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(shape...))
				for j := range v.Float32s() {
					v.Float32s()[j] = float32(rng.IntN(3))
				}
				n := b.Input(name, v)
				want[n] = append([]float32(nil), v.Float32s()...)
				return n
			}
			for i := range 2 {
				arrays = append(arrays, input(fmt.Sprint("x", i), loopPictures, loopEach))
			}
			c := input("c", 1)
			scalars, wantScalar[c] = append(scalars, c), want[c][0]
			for range 15 {
				if rng.IntN(4) == 0 {
					x := arrays[rng.IntN(len(arrays))]
					n, sum := total(b, p, x), float32(0)
					for _, v := range want[x] {
						sum += v
					}
					scalars, wantScalar[n] = append(scalars, n), float32(int(sum)%7)
					continue
				}
				// Near ones, so that numbers stay small enough to be exact.
				x, y := arrays[rng.IntN(min(4, len(arrays)))], arrays[len(arrays)-1-rng.IntN(2)]
				c := scalars[rng.IntN(len(scalars))]
				n, w := mix(b, p, rng.IntN(2), x, y, c), make([]float32, loopPictures*loopEach)
				for i := range w {
					w[i] = want[x][i] + 2*want[y][i] + wantScalar[c]
				}
				arrays, want[n] = append(arrays, n), w
			}
			last := []*G.Node{arrays[len(arrays)-1], scalars[len(scalars)-1]}
			m, err := New(p, Options{Poison: true, Unfused: unfused, Profile: seed%2 == 0}, last...)
			if err != nil {
				t.Fatal(err)
			}
			arenas[unfused] = m.ArenaBytes()
			for range 2 {
				if err := m.RunAll(); err != nil {
					t.Fatal(err)
				}
				for i, v := range last[0].Value().(*tensor.Dense).Float32s() {
					if v != want[last[0]][i] {
						t.Fatalf("seed %d, unfused %v: element %d is %g, want %g", seed, unfused, i, v, want[last[0]][i])
					}
				}
				if v := last[1].Value().(*tensor.Dense).Float32s()[0]; v != wantScalar[last[1]] {
					t.Fatalf("seed %d, unfused %v: sum %g, want %g", seed, unfused, v, wantScalar[last[1]])
				}
			}
			if ts := m.Timings(); len(ts) == 0 || seed%2 == 0 && ts[0].Runs != 2 {
				t.Errorf("timings %v", ts)
			}
		}
		if arenas[false] < arenas[true] {
			smaller++
		}
	}
	if smaller < 20 {
		t.Errorf("fusion made the arena smaller for %d of 100 graphs only", smaller)
	}
}
