package integer_test

import (
	"math"
	"math/big"

	"github.com/qat-go/qat/integer"
)

// reference computes one layer of one picture from its definition in
// docs/arithmetic.md, one output at a time. codes has the tensors of the
// picture; the result are the output's codes, or the logits.
func reference(n *integer.Network, l integer.Layer, codes [][]uint8) (out []uint8, logits []float32) {
	clamp := func(v float32, zeroPoint, lo, hi uint8) uint8 {
		r := math.RoundToEven(float64(v)) + float64(zeroPoint)
		return uint8(math.Min(math.Max(r, float64(lo)), float64(hi)))
	}
	value := func(t, i int) int64 { return int64(codes[t][i]) - int64(n.Tensors[t].ZeroPoint) }
	if t := l.Output(); t >= 0 {
		out = make([]uint8, n.Tensors[t].Len())
	}
	in := n.Tensors[l.Inputs()[0]]
	switch l := l.(type) {
	case *integer.Conv:
		to := n.Tensors[l.Out]
		for y := range to.H {
			for x := range to.W {
				for c := range to.C {
					acc := int64(l.Bias[c])
					groups := max(l.Groups, 1)
					channels := in.C / groups
					first := c / (to.C / groups) * channels
					for ky := range l.Kernel.H {
						for kx := range l.Kernel.W {
							for ci := range channels {
								py, px := y*l.Stride.H+ky-l.Pad.Top, x*l.Stride.W+kx-l.Pad.Left
								if py >= 0 && py < in.H && px >= 0 && px < in.W {
									acc += value(l.In, (py*in.W+px)*in.C+first+ci) * int64(l.Weights[((ky*l.Kernel.W+kx)*channels+ci)*to.C+c])
								}
							}
						}
					}
					out[(y*to.W+x)*to.C+c] = clamp(float32(acc)*float32(l.Scale[c]/to.Scale), to.ZeroPoint, l.Lo, l.Hi)
				}
			}
		}
	case *integer.Requantize:
		to := n.Tensors[l.Out]
		for i := range out {
			real := float32(value(l.In, i)) * in.Scale
			out[i] = clamp(real/to.Scale, to.ZeroPoint, l.Lo, l.Hi)
		}
	case *integer.Add:
		to := n.Tensors[l.Out]
		a, b := n.Tensors[l.A], n.Tensors[l.B]
		ra, rb := a.Scale/to.Scale, b.Scale/to.Scale
		offset := float32(to.ZeroPoint) - fma(ra, float32(a.ZeroPoint), float32(rb*float32(b.ZeroPoint)))
		for i := range out {
			sum := fma(float32(codes[l.A][i]), ra, fma(float32(codes[l.B][i]), rb, offset))
			out[i] = clamp(sum, 0, l.Lo, l.Hi)
		}
	case *integer.Shortcut:
		to := n.Tensors[l.Out]
		for i := range out {
			c, x, y := i%to.C-(to.C-in.C)/2, i/to.C%to.W*l.Stride, i/to.C/to.W*l.Stride
			out[i] = to.ZeroPoint
			if c >= 0 && c < in.C {
				out[i] = codes[l.In][(y*in.W+x)*in.C+c]
			}
		}
	case *integer.MaxPool:
		to := n.Tensors[l.Out]
		for i := range out {
			for tap := range l.Kernel.H * l.Kernel.W {
				y, x := i/to.C/to.W*l.Stride.H+tap/l.Kernel.W-l.Pad.Top, i/to.C%to.W*l.Stride.W+tap%l.Kernel.W-l.Pad.Left
				if y >= 0 && y < in.H && x >= 0 && x < in.W {
					out[i] = max(out[i], codes[l.In][(y*in.W+x)*in.C+i%in.C])
				}
			}
		}
	case *integer.Concat:
		for i := range out {
			p, c := i/n.Tensors[l.Out].C, i%n.Tensors[l.Out].C
			if b := n.Tensors[l.B]; c < in.C {
				out[i] = codes[l.A][p*in.C+c]
			} else {
				out[i] = codes[l.B][p*b.C+c-in.C]
			}
		}
	case *integer.Lookup:
		lo, hi := in.Range()
		per := int(hi-lo) + 1
		for i, v := range codes[l.In] {
			c := i % in.C
			if len(l.Table) == per {
				c = 0
			}
			out[i] = l.Table[c*per+int(v-lo)]
		}
	case *integer.AveragePool:
		to := n.Tensors[l.Out]
		lo, hi := to.Range()
		for c := range out {
			sum := int64(0)
			for p := range in.H * in.W {
				sum += value(l.In, p*in.C+c)
			}
			out[c] = clamp(float32(sum)*(in.Scale/(to.Scale*float32(in.H*in.W))), to.ZeroPoint, lo, hi)
		}
	case *integer.AverageWindow:
		to := n.Tensors[l.Out]
		lo, hi := to.Range()
		for i := range out {
			sum, count := averaged(n, l, codes, i)
			out[i] = clamp(float32(sum)*(in.Scale/(to.Scale*float32(count))), to.ZeroPoint, lo, hi)
		}
	case *integer.Linear:
		for o := range l.Out {
			acc := int64(l.Bias[o])
			for i := range in.Len() {
				acc += value(l.In, i) * int64(l.Weights[i*l.Out+o])
			}
			logits = append(logits, float32(acc)*l.Scale[o])
		}
	}
	return out, logits
}

// averaged is the sum in a window, at element i of the output, and how many pixels it counts.
func averaged(n *integer.Network, l *integer.AverageWindow, codes [][]uint8, i int) (sum, count int64) {
	in, to := n.Tensors[l.In], n.Tensors[l.Out]
	for tap := range l.Kernel.H * l.Kernel.W {
		y, x := i/to.C/to.W*l.Stride.H+tap/l.Kernel.W-l.Pad.Top, i/to.C%to.W*l.Stride.W+tap%l.Kernel.W-l.Pad.Left
		inside := y >= 0 && y < in.H && x >= 0 && x < in.W
		if inside {
			sum += int64(codes[l.In][(y*in.W+x)*in.C+i%in.C]) - int64(in.ZeroPoint)
		}
		if inside || l.CountPad && y < in.H+l.Pad.Bottom && x < in.W+l.Pad.Right {
			count++
		}
	}
	return sum, count
}

// fma is x*y + z, rounded once to 24 bits.
func fma(x, y, z float32) float32 {
	product := new(big.Float).Mul(big.NewFloat(float64(x)), big.NewFloat(float64(y))) // 53 bits hold it
	sum, _ := new(big.Float).SetPrec(24).Add(product, big.NewFloat(float64(z))).Float32()
	return sum
}
