package layers

import (
	"errors"
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// gradientQuantizer quantizes the gradients that flow into the outputs of convolutions, before those of their weights
// and inputs are computed from them. Each picture has its own largest magnitude and its own random numbers.
type gradientQuantizer struct {
	estimators.DoReFaGradients
	except string // the first convolution, as in the authors' code
	clock  *clock
}

// outputGradient is the gradient dout of a layer's output (N, H, W, C), quantized if the network wants it.
func (c *Context) outputGradient(layer string, dout *G.Node) *G.Node {
	q := c.gradients
	if q == nil || layer == q.except {
		return dout
	}
	errs := make([]error, dout.Shape()[0])
	return c.b.Apply(graph.Op{
		Name: "quantize gradient by dorefa", Layer: layer, Attrs: fmt.Sprint(q.Bits),
		In: []graph.Arg{pictures(4)}, Out: pictures(4), Shape: sameShape(0), InPlace: 1, Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			var out, dr kernels.Pictures[float32]
			var seed uint64
			return graph.Loop{
				Before: func() error {
					out, dr, seed = k.OutPictures(), k.Pictures(0), q.clock.seedOf(layer)+uint64(c.First)
					return nil
				},
				Body: &kernels.Each{Do: func(s *kernels.Scratch, n int) {
					errs[n] = q.Quantize(out.At(s, n), dr.At(s, n), 1, seed+uint64(n))
				}},
				After: func() error { return errors.Join(errs...) },
			}
		},
	}, dout)
}
