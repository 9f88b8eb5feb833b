package machine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

var errGate = errors.New("the gate is closed")

// gate is y = 2x + 1 as a loop that does not begin while the gate is closed; inPlace is 1 if y may take the buffer of x.
func gate(b *graph.Builder, p *kernels.Pool, x *G.Node, inPlace int, closed *bool) *G.Node {
	return b.Apply(graph.Op{
		Name: "gate", In: []graph.Arg{picture}, Out: picture, Shape: same, InPlace: inPlace, Pool: p,
		Loop: func(k *graph.Call) graph.Loop {
			var out, x kernels.Pictures[float32]
			return graph.Loop{
				Before: func() error {
					if out, x = k.OutPictures(), k.Pictures(0); *closed {
						return errGate
					}
					return nil
				},
				Body: &kernels.Each{Do: func(s *kernels.Scratch, n int) {
					o, x := out.At(s, n), x.At(s, n)
					for i := range o {
						o[i] = 2*x[i] + 1
					}
				}},
			}
		},
	}, x)
}

// Runs that stop at two gates and go on in turns give what runs in one go give, with dead buffers poisoned.
func TestRunsInTurns(t *testing.T) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 3))
		b, p := graph.New(), pool(t)
		x := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(loopPictures, loopEach))
		c := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(1))
		closed := [2]bool{}
		nodes := []*G.Node{b.Input("x", x)}
		scalars := []*G.Node{b.Input("c", c)}
		for i := range 16 {
			from := nodes[len(nodes)-1-rng.IntN(min(3, len(nodes)))]
			switch {
			case i == 5 || i == 10:
				nodes = append(nodes, gate(b, p, nodes[len(nodes)-1], rng.IntN(2), &closed[i/5-1]))
			case rng.IntN(4) == 0:
				scalars = append(scalars, total(b, p, from))
			default:
				nodes = append(nodes, mix(b, p, 1, from, nodes[len(nodes)-1], scalars[rng.IntN(len(scalars))]))
			}
		}
		last := nodes[len(nodes)-1]
		m, err := New(p, Options{Poison: true, Unfused: true}, last)
		if err != nil {
			t.Fatal(err)
		}
		set := func(run int) {
			for j := range x.Float32s() {
				x.Float32s()[j] = float32((j*(run+2) + run) % 3)
			}
			c.Float32s()[0] = float32(run)
		}
		const runs = 3
		var want []string
		for run := range runs {
			set(run)
			if err := m.RunAll(); err != nil {
				t.Fatal(err)
			}
			want = append(want, fmt.Sprint(last.Value().(*tensor.Dense).Float32s()))
		}
		closed = [2]bool{true, true}
		var states [runs]*State
		for turn := range 3 {
			for run := range runs {
				set(run)
				if turn == 0 {
					err = m.RunAll()
				} else {
					err = m.Resume(states[run])
				}
				if turn < 2 {
					if !errors.Is(err, errGate) {
						t.Fatalf("seed %d: turn %d stops with %v", seed, turn, err)
					}
					states[run] = m.Save(nil)
				} else if got := fmt.Sprint(last.Value().(*tensor.Dense).Float32s()); err != nil || got != want[run] {
					t.Fatalf("seed %d: run %d gives %v, %v; in one go %v", seed, run, got, err, want[run])
				}
			}
			closed[min(turn, 1)] = false
		}
	}
}
