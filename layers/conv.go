package layers

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/networks"
)

// convOp is a convolution. If both operands are quantized, it runs on integers.
type convOp struct{ *layer }

func planConv(p *plan, l *layer, in []*step) *step { return p.add(l.Name, convOp{l}, in...) }

func convLacks(_ *networks.Network, l *layer) []string {
	op := l.Op.(networks.Conv)
	var lacks []string
	if k, p := op.Kernel, op.Pad; max(p.Top, p.Bottom) >= k.H || max(p.Left, p.Right) >= k.W {
		lacks = append(lacks, "convolutions padded by their kernel's size or more")
	}
	if op.Groups > 1 && l.weight().pixels > 1 { // whose channels files have in another order
		lacks = append(lacks, "convolutions with groups of a flattened image")
	}
	return lacks
}

// onCodes tells that both operands are codes.
func (o convOp) onCodes(train bool) bool {
	return o.weights != nil && o.weights.integral(train) && o.input != nil && o.input.givesCodes(train)
}

func (o convOp) geometry(v Value) kernels.Conv {
	s := v.shape()
	op, _ := o.conv()
	return kernels.Conv{N: s[0], H: s[1], W: s[2], Cin: o.in[0].C, Cout: op.Out,
		Kernel: kernels.Size(op.Kernel), Stride: kernels.Size(op.Stride), Pad: kernels.Border(op.Pad), Groups: op.Groups}
}

func (o convOp) emit(c *Context, s *step) Value {
	v := o.product(c, s)
	if b := o.bias(); b != nil {
		v = Value{float: addBias(c, o.Name, v.float, c.node(b))}
	}
	return v
}

// product is the convolution without its bias.
func (o convOp) product(c *Context, s *step) Value {
	v := &s.in[0].out
	g := o.geometry(*v)
	if o.weights == nil {
		return Value{float: conv2d(c, o.Name, g, v.Float(c), c.node(o.weight()))}
	}
	w := o.weights.QuantizeWeights(c, o.weight())
	switch {
	case !o.weights.integral(c.Train):
		return Value{float: conv2d(c, o.Name, g, v.Float(c), w)}
	case !o.onCodes(c.Train):
		return Value{float: conv2d(c, o.Name, g, v.Float(c), dequantizeKernel(c, o.weights, w))}
	}
	return Value{float: conv2dCodes(c, o.Name, g, o.input, o.weights, v.codes, w)}
}

// atOffset lets the quantizer of a convolution's input give codes at an offset from 0, if the convolution can sum them.
func (l *layer) atOffset() {
	if _, ok := l.conv(); ok && l.input.offsetFor(l.weights) {
		l.input.atOffset = true
	}
}

// conv2d is y = x * w: x (N, H, W, Cin), w (KH, KW, Cin/Groups, Cout), zero padding.
func conv2d(c *Context, layer string, g kernels.Conv, x, w *G.Node) *G.Node {
	return c.b.Apply(graph.Op{
		Name: "conv2d", Layer: layer, Attrs: fmt.Sprint(g),
		In: []graph.Arg{pictures(4), f32(4)}, Out: pictures(4), Shape: convShape(g), Pool: c.pool,
		Aux: buffers((&kernels.Forward{G: g}).PackedLen()), Work: floatWork(g),
		Loop: func(k *graph.Call) graph.Loop {
			l := &kernels.Forward{G: g, Packed: k.Aux[0].Float32s()}
			return graph.Loop{Body: l, Before: func() error { l.Y, l.X, l.W = k.OutPictures(), k.Pictures(0), k.F32(1); return nil }}
		},
		Wrt: []bool{true, true},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node {
			dout = c.outputGradient(layer, dout)
			dx := inputGrad(c, layer, g, graph.Op{In: []graph.Arg{f32(4), pictures(4)}}, func(k *graph.Call, l *kernels.InputGrad) {
				l.DX, l.DY, l.W = k.OutPictures(), k.Pictures(1), k.F32(0)
			}, in[1], dout)
			dw := weightGrad(c, layer, g, graph.Op{In: []graph.Arg{pictures(4), pictures(4)}}, func(k *graph.Call, l *kernels.WeightGrad) {
				l.DW, l.X, l.DY, l.Scale = k.OutF32(), k.Pictures(0), k.Pictures(1), 1
			}, in[0], dout)
			return []*G.Node{dx, dw}
		},
	}, x, w)
}

// floatWork is the work of a pass over floats, codeWork that of one over codes. Weights of one bit are not multiplied.
func floatWork(g kernels.Conv) graph.Work { return graph.Work{Floats: g.Products()} }
func codeWork(g kernels.Conv, qw *Quantizer) (w graph.Work) {
	if r := qw.levelRange(); r.Qp()-r.Qn() > 2 {
		w.Codes = g.CodeProducts()
	}
	return w
}

// buffers are buffers of so many values each, which only the operation itself uses: operations that do not run together
// share their memory.
func buffers(lengths ...int) func([]tensor.Shape) []graph.Buffer {
	return func([]tensor.Shape) (b []graph.Buffer) {
		for _, n := range lengths {
			b = append(b, graph.Buffer{Dtype: tensor.Float32, Shape: tensor.Shape{max(n, 1)}})
		}
		return b
	}
}

