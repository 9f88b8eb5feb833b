package layers

import (
	"errors"
	"fmt"
	"slices"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/threads"
)

// regularized are the quantized weights of one layer, and what a projector keeps of them.
type regularized struct {
	*Quantizer
	weight     *Array
	clips      bool // the method is an estimators.WeightClipper
	projectors []*projector
}

// projector is a configured one on the weights of one layer.
type projector struct {
	spec    configs.Regularizer
	kind    estimators.RegularizerKind
	state   []*Array
	updates *Array // how many times it acted, an array of one; nil without state
}

// regularize prepares what the config says about quantized weights.
func (n *Network) regularize(specs []configs.Regularizer) error {
	for _, w := range n.weighted() {
		if w.weights == nil {
			continue
		}
		l := regularized{Quantizer: w.weights, weight: w.weight()}
		_, l.clips = l.first.(estimators.WeightClipper)
		n.projects = n.projects || l.clips
		n.regularized = append(n.regularized, l)
	}
	for _, spec := range specs {
		if !spec.On() {
			continue
		}
		kind, err := estimators.RegularizerNamed(spec.Name)
		if err != nil {
			return err
		}
		for i := range n.regularized {
			l := &n.regularized[i]
			if msg := spec.Unfit(l.Estimator(), l.spec.Bits); msg != "" {
				return fmt.Errorf("quant.regularizers.%s: %s: %s", spec.Name, l.Name, msg)
			}
			if kind.New == nil {
				n.projects = true
				if err := n.addProjector(l, spec, kind); err != nil {
					return err
				}
			}
		}
		if kind.New != nil {
			n.penalties = append(n.penalties, spec)
		}
	}
	return nil
}

func (n *Network) addProjector(l *regularized, spec configs.Regularizer, kind estimators.RegularizerKind) error {
	p := &projector{spec: spec, kind: kind}
	r, err := kind.NewProjector(spec.At(0))
	if err != nil {
		return err
	}
	prefix := l.Name + "_quantizer." + spec.Name + "."
	for _, s := range r.State(len(l.weight.Data())) {
		p.state = append(p.state, newUpdated(prefix+s.Name, s.Len))
	}
	all := p.state
	if len(p.state) > 0 {
		p.updates = newUpdated(prefix+"updates", 1)
		all = append(slices.Clone(all), p.updates)
	}
	for _, a := range all { // it is about the codes of this quantizer
		a.of = l.Scale.of
	}
	n.Store.hold(all...)
	l.projectors = append(l.projectors, p)
	return nil
}

// Penalized tells that the loss has penalties, on weights or on what the network costs.
func (n *Network) Penalized() bool { return len(n.penalties) > 0 || n.learnsBits() }

// Penalize adds the gradients of the penalties to those of the arrays that they are on, grad(array), and returns the penalties'
// sum over all layers. The scales are those of the last run of the graph.
func (n *Network) Penalize(c *Context, grad func(*Array) []float32) (loss float64, err error) {
	if err := n.made(); err != nil {
		return 0, err
	}
	if !n.Penalized() {
		return 0, nil
	}
	if err := c.usable(); err != nil {
		return 0, err
	}
	if grad == nil {
		return 0, errors.New("there are no gradients to add to; want a function of the weights")
	}
	var penalties []estimators.Regularizer
	for _, spec := range n.penalties {
		kind, err := estimators.RegularizerNamed(spec.Name)
		if err != nil {
			return 0, err
		}
		r, err := kind.New(spec.At(n.clock.progress))
		if err != nil {
			return 0, err
		}
		penalties = append(penalties, r)
	}
	losses, bound := make([]float64, len(n.regularized)), make([]*Quantizer, len(n.regularized))
	for i, l := range n.regularized {
		bound[i] = c.quantizer(l.Quantizer)
	}
	err = n.eachRegularized(c.pool, func(i int, l *regularized) error {
		q := bound[i]
		levels, err := q.levels()
		for _, r := range penalties {
			if err == nil {
				var v float64
				v, err = r.Penalty(grad(l.weight), l.weight.Data(), q.Scale.Data(), levels)
				losses[i] += v
			}
		}
		return err
	})
	for _, v := range losses {
		loss += v
	}
	if n.learnsBits() {
		loss += n.penalizeCost(grad)
	}
	return loss, err
}

// Project changes the weights as their method and the projectors want it after an update of the optimizer: BinaryConnect
// and BNN clip them (estimators.WeightClipper). What bit widths are learned by stays where it may be.
func (n *Network) Project(pool *threads.Pool) error {
	if err := n.made(); err != nil {
		return err
	}
	n.boundBits()
	if !n.projects {
		return nil
	}
	return n.eachRegularized((*kernels.Pool)(pool), func(_ int, l *regularized) error {
		w := l.weight.Data()
		if l.clips {
			est, err := l.estimator(false, 0)
			if err != nil {
				return err
			}
			est.(estimators.WeightClipper).ClipWeights(w)
		}
		if len(l.projectors) == 0 {
			return nil
		}
		if err := l.rescale(w); err != nil {
			return err
		}
		levels, err := l.levels()
		if err != nil {
			return err
		}
		for _, p := range l.projectors {
			if err := p.project(w, l.Scale.Data(), levels, n.clock.progress); err != nil {
				return err
			}
		}
		return nil
	})
}

func (p *projector) project(w, scale []float32, levels estimators.Range, progress float64) error {
	r, err := p.kind.NewProjector(p.spec.At(progress))
	if err != nil {
		return err
	}
	var state estimators.Params
	for _, b := range p.state {
		state = append(state, b.Data())
	}
	if p.updates == nil {
		return r.Project(w, state, scale, levels, 0)
	}
	err = r.Project(w, state, scale, levels, int(p.updates.Data()[0]))
	p.updates.Data()[0]++
	return err
}

// eachRegularized calls do for the layers with quantized weights that are not frozen, several at once.
func (n *Network) eachRegularized(pool *kernels.Pool, do func(i int, l *regularized) error) error {
	if err := pool.Usable(); err != nil {
		return err
	}
	errs := make([]error, len(n.regularized))
	pool.For(len(n.regularized), func(_, i int) {
		l := &n.regularized[i]
		if l.weight.frozen {
			return
		}
		if err := do(i, l); err != nil {
			errs[i] = fmt.Errorf("%s: %w", l.weight.Name, err)
		}
	})
	return errors.Join(errs...)
}

// levels is the range of integers of the weights of a method with Nearest: some leave out the lowest by themselves, and
// that of 1 bit stands for -1 and 1. Regularizers that look at no levels take any.
func (q *Quantizer) levels() (estimators.Range, error) {
	r := estimators.Range{Bits: q.Bits(), Signed: true}
	est, err := q.estimator(false, 0)
	if i := q.integer(est); i != nil && q.Bits() > 1 {
		r.Narrow = i.Qn() == -i.Qp()
	}
	return r, err
}
