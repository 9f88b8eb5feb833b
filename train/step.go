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
	history     history
	pool        *kernels.Pool
	grads       map[*layers.Array]*G.Node
	penalty     float64  // on the weights of the last step, not in the loss
	teacher     *teacher // nil: none
	mixup       *mixup   // nil: off
	freeze      int      // step from which on batch norm is frozen; 0: never

	batches, batch int         // of a step, and those that are done of this one
	sums           [][]float32 // of their gradients, if there are several
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
	if s.batches > 1 {
		for _, p := range m.Net.Store.Learnable() {
			s.sums = append(s.sums, make([]float32, len(p.Data())))
		}
	}
	s.logits = logits.Value().(*tensor.Dense)
	return s, nil
}

// buildStep builds the training graph, whose outputs are the logits and others. Without its teacher, it can be measured only.
func (m *Model) buildStep(teacher bool) (s *stepper, logits *G.Node, outputs []*G.Node, err error) {
	c := layers.NewContext((*threads.Pool)(m.pool), true)
	b, in := m.Config.Train.Batch, m.Net.Shape()
	if m.Config.Train.Batches() > 1 {
		c.Batch = m.Config.Train.StepImages()
	}
	s = &stepper{
		net: m.Net, built: c, batches: m.Config.Train.Batches(), pool: m.pool, grads: map[*layers.Array]*G.Node{},
		x: tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(b, in.H, in.W, in.C)),
		y: tensor.New(tensor.Of(tensor.Int32), tensor.WithShape(b)),
	}
	if logits, err = m.Net.Build(c, s.x); err != nil {
		return nil, nil, nil, err
	}
	targets := layers.Targets{Labels: c.Input("y", s.y), Smoothing: m.Config.Train.LabelSmoothing}
	if alpha := m.Config.Train.Mixup; alpha > 0 {
		s.mixup = newMixup(alpha, m.Config.Train.Seed, b)
		targets.Others, targets.Share = c.Input("other labels", s.mixup.others), c.Input("share", s.mixup.share)
	}
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

// forwardBackward runs one batch and returns its part of the step's mean loss and the number of
// images classified correctly. After the last batch of a step, gradients are those of all its batches, and of the penalties
// too. The end of ctx ends it in the middle: then, as after any error, the network is what it was before the step.
func (s *stepper) forwardBackward(ctx context.Context, b *datasets.Batch) (loss float64, correct int, err error) {
	last := s.batch == s.batches-1
	defer func() {
		switch {
		case err != nil:
			s.built.Rollback()
			s.batch = 0
			s.setProgress(max(s.step-1, 0))
		case last:
			s.built.Commit()
			s.step++
			s.batch = 0
		default:
			s.built.CommitPiece()
			s.batch++
		}
	}()
	defer s.pool.Until(ctx)()
	s.setProgress(s.step)
	s.net.FreezeBatchNorm(s.freeze > 0 && s.step >= s.freeze)
	s.built.First = s.batch * b.N
	copy(s.y.Int32s(), b.Y)
	labels := b.Y[:b.N]
	if s.mixup == nil {
		copy(s.x.Float32s(), b.X)
	} else {
		labels = s.mixup.mix(s.x.Float32s(), b, s.step*s.batches+s.batch)
	}
	if s.teacher != nil {
		if err := s.teacher.run(); err != nil {
			return 0, 0, err
		}
	}
	if err := s.vm.RunAll(); err != nil {
		return 0, 0, err
	}
	if s.batches > 1 {
		s.accumulate(last)
	}
	if last {
		s.penalty, err = s.net.Penalize(s.built, s.gradient)
	}
	if err == nil {
		err = s.pool.Err()
	}
	if err != nil {
		return 0, 0, err
	}
	return float64(*s.loss.Value().(*G.F32)), countCorrect(s.logits.Float32s(), labels), nil
}

// setProgress tells the network where training stands.
func (s *stepper) setProgress(step int) { s.net.SetProgress(step, s.history.progress(step, s.total)) }

// gradient is that of a parameter in the last run.
func (s *stepper) gradient(p *layers.Array) []float32 {
	return s.grads[p].Value().(*tensor.Dense).Float32s()
}

// accumulate adds the gradients to the sums of the step, and after its last batch the sums to the gradients.
func (s *stepper) accumulate(last bool) {
	for i, p := range s.net.Store.Learnable() {
		g, sum := s.gradient(p), s.sums[i]
		switch {
		case s.batch == 0:
			copy(sum, g)
		case last:
			for j, v := range sum {
				g[j] += v
			}
		default:
			for j, v := range g {
				sum[j] += v
			}
		}
	}
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
		if p.Group != networks.ScalesGroup && graph.FirstNotFinite(s.gradient(p)) >= 0 {
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
