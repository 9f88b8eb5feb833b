package layers

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// staircase: a method whose levels are a staircase runs on kernels, on floats, on max(x, 0), or on codes.
var staircase = rewrite{"staircase", "quantize(relu(x)), or quantize(codes), by a method becomes a staircase", func(p *plan, s *step) bool {
	o, ok := s.op.(quantizeOp)
	if !ok || !o.q.stairs() {
		return false
	}
	before, relu := p.beforeReLU(s)
	o.relu = relu != nil
	return p.replace(s, staircaseOp{o}, []*step{before}, relu...)
}}

// staircaseOp is a quantizer by a method whose levels are a staircase.
type staircaseOp struct{ quantizeOp }

func (o staircaseOp) emit(c *Context, s *step) Value {
	return o.q.plainStaircase(c, &s.in[0].out, o.relu, o.binned)
}

// plainStaircase is a staircase that has no batch norm right ahead, of v, or of max(v, 0) if relu.
func (q *Quantizer) plainStaircase(c *Context, v *Value, relu, binned bool) Value {
	var from *Quantizer // of the codes
	x := v.codes
	if x != nil && !relu && q.updates == nil {
		from = v.quant
	} else {
		x = v.Float(c)
	}
	shape := x.Shape()
	rank := len(shape)
	if c.Train {
		q.count(shape)
	}
	in, nodes := []graph.Arg{pictures(rank)}, []*G.Node{x}
	if from != nil {
		in, nodes = []graph.Arg{codes(rank), f32(1)}, []*G.Node{x, c.node(from.Scale)}
	}
	in, nodes = q.args(c, in, nodes)
	first := len(in) - len(q.learned) // the learned parameters follow
	state := q.methodState(c, x, binned)
	if state != nil {
		in, nodes = append(in, f32(1)), append(nodes, state)
	}
	wrt := make([]bool, len(in))
	wrt[0] = true
	for i := range q.learned {
		wrt[first+i] = true
	}
	out := q.output(c, rank)
	y := c.b.Apply(graph.Op{
		Name: "quantize", Layer: q.Name, Attrs: fmt.Sprint(q.spec, relu), In: in, Out: out, Shape: sameShape(0), Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			l := &kernels.StaircaseForward{}
			return graph.Loop{Body: l, Before: func() error {
				if err := q.updateActivations(c.Train, k, false, func() []float32 { return wholeOf(k, from, relu) }); err != nil {
					return err
				}
				l.X, l.Stream, l.From = sourceOf(k, from)
				if out.Dtype == tensor.Uint8 {
					l.Codes = k.OutCodes()
				} else {
					l.Y = k.OutPictures()
				}
				var err error
				l.B, l.Q, _, err = q.plainStairs(c.Train, relu)
				return err
			}}
		},
		Wrt: wrt,
		Gradient: func(in []*G.Node, _, dout *G.Node) []*G.Node {
			dx := q.plainStaircaseGradient(c, from, relu, in[0], state, dout)
			all := make([]*G.Node, len(wrt))
			all[0] = dx
			copy(all[first:], q.gradients(c, dx)[1:])
			return all
		},
	}, nodes...)
	return q.value(y)
}

// plainStaircaseGradient is the gradient in x, the codes of from unless that is nil, with those of the learned parameters,
// after what brings the state up to date, unless that is nil.
func (q *Quantizer) plainStaircaseGradient(c *Context, from *Quantizer, relu bool, x, state, dout *G.Node) *G.Node {
	rank := x.Dims()
	in, nodes := []graph.Arg{pictures(rank), pictures(rank)}, []*G.Node{x, dout}
	if from != nil {
		in, nodes = []graph.Arg{codes(rank), pictures(rank), f32(1)}, append(nodes, c.node(from.Scale))
	}
	in, nodes = q.args(c, in, nodes)
	if state != nil {
		in, nodes = append(in, f32(1)), append(nodes, state)
	}
	return c.b.Apply(graph.Op{
		Name: "quantize gradient", Layer: q.Name, Attrs: fmt.Sprint(q.spec, relu, q.place.N),
		In: in, Out: pictures(rank), Shape: sameShape(0), InPlace: 2, Pool: c.pool, Aux: q.gradientBuffers,
		Loop: func(k *graph.Call) graph.Loop {
			l := &kernels.StaircaseGrad{N: x.Shape()[0]}
			var est estimators.Stepped
			return graph.Loop{
				Body: l,
				Before: func() (err error) {
					l.DX, l.DY = k.OutPictures(), k.Pictures(1)
					l.X, l.Stream, l.From = sourceOf(k, from)
					l.B, l.Q, est, err = q.plainStairs(true, relu)
					return err
				},
				After: func() error { return q.learn(auxParams(k), est, l.LevelSums) },
			}
		},
	}, nodes...)
}

// sourceOf returns input 0: floats, or codes of from and what they mean.
func sourceOf(k *graph.Call, from *Quantizer) (x kernels.Pictures[float32], stream kernels.Pictures[uint8], source kernels.Uniform) {
	if from == nil {
		return k.Pictures(0), stream, source
	}
	return x, k.Codes(0), from.uniform(from.Scale.Data()[0])
}

// wholeOf returns all values of input 0, through ReLU if relu.
func wholeOf(k *graph.Call, from *Quantizer, relu bool) []float32 {
	if from != nil {
		codes := k.U8(0)
		x, source := make([]float32, len(codes)), from.uniform(from.Scale.Data()[0])
		kernels.DequantizeRow(x, codes, &source)
		return x
	}
	x := append([]float32(nil), k.F32(0)...)
	if relu {
		kernels.ReLURow(x, x)
	}
	return x
}
