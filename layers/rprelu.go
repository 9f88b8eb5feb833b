package layers

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// RPReLU is the activation function of ReActNet, with parameters for each
// channel (estimators.RPReLU): (C) each, in the parameter group of batch norm.
type RPReLU struct {
	Name              string
	Gamma, Zeta, Beta *Array
	math              estimators.RPReLU
}

func holdRPReLU(l *layer) {
	l.rprelu = &RPReLU{Name: l.Name, Gamma: l.arrays[0], Zeta: l.arrays[1], Beta: l.arrays[2], math: estimators.RPReLU{Channels: l.out.C}}
}

func planRPReLU(p *plan, l *layer, in []*step) *step { return p.add(l.Name, rpreluOp{l.rprelu}, in...) }

// rpreluOp is RPReLU on floats.
type rpreluOp struct{ *RPReLU }

func (o rpreluOp) emit(c *Context, s *step) Value {
	return Value{float: o.apply(c, s.in[0].out.Float(c))}
}

// apply is y = RPReLU(x): x and y are (N, H, W, C).
func (r *RPReLU) apply(c *Context, x *G.Node) *G.Node {
	in := []graph.Arg{pictures(4), f32(1), f32(1), f32(1)}
	return c.b.Apply(graph.Op{
		Name: "rprelu", Layer: r.Name, In: in, Out: pictures(4), Shape: sameShape(0), InPlace: 1, Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			var x, y kernels.Pictures[float32]
			var p estimators.Params
			return graph.Loop{
				Before: func() error {
					x, y, p = k.Pictures(0), k.OutPictures(), estimators.Params{k.F32(1), k.F32(2), k.F32(3)}
					return r.math.Forward(nil, nil, p) // finds what is wrong with p
				},
				Body: &kernels.Each{Do: func(s *kernels.Scratch, n int) {
					if err := r.math.Forward(y.At(s, n), x.At(s, n), p); err != nil {
						panic(err) // p is checked; lengths are equal by construction
					}
				}},
			}
		},
		Wrt: []bool{true, true, true, true},
		Gradient: func(nodes []*G.Node, _, dout *G.Node) []*G.Node {
			dx := r.gradient(c, append(append([]*G.Node{}, nodes...), dout))
			return []*G.Node{dx, c.b.Aux(dx, 0), c.b.Aux(dx, 1), c.b.Aux(dx, 2)}
		},
	}, x, c.node(r.Gamma), c.node(r.Zeta), c.node(r.Beta))
}

// gradient is dx, with the gradients of the parameters as auxiliary outputs; they
// are added up over pictures in order.
func (r *RPReLU) gradient(c *Context, nodes []*G.Node) *G.Node {
	channels := r.math.Channels
	parts := newParts(nodes[0].Shape()[0], channels, channels, channels)
	return c.b.Apply(graph.Op{
		Name: "rprelu gradient", Layer: r.Name, In: []graph.Arg{pictures(4), f32(1), f32(1), f32(1), pictures(4)},
		Out: pictures(4), Shape: sameShape(0), InPlace: 5, Pool: c.pool,
		Aux: func([]tensor.Shape) []graph.Buffer {
			b := graph.Buffer{Dtype: tensor.Float32, Shape: tensor.Shape{channels}}
			return []graph.Buffer{b, b, b}
		},
		Loop: func(k *graph.Call) graph.Loop {
			var dx, x, dy kernels.Pictures[float32]
			var p estimators.Params
			return graph.Loop{
				Before: func() error {
					dx, x, dy, p = k.OutPictures(), k.Pictures(0), k.Pictures(4), estimators.Params{k.F32(1), k.F32(2), k.F32(3)}
					return r.math.Forward(nil, nil, p)
				},
				Body: &kernels.Each{Do: func(s *kernels.Scratch, n int) {
					if err := r.math.Backward(dx.At(s, n), parts[n], x.At(s, n), dy.At(s, n), p); err != nil {
						panic(err)
					}
				}},
				After: func() error { sumParts(auxParams(k), parts); return nil },
			}
		},
	}, nodes...)
}
