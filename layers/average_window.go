package layers

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/networks"
)

func planAverageWindow(p *plan, l *layer, in []*step) *step {
	o := averageWindowOp{l.Op.(networks.AveragePool), l.in[0], l.out}
	if o.Kernel == (networks.Size{H: o.in.H, W: o.in.W}) && o.Pad == (networks.Pad{}) {
		return planAveragePool(p, l, in)
	}
	return p.add(l.Name, o, in...)
}

// averageWindowOp is the mean of each channel in windows.
type averageWindowOp struct {
	networks.AveragePool
	in, out networks.Shape
}

func (o averageWindowOp) emit(c *Context, s *step) Value {
	return Value{float: o.average(c, s.name, s.in[0].out.Float(c))}
}

// attributes tell operations on the same input apart.
func (o averageWindowOp) attributes() string { return fmt.Sprint(o.Window, o.Ceil, o.CountPad) }

// averageWindow is one position: the runs of the input's pixels in it, each from one to another that it excludes, and what
// their sum is divided by.
type averageWindow struct {
	runs    [][2]int
	divisor int
}

// windows lists the window of each output pixel.
func (o averageWindowOp) windows() []averageWindow {
	all := make([]averageWindow, 0, o.out.H*o.out.W)
	rows, columns := o.Spans(o.in, o.out)
	for _, row := range rows {
		for _, column := range columns {
			w := averageWindow{divisor: row.Count * column.Count}
			for r := row.From; r < row.To; r++ {
				w.runs = append(w.runs, [2]int{r*o.in.W + column.From, r*o.in.W + column.To})
			}
			all = append(all, w)
		}
	}
	return all
}

// even tells that all windows have the whole kernel, so that the mean is the kernel's sum, of padding 0, times a constant.
func (o averageWindowOp) even() bool {
	return !slices.ContainsFunc(o.windows(), func(w averageWindow) bool { return w.divisor != o.Kernel.H*o.Kernel.W })
}

// average is the mean of x (N, H, W, C) in each window; sums run over the window's rows, then columns, in float32.
func (o averageWindowOp) average(c *Context, layer string, x *G.Node) *G.Node {
	n, ch := x.Shape()[0], o.in.C
	attrs, windows := o.attributes(), o.windows()
	return c.b.Apply(graph.Op{
		Name: "average pool", Layer: layer, Attrs: attrs, In: []graph.Arg{pictures(4)}, Out: pictures(4), Shape: fixedShape(n, o.out.H, o.out.W, ch), Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			return each(k, func(y, x, _ []float32) {
				clear(y)
				for at, w := range windows {
					sum := y[at*ch:][:ch]
					for _, run := range w.runs {
						for p := run[0]; p < run[1]; p++ {
							kernels.AddRow(sum, sum, x[p*ch:][:ch])
						}
					}
					for j := range sum {
						sum[j] /= float32(w.divisor)
					}
				}
			})
		},
		Wrt: []bool{true},
		Gradient: func(_ []*G.Node, _, dout *G.Node) []*G.Node {
			return []*G.Node{c.b.Apply(graph.Op{
				Name: "average pool gradient", Layer: layer, Attrs: attrs, In: []graph.Arg{pictures(4)}, Out: pictures(4), Shape: fixedShape(n, o.in.H, o.in.W, ch), Pool: c.pool,
				Loop: func(k *graph.Call) graph.Loop {
					return each(k, func(dx, dy, _ []float32) {
						clear(dx)
						for at, w := range windows {
							for j, v := range dy[at*ch:][:ch] {
								v /= float32(w.divisor)
								for _, run := range w.runs {
									for p := run[0]; p < run[1]; p++ {
										dx[p*ch+j] += v
									}
								}
							}
						}
					})
				},
			}, dout)}
		},
	}, x)
}

// averageWindowCodesOp averages codes in windows, in codes of q: a convolution of each channel by itself, whose weights are 1.
type averageWindowCodesOp struct {
	quantizeOp
	averageWindowOp
	pool string
}

// averageWindowCodes: in evaluation the sum over a window becomes a code by one multiplier.
var averageWindowCodes = rewrite{"average_window_codes", "quantize(average_pool(codes)) with windows becomes round(sum*multiplier), in evaluation", func(p *plan, s *step) bool {
	o, ok := s.op.(quantizeOp)
	if p.c.Train || !ok || !o.q.even() {
		return false
	}
	before := s.in[0]
	pool, ok := alone[averageWindowOp](p, before)
	if !ok || !before.in[0].givesCodes(p.c) {
		return false
	}
	if pool.even() {
		return p.replace(s, averageWindowCodesOp{o, pool, before.name}, before.in, before)
	}
	return p.replace(s, averageCodesOp{o, before.name, &pool}, before.in, before)
}}

func (averageWindowCodesOp) givesCodes(*Context, *step) bool { return true }

// fold has the scale of the sums: s_x times 1/pixels in float32.
func (o averageWindowCodesOp) fold(from float32) integer.Folded {
	return integer.FoldBias(from, []float32{1 / float32(o.Kernel.H*o.Kernel.W)}, make([]float32, o.out.C))
}

func (o averageWindowCodesOp) weights() []int8 {
	return slices.Repeat([]int8{1}, o.Kernel.H*o.Kernel.W*o.out.C)
}

func (o averageWindowCodesOp) emit(c *Context, s *step) Value {
	from, x := s.in[0].out.quant, s.in[0].out.codes
	w := tensor.New(tensor.WithShape(o.Kernel.H, o.Kernel.W, 1, o.out.C), tensor.WithBacking(o.weights()))
	sum := &integerSum{
		fold: func() integer.Folded { return o.fold(from.Scale.Data()[0]) }, layer: o.pool, qx: from, x: x, w: c.b.Input(o.pool+" sums", w),
		g: kernels.Conv{N: x.Shape()[0], H: o.in.H, W: o.in.W, Cin: o.in.C, Cout: o.out.C, Groups: o.in.C,
			Kernel: kernels.Size(o.Kernel), Stride: kernels.Size(o.Stride), Pad: kernels.Border(o.Pad)},
	}
	return sum.codes(c, o.q, func() (lo, hi uint8) { return o.q.bounds(o.relu) })
}

func (o averageWindowCodesOp) lower(l *lowering, s *step) error {
	if err := l.ready(s.name, o.q); err != nil {
		return err
	}
	in := l.of[s.in[0]]
	out := l.tensor(s, o.q, o.out)
	f := o.fold(l.net.Tensors[in].Scale)
	l.net.Layers = append(l.net.Layers, integer.NewConv(l.net, o.pool, in, out, o.Window, o.in.C, o.weights(), 1, f, o.relu))
	return nil
}
