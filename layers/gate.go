package layers

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// piecewise is an operation that is linear in pieces, which its input chooses.
type piecewise interface {
	operation
	// choose writes the pieces of an image x.
	choose(p *chosen, x []float32)
}

// chosen are the pieces of an image:
//
//	y[i] = slope[i]*x[from[i]] + offset[i]
type chosen struct {
	slope, offset []float32
	from          []int32 // nil: y[i] is of x[i]
}

func (reluOp) choose(p *chosen, x []float32) { leakyReLUOp{}.choose(p, x) }

func (o leakyReLUOp) choose(p *chosen, x []float32) {
	for i, v := range x {
		if p.slope[i] = 1; !(v > 0) {
			p.slope[i] = o.slope
		}
	}
}

func (o preluOp) choose(p *chosen, x []float32) {
	slopes := o.slope.Data()
	for i, v := range x {
		if p.slope[i] = 1; !(v > 0) {
			p.slope[i] = slopes[i%len(slopes)]
		}
	}
}

func (relu6Op) choose(p *chosen, x []float32) {
	for i, v := range x {
		p.slope[i], p.offset[i] = 0, 0
		if v >= 6 {
			p.offset[i] = 6
		} else if v > 0 {
			p.slope[i] = 1
		}
	}
}

func (o rpreluOp) choose(p *chosen, x []float32) {
	gamma, zeta, beta := o.Gamma.Data(), o.Zeta.Data(), o.Beta.Data()
	for i, v := range x {
		c := i % len(gamma)
		if p.slope[i] = 1; !(v-gamma[c] > 0) {
			p.slope[i] = beta[c]
		}
		p.offset[i] = zeta[c] - p.slope[i]*gamma[c]
	}
}

// choose takes the first of the largest values.
func (o maxPoolOp) choose(p *chosen, x []float32) {
	for i := range o.OutH {
		for j := range o.OutW {
			for c := range o.C {
				y, best := (i*o.OutW+j)*o.C+c, -1
				for h := max(i*o.Stride.H-o.Top, 0); h < min(i*o.Stride.H-o.Top+o.Kernel.H, o.H); h++ {
					for w := max(j*o.Stride.W-o.Left, 0); w < min(j*o.Stride.W-o.Left+o.Kernel.W, o.W); w++ {
						if at := (h*o.W+w)*o.C + c; best < 0 || x[at] > x[best] {
							best = at
						}
					}
				}
				p.slope[y], p.from[y] = 1, int32(best)
			}
		}
	}
}

// gates keep the pieces that inputs have chosen, so that the network is smooth in what changes after that.
type gates struct{ kept bool }

// gateOp is a piecewise operation with gates.
type gateOp struct {
	of    piecewise
	gates *gates
}

func (o gateOp) emit(c *Context, s *step) Value {
	x := s.in[0].out.Float(c)
	images, rank, shape := x.Shape()[0], x.Dims(), x.Shape().Clone()
	pool, pools := o.of.(maxPoolOp)
	if pools {
		shape = tensor.Shape{images, pool.OutH, pool.OutW, pool.C}
	}
	all := make([]chosen, images)
	each := shape.TotalSize() / images
	for i := range all {
		if all[i] = (chosen{slope: make([]float32, each), offset: make([]float32, each)}); pools {
			all[i].from = make([]int32, each)
		}
	}
	zeros := make([]float32, each)
	return Value{float: c.b.Apply(graph.Op{
		Name: "gate", Layer: s.name, In: []graph.Arg{pictures(rank)}, Out: pictures(len(shape)), Shape: fixedShape(shape...), Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			var y, x kernels.Pictures[float32]
			return graph.Loop{
				Before: func() error { y, x = k.OutPictures(), k.Pictures(0); return nil },
				Body: &kernels.Each{Do: func(s *kernels.Scratch, n int) {
					p, x, y := &all[n], x.At(s, n), y.At(s, n)
					if !o.gates.kept {
						o.of.choose(p, x)
					}
					if p.from == nil {
						kernels.AffineRow(y, x, p.slope, p.offset)
						return
					}
					for i, from := range p.from {
						y[i] = x[from]
					}
				}},
			}
		},
		Wrt: []bool{true},
		Gradient: func(in []*G.Node, _, dout *G.Node) []*G.Node {
			return []*G.Node{c.b.Apply(graph.Op{
				Name: "gate gradient", Layer: s.name, In: []graph.Arg{pictures(len(shape))}, Out: pictures(rank), Shape: fixedShape(in[0].Shape()...), Pool: c.pool,
				Loop: func(k *graph.Call) graph.Loop {
					var dx, dy kernels.Pictures[float32]
					return graph.Loop{
						Before: func() error { dx, dy = k.OutPictures(), k.Pictures(0); return nil },
						Body: &kernels.Each{Do: func(s *kernels.Scratch, n int) {
							p, dx, dy := &all[n], dx.At(s, n), dy.At(s, n)
							if p.from == nil {
								kernels.AffineRow(dx, dy, p.slope, zeros)
								return
							}
							clear(dx)
							for i, from := range p.from {
								dx[from] += dy[i]
							}
						}},
					}
				},
			}, dout)}
		},
	}, x)}
}
