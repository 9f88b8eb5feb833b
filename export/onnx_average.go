package export

import (
	"bytes"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/onnx"
	"github.com/qat-go/qat/networks"
)

// averageWindow adds averages in windows that do not all count as many pixels, by integer sums and a multiplier of each
// position. Of an AveragePool between quantizers onnxruntime makes an operator that sums real numbers.
func (g *qdqGraph) averageWindow(l *integer.AverageWindow) {
	in, to := g.net.Tensors[l.In], g.net.Tensors[l.Out]
	s := g.states[l.In]
	k := l.Kernel.H * l.Kernel.W
	ones := g.constant(l.Name+".ones", onnx.Uint8, []int64{int64(in.C), 1, int64(l.Kernel.H), int64(l.Kernel.W)}, bytes.Repeat([]byte{1}, in.C*k))
	sum := g.node(l.Name, "ConvInteger", l.Name+".sum", []string{s.codes, ones, s.zeroPoint},
		append(window(l.Covering(g.net)), attribute("group", int64(in.C)))...)
	real := g.node(l.Name+".cast", "Cast", l.Name+".cast", []string{sum}, attribute("to", int64(onnx.Float)))
	of := l.Multipliers(g.net)
	rows, columns := l.Counts(g.net)
	var multiplier []float32
	for _, r := range rows {
		for _, c := range columns {
			multiplier = append(multiplier, of[r*c-1])
		}
	}
	scaled := g.node(l.Name+".scaled", "Mul", l.Name+".scaled", []string{real, g.floats(l.Name+".multiplier", multiplier, 1, 1, int64(to.H), int64(to.W))})
	lo, hi := to.Range()
	g.quantizeBy(g.floats(l.Name+".one", []float32{1}), l.Name, scaled, l.Out, lo, hi)
}

// averageWindow adds averages of real values: of a padded image, where padding counts.
func (g *qonnxGraph) averageWindow(l *integer.AverageWindow) string {
	x, w := g.values[l.In], l.Covering(g.net)
	if p := l.Pad; l.CountPad && p != (networks.Pad{}) {
		pads := g.int64s(l.Name+".pads", 0, 0, int64(p.Top), int64(p.Left), 0, 0, int64(p.Bottom), int64(p.Right))
		x = g.node(l.Name+".pad", "Pad", l.Name+".padded", []string{x, pads, g.zero}, attribute("mode", "constant"))
		w.Pad = networks.Pad{Bottom: max(0, w.Pad.Bottom-p.Bottom), Right: max(0, w.Pad.Right-p.Right)}
	}
	return g.node(l.Name, "AveragePool", l.Name+".mean", []string{x}, window(w)...)
}
