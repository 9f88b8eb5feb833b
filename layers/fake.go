package layers

import (
	"fmt"
	"sync/atomic"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/graph"
)

// FakeQuant is a quantizer on a node of anyone's Gorgonia graph: by any method, with its gradient, and Gorgonia's own
// operations, machines and solvers around it.
type FakeQuant struct {
	name   string
	est    estimators.Estimator
	params estimators.Params // what is learned
	nodes  G.Nodes           // of them
	x, y   *G.Node
	b      *graph.Builder
}

// Fake says what is quantized, and how.
type Fake struct {
	Name   string // of the tensor; learned parameters are NAME.scale and the like
	Method string // such as "lsq"; package estimators lists them
	Bits   int
	STE    string // how gradients pass the rounding; "" is the method's own
	// Weights says that x holds weights (..., channels), not activations (images, ..., channels); those have levels of both
	// signs.
	Weights bool
	Signed  bool // activations: levels of both signs
	Scales  int  // 0 and 1: one for the tensor; or as many as channels
	Options map[string]float64
}

var fakes atomic.Uint64

// NewFakeQuant adds y, the quantized x, to the graph of x, which is float32 with its values bound, or a computed node. Init
// gives what is learned its first values.
func NewFakeQuant(x *G.Node, f Fake) (*FakeQuant, error) {
	if x == nil || x.Dtype() != tensor.Float32 || x.Dims() == 0 {
		return nil, fmt.Errorf("%s: x is %v; expected a node of float32 with one axis or more", f.Name, x)
	}
	est, err := f.estimator(x.Shape())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	if _, ok := est.(estimators.Stateful); ok {
		return nil, fmt.Errorf("%s: %s has arrays that training updates beside gradients; expected a method without", f.Name, f.Method)
	}
	q := &FakeQuant{name: f.Name, est: est, x: x, b: graph.On(x.Graph(), fakes.Add(1))}
	for _, l := range est.Params() {
		t := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(l.Len))
		q.params, q.nodes = append(q.params, t.Float32s()), append(q.nodes, q.b.Param(f.Name+"."+l.Name, t))
	}
	q.y = q.apply()
	return q, q.b.Err()
}

// estimator returns the method for a tensor of that shape.
func (f Fake) estimator(shape tensor.Shape) (estimators.Estimator, error) {
	spec := configs.TensorSpec{Estimator: configs.Estimator(f.Method), Bits: configs.Bits(f.Bits), STE: configs.STE(f.STE)}
	if f.STE == "" {
		spec.STE = configs.STEAuto
	}
	for name, v := range f.Options {
		spec.Options = append(spec.Options, configs.Setting{Name: name, Value: estimators.Schedule{Kind: estimators.Constant, From: v, To: v}})
	}
	at := configs.Place{Weights: f.Weights, Signed: f.Weights || f.Signed, Scales: max(f.Scales, 1)}
	if last := shape[len(shape)-1]; at.Scales > 1 && at.Scales != last {
		return nil, fmt.Errorf("%d scales for %d channels; expected 1 or as many", at.Scales, last)
	}
	at.N = shape.TotalSize() / at.Scales
	if !f.Weights {
		at.N = shape.TotalSize() / shape[0]
	}
	return spec.NewEstimator(at, 0)
}

// Init gives what is learned its first values, from those of x: the weights, or a first batch.
func (q *FakeQuant) Init(x []float32) error { return q.est.Init(q.params, x) }

// Output is the quantized node.
func (q *FakeQuant) Output() *G.Node { return q.y }

// Learnables are what training learns: nodes for gorgonia.Grad and solvers.
func (q *FakeQuant) Learnables() G.Nodes { return q.nodes }

// Codes returns the integers of x and the scale of them, one or one for each channel: x is scale*code, but for rounding, or
// scale*(code - z) if the method learns where 0 is, with the code z of 0. Methods whose levels are no integers have none.
func (q *FakeQuant) Codes(x []float32) (codes []int32, scale []float32, err error) {
	i, ok := q.est.(estimators.Integer)
	if !ok {
		return nil, nil, fmt.Errorf("%s: the levels are not a scale times integers", q.name)
	}
	codes, scale = make([]int32, len(x)), make([]float32, max(len(q.scales()), 1))
	if err := i.CodeScale(scale, x, q.params); err != nil {
		return nil, nil, err
	}
	return codes, scale, i.Quantize(codes, nil, x, q.params)
}

// scales are the first of what is learned, from whose length that of all follows.
func (q *FakeQuant) scales() []float32 {
	if len(q.params) == 0 {
		return nil
	}
	return q.params[0]
}

func (q *FakeQuant) apply() *G.Node {
	rank := q.x.Dims()
	in, wrt := []graph.Arg{f32(rank)}, []bool{true}
	for range q.nodes {
		in, wrt = append(in, f32(1)), append(wrt, true)
	}
	values := func(k *graph.Call, from int) (p estimators.Params) {
		for i := range q.nodes {
			p = append(p, k.F32(from+i))
		}
		return p
	}
	return q.b.Apply(graph.Op{
		Name: "fake quantize", Layer: q.name, In: in, Out: f32(rank), Shape: sameShape(0),
		Forward: func(k *graph.Call) error { return q.est.Forward(k.OutF32(), k.F32(0), values(k, 1)) },
		Wrt:     wrt,
		Gradient: func(nodes []*G.Node, _, dout *G.Node) []*G.Node {
			dx := q.b.Apply(graph.Op{
				Name: "fake quantize gradient", Layer: q.name, In: append([]graph.Arg{f32(rank)}, in...), Out: f32(rank), Shape: sameShape(0),
				Aux: func([]tensor.Shape) (b []graph.Buffer) {
					for _, p := range q.params {
						b = append(b, graph.Buffer{Dtype: tensor.Float32, Shape: tensor.Shape{len(p)}})
					}
					return b
				},
				Forward: func(k *graph.Call) error {
					return q.est.Backward(k.OutF32(), auxParams(k), k.F32(1), k.F32(0), values(k, 2))
				},
			}, append([]*G.Node{dout}, nodes...)...)
			grads := []*G.Node{dx}
			for i := range q.nodes {
				grads = append(grads, q.b.Aux(dx, i))
			}
			return grads
		},
	}, append([]*G.Node{q.x}, q.nodes...)...)
}
