package kernels

import (
	"sync/atomic"
	"testing"
)

func TestPool(t *testing.T) {
	for _, threads := range []int{1, 2, 7} {
		p := NewPool(threads)
		for _, pieces := range []int{0, 1, 2, 100} {
			var seen [100]atomic.Int32
			p.For(pieces, func(worker, i int) {
				if worker < 0 || worker >= p.Threads() {
					t.Errorf("worker %d of %d", worker, p.Threads())
				}
				seen[i].Add(1)
			})
			for i := range seen {
				if n := seen[i].Load(); n != 1 && i < pieces || n != 0 && i >= pieces {
					t.Errorf("%d threads: piece %d of %d ran %d times", threads, i, pieces, n)
				}
			}
		}
		func() {
			defer func() {
				if r := recover(); r != "piece 7" {
					t.Errorf("recovered %v", r)
				}
			}()
			p.For(50, func(_, i int) {
				if i == 7 {
					panic("piece 7")
				}
			})
		}()
		p.Close()
	}
}

// A training step runs hundreds of kernels; none may allocate in steady state.
func TestAllocations(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	g := Conv{N: 4, H: 5, W: 6, Cin: 3, Cout: 20, K: 3, Stride: 2, Pad: 1}
	x, y, w, c := make([]float32, g.InLen()), make([]float32, g.OutLen()), make([]float32, g.WeightLen()), make([]float32, 20)
	codes, iw, f := make([]uint8, g.InLen()), PackIntWeights(nil, g, make([]int8, g.WeightLen())), make([]float64, 20)
	iw8, q := make([]int8, g.WeightLen()), Step{Scale: 1, Qp: 7}
	each := func(_, _ int, _ []int32) {}
	for name, f := range map[string]func(){
		"ConvForward":         func() { ConvForward(p, g, y, x, w) },
		"ConvInputGrad":       func() { ConvInputGrad(p, g, x, y, w) },
		"ConvWeightGrad":      func() { ConvWeightGrad(p, g, w, x, y) },
		"ConvWeightGradCodes": func() { ConvWeightGradCodes(p, g, w, codes, 3, 0.5, y) },
		"PackIntWeights":      func() { PackIntWeights(iw, g, iw8) },
		"ConvInt":             func() { ConvInt(p, iw, g.N, codes, 0, nil, each) },
		"ConvForwardCodes":    func() { ConvForwardCodes(p, iw, g.N, y, codes, 0, c) },
		"ReLU":                func() { ReLU(p, x, x) },
		"ReLUGrad":            func() { ReLUGrad(p, x, x, x) },
		"Add":                 func() { Add(p, x, x, x) },
		"Affine":              func() { Affine(p, y, y, c, c) },
		"Affine2":             func() { Affine2(p, y, y, y, c, c, c) },
		"ChannelMoments":      func() { ChannelMoments(p, g.N, f, f, y, c) },
		"ChannelGradSums":     func() { ChannelGradSums(p, g.N, f, f, y, y, c) },
		"Quantize":            func() { Quantize(p, codes, x, q) },
		"Dequantize":          func() { Dequantize(p, x, codes, q) },
		"QuantizeGrad":        func() { QuantizeGrad(p, g.N, x, x, x, q) },
	} {
		f()
		if n := testing.AllocsPerRun(20, f); n > 0 {
			t.Errorf("%s allocates %g times a call", name, n)
		}
	}
}