// inputGrad completes the operation op, whose inputs set binds to the loop. It runs alone where pictures share the way over
// large weights.
func inputGrad(c *Context, layer string, g kernels.Conv, op graph.Op, set func(*graph.Call, *kernels.InputGrad), in ...*G.Node) *G.Node {
	op.Name, op.Layer, op.Attrs, op.Pool = "conv2d input gradient", layer, fmt.Sprint(g), c.pool
	op.Out, op.Shape, op.Work = pictures(4), fixedShape(g.N, g.H, g.W, g.Cin), floatWork(g)
	l := &kernels.InputGrad{G: g}
	op.Aux = buffers(l.PackedLen())
	bind := func(k *graph.Call) { set(k, l); l.Packed = k.Aux[0].Float32s() }
	if l.Together() == 1 {
		op.Loop = func(k *graph.Call) graph.Loop {
			return graph.Loop{Body: l, Before: func() error { bind(k); return nil }}
		}
	} else {
		op.Forward = func(k *graph.Call) error { bind(k); l.Run(c.pool); return nil }
	}
	return c.b.Apply(op, in...)
}

// weightGrad completes the operation op, whose inputs set binds to the loop. The
// widest layers have too few partial sums for a shared loop and run alone.
func weightGrad(c *Context, layer string, g kernels.Conv, op graph.Op, set func(*graph.Call, *kernels.WeightGrad), in ...*G.Node) *G.Node {
	op.Name, op.Layer, op.Attrs, op.Pool = "conv2d weight gradient", layer, fmt.Sprint(g), c.pool
	op.Out, op.Shape, op.Work = f32(4), fixedShape(weightShape(g)...), floatWork(g)
	l := &kernels.WeightGrad{G: g}
	op.Aux = buffers(l.PartialLen())
	bind := func(k *graph.Call) { set(k, l); l.Partial = k.Aux[0].Float32s() }
	if l.Sums() == kernels.Pieces(g.N) {
		op.Loop = func(k *graph.Call) graph.Loop {
			return graph.Loop{Body: l, Before: func() error { bind(k); return nil }}
		}
	} else {
		op.Forward = func(k *graph.Call) error { bind(k); l.Run(c.pool); return nil }
	}
	return c.b.Apply(op, in...)
}

func weightShape(g kernels.Conv) tensor.Shape {
	return tensor.Shape{g.Kernel.H, g.Kernel.W, g.Cin / max(g.Groups, 1), g.Cout}
}

func convShape(g kernels.Conv) func([]tensor.Shape) (tensor.Shape, error) {
	return func(in []tensor.Shape) (tensor.Shape, error) {
		if err := g.Check(); err != nil {
			return nil, err
		}
		if x := (tensor.Shape{g.N, g.H, g.W, g.Cin}); !in[0].Eq(x) {
			return nil, fmt.Errorf("input is %v, want %v", in[0], x)
		}
		if w := weightShape(g); !in[1].Eq(w) {
			return nil, fmt.Errorf("weights are %v, want %v", in[1], w)
		}
		return tensor.Shape{g.N, g.OutH(), g.OutW(), g.Cout}, nil
	}
}

// conv2dCodes is conv2d on integers: x holds codes of the quantizer qx, w those
// of qw, and
//
//	y = float32(sum (x - zero_point)*w) * float32(s_x*s_w[c])
//
// with the sum exact in int32. If the levels of qx lie at an offset b, y has
//
//	float32(sum w) * float32(b*s_w[c])
//
// more, of the weights whose inputs are no padding. Gradients are those with
// respect to the dequantized operands, which the quantizers pass on.
func conv2dCodes(c *Context, layer string, g kernels.Conv, qx, qw *Quantizer, x, w *G.Node) *G.Node {
	sx, sw := c.node(qx.Scale), c.node(qw.Scale)
	var packed *kernels.IntWeights
	scale := make([]float32, g.Cout)
	var offset []float32 // of one picture
	if qx.atOffset {
		offset = make([]float32, g.OutH()*g.OutW()*g.Cout)
	}
	return c.b.Apply(graph.Op{
		Name: "conv2d int8", Layer: layer, Attrs: fmt.Sprint(g),
		In: []graph.Arg{codes(4), i8(4), f32(1), f32(1)}, Out: pictures(4), Shape: convShape(g), Pool: c.pool, Work: codeWork(g, qw),
		Loop: func(k *graph.Call) graph.Loop {
			l := &kernels.IntForward{Scale: scale, Offset: offset}
			return graph.Loop{Body: l, Before: func() error {
				x := qx.grid()
				if offset != nil {
					productScale(scale, x.offset, k.F32(3))
					kernels.ConvOffset(offset, g, k.I8(1), scale)
				}
				productScale(scale, x.scale, k.F32(3))
				packed = kernels.PackIntWeightsOn(c.pool, packed, g, k.I8(1), x.largest)
				l.Weights, l.Codes, l.ZeroPoint, l.Y = packed, k.Codes(0), x.zeroPoint, k.OutPictures()
				return nil
			}}
		},
		Wrt: []bool{true, true, false, false},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node {
			dout = c.outputGradient(layer, dout)
			dx := inputGrad(c, layer, g, graph.Op{In: []graph.Arg{i8(4), f32(1), pictures(4)}}, func(k *graph.Call, l *kernels.InputGrad) {
				l.DX, l.DY, l.Codes, l.Scale = k.OutPictures(), k.Pictures(2), k.I8(0), k.F32(1)
			}, in[1], sw, dout)
			dw := weightGrad(c, layer, g, graph.Op{In: []graph.Arg{codes(4), f32(1), pictures(4)}}, func(k *graph.Call, l *kernels.WeightGrad) {
				x := qx.grid()
				l.DW, l.Codes, l.ZeroPoint, l.Scale, l.Offset, l.DY = k.OutF32(), k.Codes(0), x.zeroPoint, x.scale, x.offset, k.Pictures(2)
			}, in[0], sx, dout)
			return []*G.Node{dx, dw, nil, nil}
		},
	}, x, w, sx, sw)
}

// productScale writes s_x*s_w[c], in float32, for each output channel.
func productScale(dst []float32, sx float32, sw []float32) {
	for c := range dst {
		dst[c] = sx * sw[c%len(sw)]
	}
}
