package layers

import (
	"errors"
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
)

// ResNet is a residual network for 32 x 32 pictures (He et al. 2015, section
// 4.2): a stem of 16 channels, three stages of blocks with 16, 32 and 64
// channels, average pooling and a linear layer. ResNet-20 has three blocks a
// stage and 269,722 parameters, quantizers not counted.
type ResNet struct {
	Stem       *ConvNorm
	StemOutput *Quantizer // of the residual stream; nil: floating point
	Blocks     []residualBlock
	Head       *Linear
	// ReLU follows the stem, and the sums of basic blocks: the stream is never
	// negative.
	ReLU bool
}

// residualBlock is a part of a ResNet that reads and writes the residual stream:
// Block, BiReal or ReActNet. Layers are called NAME.conv1 and NAME.conv2.
type residualBlock interface {
	// Build adds the block to the graph.
	Build(c *Context, x Value) Value
	// notInteger says why the block's residual stream is none of an integer network.
	notInteger() []string
	// Lower adds the integer block that reads tensor x and returns the tensor of
	// its output; notInteger said nothing.
	Lower(l *lowering, x int) (int, error)
	name() string
	convs() []*ConvNorm
	quantizers() []*Quantizer
	// activations are the learned ones, as many as convs, or none.
	activations() []*RPReLU
}

// newResNet names layers as PyTorch implementations do.
func newResNet(q *configs.Quant, kind configs.Block, blocks, classes int) (*ResNet, error) {
	var errs []error
	signed := kind == configs.BiRealBlock || kind == configs.ReActNetBlock // inputs of convolutions
	residual := func(name string, signed bool) *Quantizer {
		if q.Residual == configs.FP {
			return nil
		}
		spec := residualSpec(q)
		r, err := newActivationQuantizer(name, spec, signedness(spec, signed), 1)
		errs = append(errs, err)
		return r
	}
	conv := func(name, norm string, cin, cout, stride int, w, a configs.TensorSpec) *ConvNorm {
		c, err := newConvNorm(name, norm, cin, cout, 3, stride, w, a, signed)
		errs = append(errs, err)
		return c
	}
	inner := func(name, norm string, cin, cout, stride int) *ConvNorm {
		w, a := q.Resolve(name, false, false)
		return conv(name, norm, cin, cout, stride, w, a)
	}
	rprelu := func(name string, channels int) *RPReLU {
		a, err := newRPReLU(name, channels)
		errs = append(errs, err)
		return a
	}
	w, a := q.Resolve("conv1", true, false)
	a.Estimator, a.Calibration, a.Signed, a.STE, a.Options = configs.Affine, configs.CalibrateMinMax, configs.SignedFalse, configs.STEAuto, nil
	r := &ResNet{Stem: conv("conv1", "bn1", 3, 16, 1, w, a), StemOutput: residual("conv1.output", false), ReLU: !signed}
	if r.Stem.Input != nil {
		r.Stem.Input.fixed = true
	}
	cin := 16
	for stage, cout := range []int{16, 32, 64} {
		for i := range blocks {
			stride := 1
			if stage > 0 && i == 0 {
				stride = 2
			}
			name := fmt.Sprintf("layer%d.%d", stage+1, i)
			conv1, conv2 := inner(name+".conv1", name+".bn1", cin, cout, stride), inner(name+".conv2", name+".bn2", cout, cout, 1)
			var b residualBlock
			switch kind {
			case configs.BiRealBlock:
				b = &BiReal{Name: name, Conv1: conv1, Conv2: conv2}
			case configs.ReActNetBlock:
				b = &ReActNet{Name: name, Conv1: conv1, Conv2: conv2, Act1: rprelu(name+".rprelu1", cout), Act2: rprelu(name+".rprelu2", cout)}
			default:
				b = &Block{Name: name, Conv1: conv1, Conv2: conv2, Branch: residual(name+".branch", true), Output: residual(name+".output", false)}
			}
			r.Blocks = append(r.Blocks, b)
			cin = cout
		}
	}
	w, a = q.Resolve("linear", false, true)
	head, err := newLinear("linear", cin, classes, w, a, signed)
	r.Head = head
	return r, errors.Join(append(errs, err)...)
}

// residualSpec is how the residual stream is quantized: affine if the
// activations are, else by LSQ, since few methods have signed levels.
func residualSpec(q *configs.Quant) configs.TensorSpec {
	spec := q.Activations
	spec.Bits, spec.Signed, spec.STE, spec.Options = q.Residual, configs.SignedAuto, configs.STEAuto, nil
	if spec.Estimator != configs.Affine {
		spec.Estimator = configs.LSQ
	}
	return spec
}

// build adds the network to the graph: x is (N, 32, 32, 3).
func (r *ResNet) build(c *Context, x *G.Node) *G.Node {
	v := r.Stem.Build(c, Value{float: x})
	v.relu = r.ReLU
	if r.StemOutput != nil {
		v = r.StemOutput.Quantize(c, v)
	} else {
		v.Float(c) // both readers need it
	}
	for _, b := range r.Blocks {
		v = b.Build(c, v)
	}
	return r.Head.Build(c, Value{float: averagePool(c, v.Float(c))})
}

// lower adds the network to the integer network.
func (r *ResNet) lower(l *lowering, h, w int) error {
	if err := l.ready(r.Stem.Name, r.Stem.Input, r.StemOutput); err != nil {
		return err
	}
	if err := l.ready(r.Head.Name, r.Head.Input); err != nil {
		return err
	}
	in := l.tensor(r.Stem.Input, h, w, r.Stem.Cin)
	x := l.tensor(r.StemOutput, h, w, r.Stem.Cout)
	err := r.Stem.Lower(l, in, x, true)
	for _, b := range r.Blocks {
		if err == nil {
			x, err = b.Lower(l, x)
		}
	}
	if err != nil {
		return err
	}
	pooled := l.tensor(r.Head.Input, 1, 1, l.net.Tensors[x].C)
	l.net.Layers = append(l.net.Layers, &integer.AveragePool{Name: "average_pool", In: x, Out: pooled})
	return r.Head.Lower(l, pooled)
}

// convs returns the convolutions in order.
func (r *ResNet) convs() []*ConvNorm {
	cs := []*ConvNorm{r.Stem}
	for _, b := range r.Blocks {
		cs = append(cs, b.convs()...)
	}
	return cs
}

// quantizers returns what is quantized, in order of execution.
func (r *ResNet) quantizers() []*Quantizer {
	qs := []*Quantizer{r.Stem.Input, r.Stem.Weights, r.StemOutput}
	for _, b := range r.Blocks {
		qs = append(qs, b.quantizers()...)
	}
	return append(qs, r.Head.Input, r.Head.Weights)
}

// activations returns the learned activation function that follows the sum after
// each convolution.
func (r *ResNet) activations() map[*ConvNorm]*RPReLU {
	all := map[*ConvNorm]*RPReLU{}
	for _, b := range r.Blocks {
		for i, a := range b.activations() {
			all[b.convs()[i]] = a
		}
	}
	return all
}
