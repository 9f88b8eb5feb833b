package layers

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// The operations of methods that run on package estimators: weights whole, activations picture by picture.

// args appends the learned parameters to the inputs of an operation.
func (q *Quantizer) args(c *Context, in []graph.Arg, nodes []*G.Node) ([]graph.Arg, []*G.Node) {
	for _, p := range q.learned {
		in, nodes = append(in, f32(1)), append(nodes, c.node(p))
	}
	return in, nodes
}

// gradientBuffers are the auxiliary outputs of a gradient: one for each learned parameter.
func (q *Quantizer) gradientBuffers([]tensor.Shape) []graph.Buffer {
	var b []graph.Buffer
	for _, p := range q.learned {
		b = append(b, graph.Buffer{Dtype: tensor.Float32, Shape: p.Value.Shape().Clone()})
	}
	return b
}

func auxParams(k *graph.Call) estimators.Params {
	var p estimators.Params
	for _, a := range k.Aux {
		p = append(p, a.Float32s())
	}
	return p
}

// wrt marks the tensor and the learned parameters as what gradients are for.
func (q *Quantizer) wrt() []bool {
	w := make([]bool, 1+len(q.learned))
	for i := range w {
		w[i] = true
	}
	return w
}

// gradients lists dx and the auxiliary outputs of its node.
func (q *Quantizer) gradients(c *Context, dx *G.Node) []*G.Node {
	all := []*G.Node{dx}
	for i := range q.learned {
		all = append(all, c.b.Aux(dx, i))
	}
	return all
}

// methodActivations quantizes activations: codes in uint8, or float32 if the method has none.
func (q *Quantizer) methodActivations(c *Context, x *G.Node, binned bool) Value {
	rank, shape := x.Dims(), x.Shape()
	if c.Train {
		q.count(shape)
	}
	out := q.output(c, rank)
	in, nodes := q.args(c, []graph.Arg{pictures(rank)}, []*G.Node{x})
	wrt := q.wrt()
	state := q.methodState(c, x, binned)
	if state != nil {
		in, nodes, wrt = append(in, f32(1)), append(nodes, state), append(wrt, false)
	}
	y := c.b.Apply(graph.Op{
		Name: "quantize by " + string(q.Estimator()), Layer: q.Name, Attrs: fmt.Sprint(q.spec), In: in, Out: out, Shape: sameShape(0), Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			l := &methodLoop{quant: q, train: c.Train}
			return graph.Loop{Body: l, After: l.failure, Before: func() error {
				if err := q.updateActivations(c.Train, k, false, func() []float32 { return k.F32(0) }); err != nil {
					return err
				}
				l.x = k.Pictures(0)
				if out.Dtype == tensor.Uint8 {
					l.codes = k.OutCodes()
				} else {
					l.y = k.OutPictures()
				}
				return l.start(k.Workers)
			}}
		},
		Wrt: wrt,
		Gradient: func(in []*G.Node, _, dout *G.Node) []*G.Node {
			args, nodes := q.args(c, []graph.Arg{pictures(rank), pictures(rank)}, []*G.Node{in[0], dout})
			if state != nil { // the gradient is for the state of the forward pass
				args, nodes = append(args, f32(1)), append(nodes, state)
			}
			grads := q.gradients(c, c.b.Apply(graph.Op{
				Name: "quantize by " + string(q.Estimator()) + ": gradient", Layer: q.Name, Attrs: fmt.Sprint(q.spec),
				In: args, Out: pictures(rank), Shape: sameShape(0), InPlace: 2, Pool: c.pool, Aux: q.gradientBuffers,
				Loop: func(k *graph.Call) graph.Loop {
					l := &methodGradient{quant: q, n: shape[0]}
					return graph.Loop{
						Body:   l,
						Before: func() error { l.dx, l.x, l.dy = k.OutPictures(), k.Pictures(0), k.Pictures(1); return l.start() },
						After:  func() error { return l.finish(auxParams(k)) },
					}
				},
			}, nodes...))
			return append(grads, make([]*G.Node, len(wrt)-len(grads))...) // none of the state
		},
	}, nodes...)
	return q.value(y)
}

