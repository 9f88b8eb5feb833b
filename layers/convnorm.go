package layers

import (
	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/kernels"
)

// BatchNorm normalizes each channel (Ioffe and Szegedy 2015).
type BatchNorm struct {
	Name        string
	Gamma, Beta *Param
	Mean, Var   *Buffer
	Momentum    float64
	Eps         float64
	frozen      bool // see Network.FreezeBatchNorm
}

func newBatchNorm(name string, channels int) *BatchNorm {
	n := &BatchNorm{
		Name:  name,
		Gamma: newParam(name+".weight", BatchNormGroup, channels), Beta: newParam(name+".bias", BatchNormGroup, channels),
		Mean: &Buffer{name + ".running_mean", make([]float32, channels)}, Var: &Buffer{name + ".running_var", make([]float32, channels)},
		Momentum: 0.1, Eps: 1e-5,
	}
	for i := range n.Var.Data {
		n.Var.Data[i] = 1
		n.Gamma.Data()[i] = 1
	}
	return n
}

// ConvNorm is a convolution without bias followed by batch norm. Weights and
// input are quantized unless their quantizer is nil.
type ConvNorm struct {
	Name           string
	Cin, Cout      int
	K, Stride, Pad int
	Weight         *Param
	Weights, Input *Quantizer // nil: floating point
	Norm           *BatchNorm
}

// newConvNorm returns a K x K convolution that keeps the size at stride 1.
// signed says whether the input can be negative.
func newConvNorm(name, norm string, cin, cout, k, stride int, weights, input configs.TensorSpec, signed bool) (*ConvNorm, error) {
	c := &ConvNorm{
		Name: name, Cin: cin, Cout: cout, K: k, Stride: stride, Pad: k / 2,
		Weight: newParam(name+".weight", Weights, k, k, cin, cout), Norm: newBatchNorm(norm, cout),
	}
	var err error
	c.Weights, c.Input, err = newOperands(c.Weight, name, weights, input, signed)
	if c.Input.offsetFor(c.Weights) {
		c.Input.atOffset = true
	}
	return c, err
}

// newOperands returns the quantizers of a layer's weights (..., Cin, Cout) and
// input; nil for fp.
func newOperands(w *Param, layer string, weights, input configs.TensorSpec, signed bool) (qw, qx *Quantizer, err error) {
	if weights.Bits != configs.FP {
		if qw, err = newWeightQuantizer(w, weights); err != nil {
			return nil, nil, err
		}
	}
	if input.Bits != configs.FP {
		shape := w.Value.Shape()
		qx, err = newActivationQuantizer(layer+".input", input, signedness(input, signed), shape[len(shape)-2])
	}
	return qw, qx, err
}

// newWeightQuantizer returns a quantizer with one scale, or one an output
// channel.
func newWeightQuantizer(w *Param, spec configs.TensorSpec) (*Quantizer, error) {
	channels, shape := 1, w.Value.Shape()
	if spec.Granularity == configs.PerChannel {
		channels = shape[len(shape)-1]
	}
	q := newQuantizer(w.Name, spec, true, channels)
	if ownGradient(spec) && (spec.Estimator == configs.LSQ || spec.Estimator == configs.Affine) {
		return q, nil
	}
	size := shape.TotalSize()
	m, err := newMethod(w.Name, spec, configs.Place{Weights: true, Signed: true, Scales: channels, N: q.elements(size, 0, shape[len(shape)-1])}, size)
	q.method, q.Scale.Name = m, w.Name+"_quantizer.step" // parameters may be called scale
	return q, err
}

// signedness is the config's choice, or what the graph says.
func signedness(spec configs.TensorSpec, signed bool) bool {
	if spec.Signed == configs.SignedAuto {
		return signed && spec.Estimator != configs.Affine
	}
	return spec.Signed == configs.SignedTrue
}

// resizes tells that the output has another shape than the input.
func (c *ConvNorm) resizes() bool { return c.Stride != 1 || c.Cin != c.Cout }

// operandsOf lists the quantizers of convolutions, in order of execution.
func operandsOf(convs ...*ConvNorm) (qs []*Quantizer) {
	for _, c := range convs {
		qs = append(qs, c.Input, c.Weights)
	}
	return qs
}

func (c *ConvNorm) geometry(v Value) kernels.Conv {
	s := v.shape()
	return kernels.Conv{N: s[0], H: s[1], W: s[2], Cin: c.Cin, Cout: c.Cout, K: c.K, Stride: c.Stride, Pad: c.Pad}
}

// Build adds convolution and batch norm to the graph. If both operands are
// quantized, the convolution runs on integers.
func (c *ConvNorm) Build(ctx *Context, v Value) Value { return ctx.tap(c.Name, c.build(ctx, v)) }

func (c *ConvNorm) build(ctx *Context, v Value) Value {
	g := c.geometry(v)
	if c.Input != nil {
		v = c.Input.Quantize(ctx, v)
	}
	if c.Weights == nil {
		return c.norm(ctx, conv2d(ctx, c.Name, g, v.Float(ctx), ctx.node(c.Weight)))
	}
	w := c.Weights.QuantizeWeights(ctx, c.Weight)
	switch {
	case !c.Weights.integral(ctx.Train):
		return c.norm(ctx, conv2d(ctx, c.Name, g, v.Float(ctx), w))
	case c.Input == nil || v.codes == nil:
		return c.norm(ctx, conv2d(ctx, c.Name, g, v.Float(ctx), dequantizeKernel(ctx, c.Weights, w)))
	case ctx.Train || c.Input.atOffset:
		return c.norm(ctx, conv2dCodes(ctx, c.Name, g, c.Input, c.Weights, v.codes, w))
	}
	return Value{sum: &integerSum{c.Norm, c.Name, g, c.Input, c.Weights, v.codes, w}}
}

func (c *ConvNorm) norm(ctx *Context, x *G.Node) Value {
	if ctx.Train {
		return Value{norm: &normed{c.Norm, x, c.Norm.statistics(ctx, x)}}
	}
	return Value{float: c.Norm.batchNormEval(ctx, x)}
}

// Lower adds the integer convolution that reads tensor in, already quantized
// by c.Input, and writes tensor out.
func (c *ConvNorm) Lower(l *lowering, in, out int, relu bool) error {
	if err := l.ready(c.Name, c.Weights, c.Input); err != nil {
		return err
	}
	if err := c.Weights.refresh(c.Weight.Data()); err != nil {
		return l.fail(c.Name, err)
	}
	f := c.Norm.Fold(c.Input, c.Weights)
	if err := f.Check(); err != nil {
		return l.fail(c.Name, err)
	}
	codes, err := c.Weights.codesOf(c.Weight.Data())
	if err != nil {
		return l.fail(c.Name, err)
	}
	l.net.Layers = append(l.net.Layers, integer.NewConv(l.net, c.Name, in, out, c.K, c.Stride, c.Pad, codes, c.Weights.codeBits(), f, relu))
	return nil
}
