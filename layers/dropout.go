package layers

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
	draw "github.com/qat-go/qat/internal/random"
	"github.com/qat-go/qat/networks"
)

// planDropout adds a step in training only.
func planDropout(p *plan, l *layer, in []*step) *step {
	rate := l.Op.(networks.Dropout).Rate
	if !p.c.Train || rate == 0 {
		return in[0]
	}
	return p.add(l.Name, dropoutOp{rate, l.clock}, in...)
}

// dropoutOp is dropout in training.
type dropoutOp struct {
	rate  float64
	clock *clock
}

func (o dropoutOp) emit(c *Context, s *step) Value {
	return Value{float: o.drop(c, s.name, s.in[0].out.Float(c))}
}

// drop is y = x/(1 - rate), or 0 with the probability rate; dx is dy times the same. What is drawn depends on the network's
// seed, the step, the layer, and the element's place in the batch.
func (o dropoutOp) drop(c *Context, layer string, x *G.Node) *G.Node {
	rank := x.Dims()
	return c.b.Apply(graph.Op{
		Name: "dropout", Layer: layer, Attrs: fmt.Sprint(o.rate), In: []graph.Arg{pictures(rank)}, Out: pictures(rank), Shape: sameShape(0), InPlace: 1, Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			var x, y kernels.Pictures[float32]
			var draws draw.Stream
			var scale, rate float32
			return graph.Loop{
				Before: func() error {
					x, y, draws = k.Pictures(0), k.OutPictures(), draw.New(o.clock.seedOf(layer))
					if scale, rate = float32(1/(1-o.rate)), float32(o.rate); o.clock.steady {
						scale, rate = 1, 0
					}
					return nil
				},
				Body: &kernels.Each{Do: func(s *kernels.Scratch, n int) {
					x := x.At(s, n)
					kernels.Dropout(y.At(s, n), x, scale, rate, draws, (c.First+n)*len(x))
				}},
			}
		},
		Wrt:      []bool{true},
		Gradient: func(_ []*G.Node, _, dout *G.Node) []*G.Node { return []*G.Node{o.drop(c, layer, dout)} },
	}, x)
}