// methodLoop is the forward pass over pictures.
type methodLoop struct {
	kernels.Each
	quant *Quantizer
	est   estimators.Estimator // of the batch, without a seed
	train bool
	x, y  kernels.Pictures[float32]
	codes kernels.Pictures[uint8]

	scratch [][]int32 // of each worker
	errs    []error   // the first of each worker
}

func (l *methodLoop) start(workers int) error {
	if l.scratch == nil {
		l.scratch, l.errs = make([][]int32, workers), make([]error, workers)
		l.Do = l.picture
	}
	clear(l.errs)
	var err error
	l.est, err = l.quant.estimator(false, 0)
	return err
}

func (l *methodLoop) picture(s *kernels.Scratch, n int) {
	err := l.quantize(s, n)
	if w := s.Worker(); err != nil && l.errs[w] == nil {
		l.errs[w] = err
	}
}

func (l *methodLoop) quantize(s *kernels.Scratch, n int) error {
	est, x := l.quant.drawing(l.est, l.train, n), l.x.At(s, n)
	if l.codes.Data == nil {
		return est.Forward(l.y.At(s, n), x, l.quant.params())
	}
	codes := &l.scratch[s.Worker()]
	if len(*codes) < len(x) {
		*codes = make([]int32, len(x))
	}
	i := l.quant.integer(est)
	if err := i.Quantize((*codes)[:len(x)], nil, x, l.quant.params()); err != nil {
		return err
	}
	y, shift := l.codes.At(s, n), -min(i.Qn(), 0)
	lo, hi := int32(0), int32(0)
	for j, v := range (*codes)[:len(x)] {
		y[j] = uint8(int(v) + shift)
		lo, hi = min(lo, v), max(hi, v)
	}
	return inRange(i, lo, hi)
}

// failure returns the first error of a picture.
func (l *methodLoop) failure() error {
	for _, err := range l.errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// methodGradient is the backward pass over pictures. The parameters' gradients are added up over pictures in order.
type methodGradient struct {
	kernels.Each
	quant     *Quantizer
	est       estimators.Estimator // of the batch, without a seed
	n         int
	dx, x, dy kernels.Pictures[float32]
	parts     []estimators.Params // of each picture
	errs      []error
}

func (l *methodGradient) start() (err error) {
	l.est, err = l.quant.estimator(false, 0)
	if l.parts == nil {
		var lengths []int
		for _, p := range l.quant.learned {
			lengths = append(lengths, len(p.Data()))
		}
		l.parts, l.errs = newParts(l.n, lengths...), make([]error, l.n)
		l.Do = func(s *kernels.Scratch, n int) {
			est := l.quant.drawing(l.est, true, n)
			l.errs[n] = est.Backward(l.dx.At(s, n), l.parts[n], l.x.At(s, n), l.dy.At(s, n), l.quant.params())
		}
	}
	return err
}

func (l *methodGradient) finish(dp estimators.Params) error {
	for _, err := range l.errs {
		if err != nil {
			return err
		}
	}
	sumParts(dp, l.parts)
	l.quant.penalize(l.est, dp)
	return nil
}

// newParts returns room for the gradients of parameters of these lengths, of each of n pictures.
func newParts(n int, lengths ...int) []estimators.Params {
	parts := make([]estimators.Params, n)
	for i := range parts {
		for _, l := range lengths {
			parts[i] = append(parts[i], make([]float32, l))
		}
	}
	return parts
}

// sumParts writes the sums of the pictures' gradients to dp, in the order of the pictures.
func sumParts(dp estimators.Params, parts []estimators.Params) {
	for i := range dp {
		for j := range dp[i] {
			sum := 0.0
			for n := range parts {
				sum += float64(parts[n][i][j])
			}
			dp[i][j] = float32(sum)
		}
	}
}
