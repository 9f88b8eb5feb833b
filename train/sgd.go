package train

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/layers"
)

// SGD is stochastic gradient descent with momentum, as PyTorch defines it
// (Sutskever et al. 2013, without the learning rate in the velocity):
//
//	d = g + decay*w;  v = momentum*v + d;  w -= lr*v   (Nesterov: lr*(d + momentum*v))
//
// Decay and a multiplier of lr are set per parameter group. It implements
// gorgonia.Solver for the parameter nodes of a network; gradients are not
// modified.
type SGD struct {
	LR       float64
	momentum float32
	nesterov bool
	slots    map[string]*slot
	// FloorHits counts the updates that a parameter's floor stopped, by name.
	FloorHits map[string]int
}

// slot is what the optimizer keeps of one parameter.
type slot struct {
	param    *layers.Param
	velocity []float32
	lr       float64
	decay    float32
}

// NewSGD returns the optimizer of a config for the parameters.
func NewSGD(t *configs.Train, params []*layers.Param) *SGD {
	o := &SGD{LR: t.LR, momentum: float32(t.Optimizer.Momentum), nesterov: t.Optimizer.Nesterov, slots: map[string]*slot{}, FloorHits: map[string]int{}}
	groups := map[layers.Group]configs.Group{
		layers.Weights: t.Groups.Weights, layers.Bias: t.Groups.Bias, layers.BatchNormGroup: t.Groups.BatchNorm, layers.Scales: t.Groups.Scales,
	}
	for _, p := range params {
		g := groups[p.Group]
		o.slots[p.Name] = &slot{p, make([]float32, len(p.Data())), g.LRMultiplier, float32(g.WeightDecay.Or(t.Optimizer.WeightDecay))}
	}
	return o
}

// Step implements gorgonia.Solver.
func (o *SGD) Step(model []G.ValueGrad) error {
	for _, vg := range model {
		n, ok := vg.(*G.Node)
		if !ok {
			return fmt.Errorf("train: the optimizer takes parameter nodes, found %T", vg)
		}
		s := o.slots[n.Name()]
		if s == nil {
			return fmt.Errorf("train: the optimizer does not know parameter %q", n.Name())
		}
		grad, err := n.Grad()
		if err != nil {
			return fmt.Errorf("train: gradient of %s: %w", n.Name(), err)
		}
		g := grad.(*tensor.Dense).Float32s()
		if bad := o.update(s, n.Value().(*tensor.Dense).Float32s(), g); bad >= 0 {
			return fmt.Errorf("%s: the update of element %d is not finite (gradient %g); lower train.lr or look at the data", n.Name(), bad, g[bad])
		}
	}
	return nil
}

// update returns the index of an element that is not finite, or -1. The
// element is left as it was.
func (o *SGD) update(s *slot, w, g []float32) (bad int) {
	lr, floor := float32(o.LR*s.lr), s.param.Floor
	for i, v := range w {
		d := g[i] + float32(s.decay*v)
		u := float32(o.momentum*s.velocity[i]) + d
		step := u
		if o.nesterov {
			step = d + float32(o.momentum*u)
		}
		next := v - float32(lr*step)
		if next-next != 0 { // NaN or infinite
			return i
		}
		if floor > 0 && next < floor {
			next = floor
			o.FloorHits[s.param.Name]++
		}
		s.velocity[i], w[i] = u, next
	}
	return -1
}
