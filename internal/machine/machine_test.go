package machine

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

var f32x1 = graph.Arg{Dtype: tensor.Float32, Rank: 1}

func same(in []tensor.Shape) (tensor.Shape, error) { return in[0], nil }

// combine is y = a + 2b; y may take the buffer of a.
func combine(b *graph.Builder, a, c *G.Node) *G.Node {
	return b.Apply(graph.Op{
		Name: "combine", Layer: "here", In: []graph.Arg{f32x1, f32x1}, Out: f32x1, Shape: same, InPlace: 1,
		Forward: func(k *graph.Call) error {
			y, a, c := k.OutF32(), k.F32(0), k.F32(1)
			for i := range y {
				y[i] = a[i] + 2*c[i]
			}
			return nil
		},
	}, a, c)
}

func pool(t testing.TB) *kernels.Pool {
	p := kernels.NewPool(2)
	t.Cleanup(p.Close)
	return p
}

// Random graphs against a direct evaluation, with dead buffers poisoned: any
// mistake in liveness, placement or in-place use shows.
func TestRandomGraphs(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		b := graph.New()
		var nodes []*G.Node
		var want [][]float32
		for i := range 3 {
			v := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(16))
			for j := range v.Float32s() {
				v.Float32s()[j] = float32(rng.IntN(5))
			}
			nodes = append(nodes, b.Input(string(rune('a'+i)), v))
			want = append(want, append([]float32(nil), v.Float32s()...))
		}
		for range 20 {
			i, j := rng.IntN(len(nodes)), rng.IntN(len(nodes))
			nodes = append(nodes, combine(b, nodes[i], nodes[j]))
			w := make([]float32, 16)
			for k := range w {
				w[k] = want[i][k] + 2*want[j][k]
			}
			want = append(want, w)
		}
		outputs := []int{len(nodes) - 1, 3 + rng.IntN(20), 3 + rng.IntN(20)}
		m, err := New(pool(t), Options{Poison: true}, nodes[outputs[0]], nodes[outputs[1]], nodes[outputs[2]])
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := m.RunAll(); err != nil {
				t.Fatal(err)
			}
			for _, o := range outputs {
				got := nodes[o].Value().(*tensor.Dense).Float32s()
				for k := range got {
					if got[k] != want[o][k] {
						t.Fatalf("seed %d: node %d is %v, want %v", seed, o, got, want[o])
					}
				}
			}
		}
		if most := 64 * 22; m.ArenaBytes() > most {
			t.Errorf("seed %d: an arena of %d bytes for 20 buffers of 64", seed, m.ArenaBytes())
		}
	}
}

// A chain needs one buffer in place, and two otherwise.
func TestArenaIsMinimal(t *testing.T) {
	b := graph.New()
	x := b.Input("x", tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(16)))
	n := x
	for range 10 {
		n = combine(b, n, x)
	}
	m, err := New(pool(t), Options{}, n)
	if err != nil {
		t.Fatal(err)
	}
	if m.ArenaBytes() != 64 {
		t.Errorf("a chain in place takes %d bytes, want 64", m.ArenaBytes())
	}
	if allocs := testing.AllocsPerRun(10, func() {
		if err := m.RunAll(); err != nil {
			t.Fatal(err)
		}
	}); allocs > 0 {
		t.Errorf("%v allocations per run", allocs)
	}
}

func TestFailuresNameTheLayer(t *testing.T) {
	for want, forward := range map[string]func(*graph.Call) error{
		"layer7: trouble: the sum is NaN":          func(*graph.Call) error { return errors.New("the sum is NaN") },
		"layer7: trouble: panic: runtime error: i": func(k *graph.Call) error { _ = k.F32(0)[99]; return nil },
	} {
		b := graph.New()
		x := b.Input("x", tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(4)))
		n := b.Apply(graph.Op{Name: "trouble", Layer: "layer7", In: []graph.Arg{f32x1}, Out: f32x1, Shape: same, Forward: forward}, x)
		m, err := New(pool(t), Options{}, n)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.RunAll(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	b := graph.New()
	x := b.Input("x", tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(4)))
	if _, err := New(pool(t), Options{}, G.Must(G.Square(x))); err == nil || !strings.Contains(err.Error(), "not supported") {
		t.Errorf("a foreign operation: %v", err)
	}
	if _, err := New(pool(t), Options{}); err == nil {
		t.Error("no outputs: no error")
	}
}

// An input that Let binds anew is read anew.
func TestLet(t *testing.T) {
	b := graph.New()
	x := b.Input("x", tensor.New(tensor.WithBacking([]float32{1, 1}), tensor.WithShape(2)))
	y := combine(b, x, x)
	m, err := New(pool(t), Options{}, y)
	if err != nil {
		t.Fatal(err)
	}
	if err := G.Let(x, tensor.New(tensor.WithBacking([]float32{5, 5}), tensor.WithShape(2))); err != nil {
		t.Fatal(err)
	}
	if err := m.RunAll(); err != nil {
		t.Fatal(err)
	}
	if got := y.Value().(*tensor.Dense).Float32s()[0]; got != 15 {
		t.Errorf("%v, want 15", got)
	}
	var _ G.VM = m
}
