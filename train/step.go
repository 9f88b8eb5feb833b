package train

import (
	"context"
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/threads"
)

// stepper runs training steps on one graph of fixed batch size.
type stepper struct {
	x, y   *tensor.Dense
	loss   *G.Node
	logits *tensor.Dense
	params []*G.Node
	values []G.ValueGrad
	vm     *machine.Machine

	net         *layers.Network
	built       *layers.Context
	step, total int // of the run
	pool        *kernels.Pool
	grads       map[*layers.Array]*G.Node
	penalty     float64  // on the weights of the last step, not in the loss
	teacher     *teacher // nil: none
	freeze      int      // step from which on batch norm is frozen; 0: never
}

// newStepper prepares the training graph to run.
func (m *Model) newStepper(opt machine.Options) (*stepper, error) {
	s, logits, outputs, err := m.buildStep(true)
	if err != nil {
		return nil, err
	}
	s.values = G.NodesToValueGrads(s.params)
	if s.vm, err = machine.New(m.pool, opt, outputs...); err != nil {
		return nil, err
	}
	s.logits = logits.Value().(*tensor.Dense)
	return s, nil
}

// buildStep builds the training graph, whose outputs are the logits and others. Without its teacher, it can be measured only.
func (m *Model) buildStep(teacher bool) (s *stepper, logits *G.Node, outputs []*G.Node, err error) {
	c := layers.NewContext((*threads.Pool)(m.pool), true)
	b, in := m.Config.Train.Batch, m.Net.Shape()
	s = &stepper{
		net: m.Net, built: c, pool: m.pool, grads: map[*layers.Array]*G.Node{},
		x: tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(b, in.H, in.W, in.C)),
		y: tensor.New(tensor.Of(tensor.Int32), tensor.WithShape(b)),
	}
	if logits, err = m.Net.Build(c, s.x); err != nil {
		return nil, nil, nil, err
	}
	targets := layers.Targets{Labels: c.Input("y", s.y), Smoothing: m.Config.Train.LabelSmoothing}
	if d := m.Config.Quant.Distillation; d.On() && teacher {
		if s.teacher, err = m.newTeacher(s.x); err != nil {
			return nil, nil, nil, err
		}
		s.loss = layers.Distillation(c, d, logits, c.Input("teacher", s.teacher.logits), targets)
	} else {
		s.loss = layers.CrossEntropy(c, logits, targets)
	}
	outputs = []*G.Node{logits, s.loss}
	for _, p := range m.Net.Store.Learnable() {
		s.params = append(s.params, c.Node(p))
	}
	grads, err := c.Grad(s.loss, s.params...)
	if err != nil {
		return nil, nil, nil, err
	}
	for i, p := range m.Net.Store.Learnable() {
		s.grads[p] = grads[i]
	}
	return s, logits, append(outputs, grads...), nil
}

// forwardBackward runs one batch and returns the mean loss and the number of
// images classified correctly. Gradients are those of the penalties too. The end of ctx ends it in the middle: then, as after
// any error, the network is what it was before.
func (s *stepper) forwardBackward(ctx context.Context, b *datasets.Batch) (loss float64, correct int, err error) {
	defer func() {
		if err == nil {
			s.built.Commit()
			s.step++
			return
		}
		s.net.SetProgress(max(s.step-1, 0), s.total)
	}()
	defer s.pool.Until(ctx)()
	s.net.SetProgress(s.step, s.total)
	s.net.FreezeBatchNorm(s.freeze > 0 && s.step >= s.freeze)
	copy(s.x.Float32s(), b.X)
	copy(s.y.Int32s(), b.Y)
	if s.teacher != nil {
		if err := s.teacher.run(); err != nil {
			return 0, 0, err
		}
	}
	if err := s.vm.RunAll(); err != nil {
		return 0, 0, err
	}
	s.penalty, err = s.net.Penalize(s.built, func(p *layers.Array) []float32 { return s.grads[p].Value().(*tensor.Dense).Float32s() })
	if err == nil {
		err = s.pool.Err()
	}
	if err != nil {
		return 0, 0, err
	}
	return float64(*s.loss.Value().(*G.F32)), countCorrect(s.logits.Float32s(), b.Y[:b.N]), nil
}

// update moves the parameters along the gradients, and the weights to where
// their quantizers and regularizers want them.
func (s *stepper) update(o *Optimizer) error {
	o.pool = s.pool
	if err := o.Step(s.values); err != nil {
		return s.deepest(err)
	}
	return s.net.Project((*threads.Pool)(s.pool))
}

// deepest adds to an error of the optimizer, which goes by the order of the parameters, the last layer whose gradient
// is not finite: gradients are computed from the last layer to the first.
func (s *stepper) deepest(err error) error {
	var last *layers.Array
	for _, p := range s.net.Store.Learnable() {
		if p.Group != networks.ScalesGroup && graph.FirstNotFinite(s.grads[p].Value().(*tensor.Dense).Float32s()) >= 0 {
			last = p
		}
	}
	if last == nil {
		return err
	}
	return fmt.Errorf("%w; gradients are not finite from %s backwards", err, last.Name)
}

// countCorrect counts the rows of logits whose largest value is at the label.
func countCorrect(logits []float32, labels []int32) int {
	n := 0
	for i, p := range predictions(nil, logits, len(labels)) {
		if p == labels[i] {
			n++
		}
	}
	return n
}

// predictions appends the class of the largest logit of each of n rows, which are
// finite; of equal logits the first wins.
func predictions[L logit](dst []int32, logits []L, n int) []int32 {
	classes := len(logits) / max(n, 1)
	for i := range n {
		best := 0
		row := logits[i*classes:][:classes]
		for c, v := range row {
			if v > row[best] {
				best = c
			}
		}
		dst = append(dst, int32(best))
	}
	return dst
}
