package train

import (
	"errors"
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/networks"
)

// Optimizer moves parameters along their gradients by a method: SGD, Adam or AdamW. It gives the
// method the gradients g scaled down so that the norm of all parameters' gradients together
// is at most clip_grad_norm, if that is set (Pascanu et al. 2013, arXiv
// 1211.5063, algorithm 1, with PyTorch's 1e-6 in the denominator):
//
//	g *= min(1, clip_grad_norm/(norm + 1e-6))
//
// Decay and a multiplier of lr are set per parameter group. It implements
// gorgonia.Solver for the parameter nodes of a network; gradients are not
// modified.
type Optimizer struct {
	LR      float64
	Updates int // that were made

	method   method
	clipNorm float64 // 0: none
	slots    map[string]*slot
	pool     *kernels.Pool // nil: one thread
	// FloorHits counts the updates that a parameter's floor stopped, by name.
	FloorHits map[string]int
}

// method is how a parameter is updated.
type method interface {
	// keeps names what the method keeps of a parameter beside it, as prefixes of its name in checkpoints.
	keeps() []string
	// update moves w along the gradient g, with what it keeps. It returns the index of the first element that would not be
	// finite, which it leaves as it was, or -1.
	update(w, g []float32, kept []layers.Kept, u update) int
}

// update is what a method is told beside the parameter.
type update struct {
	lr, decay float64
	clip      float32 // the gradient's factor
	number    int     // from 1
	pool      *kernels.Pool
}

// slot is what the optimizer does with one parameter.
type slot struct {
	param *layers.Array
	lr    float64
	decay float64
	old   []float32 // values before the update, of a parameter with a floor
}

// NewOptimizer returns the optimizer of a config for the parameters; what it keeps beside them is 0 now.
func NewOptimizer(t *configs.Train, params []*layers.Array) *Optimizer {
	if t == nil {
		t = &configs.Train{} // nothing moves
	}
	o := &Optimizer{LR: t.LR, method: newMethod(&t.Optimizer), clipNorm: t.ClipGradNorm, slots: map[string]*slot{}, FloorHits: map[string]int{}}
	groups := map[networks.Group]configs.Group{
		networks.WeightsGroup: t.Groups.Weights, networks.BiasGroup: t.Groups.Bias, networks.BatchNormGroup: t.Groups.BatchNorm, networks.ScalesGroup: t.Groups.Scales,
	}
	for _, p := range params {
		g := groups[p.Group]
		p.Kept = nil
		for _, prefix := range o.method.keeps() {
			p.Kept = append(p.Kept, layers.Kept{Prefix: prefix, Data: make([]float32, len(p.Data()))})
		}
		s := &slot{param: p, lr: g.LRMultiplier, decay: g.WeightDecay.Or(t.Optimizer.WeightDecay)}
		if p.Floor > 0 {
			s.old = make([]float32, len(p.Data()))
		}
		o.slots[p.Name] = s
	}
	return o
}

// over returns the optimizer for the arrays of a network that goes on from another's. What it kept of those it still moves it
// keeps.
func (o *Optimizer) over(t *configs.Train, store *layers.Store) *Optimizer {
	kept := map[string][]layers.Kept{}
	for _, a := range store.All() {
		kept[a.Name], a.Kept = a.Kept, nil
	}
	next := NewOptimizer(t, store.Learnable())
	for _, p := range store.Learnable() {
		if k := kept[p.Name]; k != nil {
			p.Kept = k
		}
	}
	next.Updates, next.FloorHits = o.Updates, o.FloorHits
	return next
}

func newMethod(o *configs.Optimizer) method {
	switch o.Kind {
	case configs.Adam, configs.AdamW:
		return &adam{kernels.Adam{Beta1: o.Beta1, Beta2: o.Beta2, Eps: o.Eps, Decoupled: o.Kind == configs.AdamW}}
	}
	return &sgd{kernels.SGD{Momentum: float32(o.Momentum), Nesterov: o.Nesterov}}
}

// Step implements gorgonia.Solver.
func (o *Optimizer) Step(model []G.ValueGrad) error {
	if o == nil || o.method == nil {
		return errors.New("there is no optimizer; want one of NewOptimizer")
	}
	clip, err := o.clip(model)
	if err != nil {
		return err
	}
	for _, vg := range model {
		s, w, g, err := o.parameter(vg)
		if err != nil {
			return err
		}
		if bad := o.update(s, w, g, clip); bad >= 0 {
			e := &graph.NotFiniteError{What: fmt.Sprintf("the gradient of element %d", bad), Value: float64(g[bad])}
			if e.Value-e.Value == 0 {
				e = &graph.NotFiniteError{What: fmt.Sprintf("the update of element %d, by a gradient of %g,", bad, e.Value), Value: math.Inf(1)}
			}
			return fmt.Errorf("%s: %w", s.param.Name, e)
		}
	}
	o.Updates++
	return nil
}

// parameter returns what belongs to a node: its slot, value and gradient.
func (o *Optimizer) parameter(vg G.ValueGrad) (s *slot, w, g []float32, err error) {
	n, ok := vg.(*G.Node)
	if !ok {
		return nil, nil, nil, fmt.Errorf("the optimizer takes parameter nodes, found %T", vg)
	}
	if s = o.slots[n.Name()]; s == nil {
		return nil, nil, nil, fmt.Errorf("the optimizer does not know parameter %q", n.Name())
	}
	grad, err := n.Grad()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("gradient of %s: %w", n.Name(), err)
	}
	return s, n.Value().(*tensor.Dense).Float32s(), grad.(*tensor.Dense).Float32s(), nil
}

// clip returns the factor of the gradients. A norm that is not finite leaves them to update, which finds the element.
func (o *Optimizer) clip(model []G.ValueGrad) (float32, error) {
	if o.clipNorm == 0 {
		return 1, nil
	}
	sum := 0.0
	for _, vg := range model {
		_, _, g, err := o.parameter(vg)
		if err != nil {
			return 0, err
		}
		sum += kernels.SumSquares(g)
	}
	if factor := o.clipNorm / (math.Sqrt(sum) + 1e-6); factor < 1 && sum <= math.MaxFloat64 {
		return float32(factor), nil
	}
	return 1, nil
}

// update returns the index of an element that is not finite, or -1. The
// element is left as it was. What has a floor loses at most half of itself: a scale
// that a long step took to its floor would make a layer's outputs vanish, and the
// gradients of all layers before it overflow.
func (o *Optimizer) update(s *slot, w, g []float32, clip float32) (bad int) {
	copy(s.old, w)
	bad = o.method.update(w, g, s.param.Kept, update{o.LR * s.lr, s.decay, clip, o.Updates + 1, o.pool})
	for i, v := range s.old {
		if least := max(s.param.Floor, v/2); w[i] < least {
			w[i] = least
			o.FloorHits[s.param.Name]++
		}
	}
	return bad
}
