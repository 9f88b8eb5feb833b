package layers

import (
	"errors"
	"fmt"
	"sync/atomic"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/graph"
)

// FakeQuant is a quantizer on a node of anyone's Gorgonia graph: by any method, with its gradient, and Gorgonia's own
// operations, machines and solvers around it. One goroutine uses it at a time.
//
// What methods do beside the graph is for whoever trains: [FakeQuant.Train] before a step of what draws at random,
// [FakeQuant.Update] after it of what keeps arrays that no gradient moves, [FakeQuant.Project] after the solver. Each does
// nothing for other methods. PACT's penalty is in the gradient of its parameter.
type FakeQuant struct {
	name    string
	est     estimators.Estimator
	is      estimators.Traits
	scales  int
	params  estimators.Params // what is learned
	nodes   G.Nodes           // of them
	state   estimators.Params // of a method that keeps arrays beside
	updates int               // of the state
	clock   *clock            // of what draws at random; nil in evaluation
	x, y    *G.Node
	b       *graph.Builder
}

// Fake says what is quantized, and how.
type Fake struct {
	Name   string // of the tensor; learned parameters are NAME.scale and the like, which no other node is called
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

// errNoFake is that of a quantizer that no function made.
var errNoFake = errors.New("there is no quantizer; want one of NewFakeQuant")

// NewFakeQuant adds y, the quantized x, to the graph of x, which is float32 with its values bound, or a computed node. Init
// gives what is learned its first values.
func NewFakeQuant(x *G.Node, f Fake) (*FakeQuant, error) {
	if !typed(x) || x.Dtype() != tensor.Float32 || x.Dims() == 0 {
		return nil, fmt.Errorf("%s: x is %v; expected a node of float32 with one axis or more", f.Name, x)
	}
	est, is, err := f.estimator(x.Shape())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	q := &FakeQuant{name: f.Name, est: est, is: is, scales: max(f.Scales, 1), x: x, b: graph.On(x.Graph(), fakes.Add(1))}
	for _, l := range est.Params() {
		name := f.Name + "." + l.Name
		if len(x.Graph().ByName(name)) > 0 { // Gorgonia would make one of both
			return nil, fmt.Errorf("%s: the graph has a node %q; expected a Name unlike those of other quantizers", f.Name, name)
		}
		t := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(l.Len))
		q.params, q.nodes = append(q.params, t.Float32s()), append(q.nodes, q.b.Param(name, t))
	}
	if s, ok := est.(estimators.Stateful); ok {
		for _, l := range s.State(x.Shape().TotalSize()) {
			q.state = append(q.state, make([]float32, l.Len))
		}
	}
	q.y = q.apply()
	return q, q.b.Err()
}

// estimator returns the method for a tensor of that shape, and what it is.
func (f Fake) estimator(shape tensor.Shape) (estimators.Estimator, estimators.Traits, error) {
	spec := configs.TensorSpec{Estimator: configs.Estimator(f.Method), Bits: configs.Bits(f.Bits), STE: configs.STE(f.STE)}
	if f.STE == "" {
		spec.STE = configs.STEAuto
	}
	for name, v := range f.Options {
		spec.Options = append(spec.Options, configs.Setting{Name: name, Value: estimators.Schedule{Kind: estimators.Constant, From: v, To: v}})
	}
	at := configs.Place{Weights: f.Weights, Signed: f.Weights || f.Signed, Scales: max(f.Scales, 1)}
	if last := shape[len(shape)-1]; at.Scales > 1 && at.Scales != last {
		return nil, estimators.Traits{}, fmt.Errorf("%d scales for %d channels; expected 1 or as many", at.Scales, last)
	}
	at.N = shape.TotalSize() / at.Scales
	if !f.Weights {
		at.N = shape.TotalSize() / shape[0]
	}
	is, err := spec.Traits(at)
	if err != nil {
		return nil, is, err
	}
	est, err := spec.NewEstimator(at, 0)
	return est, is, err
}

