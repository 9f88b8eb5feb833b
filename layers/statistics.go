package layers

import (
	"iter"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/threads"
)

// FreezeBatchNorm says whether batch norm in training takes its running statistics, as in evaluation, and leaves them
// as they are (Krishnamoorthi 2018, https://arxiv.org/abs/1806.08342, on freezing batch normalization). They are
// constants to gradients then:
//
//	dx = dy*gamma/sqrt(running_var + eps)
func (n *Network) FreezeBatchNorm(frozen bool) {
	for _, norm := range n.norms() {
		norm.frozen = frozen || norm.held
	}
}

// Freeze leaves arrays as they are in training: those of a group, such as weights, of nodes, for which frozen is true. The
// scales of a node are all that its quantizers learn and keep; running statistics of batch norm go with its group. What is
// frozen has no gradient, and no penalty moves it. It is for a network before it is built into a graph.
func (n *Network) Freeze(frozen func(node string, group networks.Group) bool) {
	if n.made() != nil || frozen == nil {
		return
	}
	for _, l := range n.layers {
		for _, a := range l.arrays {
			a.frozen = a.Role == Learned && frozen(l.Name, a.Group)
		}
		if l.norm != nil {
			l.norm.held = frozen(l.Name, networks.BatchNormGroup)
		}
		for _, q := range []*Quantizer{l.weights, l.input, l.output} {
			if q == nil || !frozen(l.Name, networks.ScalesGroup) {
				continue
			}
			q.frozen = true
			for _, a := range q.arrays() {
				a.frozen = a.Role == Learned
			}
		}
	}
}

// ReestimateBatchNorm takes the running statistics of batch norm anew, from batches (N, H, W, C) that run through the
// quantized network as in training: the plain averages over the batches of
//
//	mean x,  variance of x (unbiased)
//
// of each channel, as PyTorch's torch.optim.swa_utils.update_bn has them, instead of the moving averages of training,
// whose weights and scales were others and, with few bits, oscillated (Nagel et al. 2022,
// https://arxiv.org/abs/2203.11086, on batch-norm re-estimation). They depend on the weights and the batches only.
// Quantizers stay as they are; batch norm is no longer frozen, not even by [Network.Freeze], until it is frozen the next
// time. Without a batch nothing else changes.
func (n *Network) ReestimateBatchNorm(pool *threads.Pool, batches iter.Seq[*tensor.Dense]) error {
	if err := n.made(); err != nil {
		return err
	}
	if batches == nil {
		return errNoImages
	}
	for _, norm := range n.norms() {
		norm.frozen = false
	}
	n.clock.steady = true
	defer func() { n.clock.steady = false }()
	momentum := map[*BatchNorm]float64{}
	defer func() {
		for norm, m := range momentum {
			norm.Momentum = m
		}
	}()
	var m *machine.Machine
	var c *Context
	var in *tensor.Dense
	count := 0
	for x := range batches {
		if err := n.takes(x); err != nil {
			return err
		}
		if m == nil {
			c = NewContext(pool, true)
			in = x.Clone().(*tensor.Dense)
			logits, err := n.Build(c, in)
			if err != nil {
				return err
			}
			if m, err = machine.New((*kernels.Pool)(pool), machine.Options{}, logits); err != nil {
				return err
			}
			for _, norm := range n.norms() {
				momentum[norm] = norm.Momentum
				clear(norm.Mean.Data()) // it shifts the sums, so what it was would show in the last bits
			}
		}
		if err := alike(in, x); err != nil {
			return err
		}
		count++
		for norm := range momentum {
			norm.Momentum = 1 / float64(count) // a moving average with this is the plain one
		}
		copy(in.Float32s(), x.Float32s())
		if err := m.RunAll(); err != nil {
			return err
		}
		c.Commit()
	}
	return nil
}