// now is the method as it is in this step.
func (q *FakeQuant) now() estimators.Estimator {
	est := q.est
	if s, ok := est.(estimators.Stateful); ok {
		est = s.WithState(q.state)
	}
	if q.is.Random && q.clock != nil {
		est = est.(estimators.Random).Seeded(q.clock.seedOf(q.name))
	}
	return est
}

// Init gives what is learned, and what is kept beside, its first values, from those of x: the weights, or a first batch.
func (q *FakeQuant) Init(x []float32) error {
	if q == nil || q.est == nil {
		return errNoFake
	}
	if i := graph.FirstNotFinite(x); i >= 0 || len(x) == 0 {
		return fmt.Errorf("%s: wanted values to start from, all finite; found %d, of which the first that is not is %d", q.name, len(x), i)
	}
	if q.updates = 0; len(q.params) > 0 {
		if err := q.est.Init(q.params, x); err != nil {
			return fmt.Errorf("%s: %w", q.name, err)
		}
	}
	return q.Update(x)
}

// Train makes the runs that follow those of a training step: what a method draws at random is of that step. It changes
// nothing but for such methods, which round to nearest, and add no noise, before it and after [FakeQuant.Evaluate].
func (q *FakeQuant) Train(step int) { q.clock = &clock{step: step} }

// Evaluate ends what Train began.
func (q *FakeQuant) Evaluate() { q.clock = nil }

// Update moves what a method keeps beside what it learns, such as a codebook, for the values x of a step.
func (q *FakeQuant) Update(x []float32) error {
	if q == nil || q.est == nil {
		return errNoFake
	}
	s, ok := q.est.(estimators.Stateful)
	if !ok {
		return nil
	}
	if err := s.Update(q.state, x, q.params, q.updates); err != nil {
		return fmt.Errorf("%s: %w", q.name, err)
	}
	q.updates++
	return nil
}

// Project is for after an update by a solver, which knows no bounds: scales and what else must be positive are brought to
// [estimators.MinScale] if they are below, and weights w clipped where the method wants it ([estimators.WeightClipper]).
func (q *FakeQuant) Project(w []float32) {
	if q.est == nil {
		return
	}
	for i, l := range q.est.Params() {
		for j, v := range q.params[i] {
			if l.Positive && v < estimators.MinScale {
				q.params[i][j] = estimators.MinScale
			}
		}
	}
	if c, ok := q.est.(estimators.WeightClipper); ok {
		c.ClipWeights(w)
	}
}

// Output is the quantized node.
func (q *FakeQuant) Output() *G.Node { return q.y }

// Learnables are what training learns: nodes for gorgonia.Grad and solvers.
func (q *FakeQuant) Learnables() G.Nodes { return q.nodes }

// Codes returns the integers of x, the whole tensor, and the scale of them, one or one for each channel: y is scale*code, or
// scale*(code - z) if the method finds where 0 is, with the code z that Codes gives 0. Methods whose levels are no integers
// have none. What draws at random is as in evaluation.
func (q *FakeQuant) Codes(x []float32) (codes []int32, scale []float32, err error) {
	if q == nil || q.est == nil {
		return nil, nil, errNoFake
	}
	est := q.est
	if s, ok := est.(estimators.Stateful); ok {
		est = s.WithState(q.state)
	}
	i, ok := est.(estimators.Integer)
	if !ok {
		return nil, nil, fmt.Errorf("%s: the levels are not a scale times integers", q.name)
	}
	codes, scale = make([]int32, len(x)), make([]float32, q.scales)
	if err := i.CodeScale(scale, x, q.params); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", q.name, err)
	}
	if err := i.Quantize(codes, nil, x, q.params); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", q.name, err)
	}
	return codes, scale, nil
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
		Forward: func(k *graph.Call) error { return q.now().Forward(k.OutF32(), k.F32(0), values(k, 1)) },
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
					est, p, dp := q.now(), values(k, 2), auxParams(k)
					err := est.Backward(k.OutF32(), dp, k.F32(1), k.F32(0), p)
					if e, ok := est.(estimators.Penalized); ok {
						for i, d := range e.Decay() {
							for j, v := range p[i] {
								dp[i][j] += float32(d) * v
							}
						}
					}
					return err
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
