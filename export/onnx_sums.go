package export

import (
	"bytes"
	"math"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/onnx"
)

// sum adds a residual sum. onnxruntime makes a QLinearAdd of an Add between quantizers,
// and how that rounds is the processor's; it leaves a Sum as it is, real numbers that are
// each rounded alone, and so alike on every processor.
func (g *qdqGraph) sum(l *integer.Add) {
	if g.Sums == configs.ONNXFused {
		sum := g.node(l.Name, "Add", l.Name+".sum", []string{g.real(l.A), g.real(l.B)})
		g.activation(l.Name, sum, l.Out, l.Lo, l.Hi)
		return
	}
	p := newCodePairs(g.net, l)
	if scaleA, scaleB, ok := p.scales(); ok {
		sum := g.node(l.Name, "Sum", l.Name+".sum", []string{g.realAs(l.A, scaleA, l.Name+".a"), g.realAs(l.B, scaleB, l.Name+".b")})
		g.activation(l.Name, sum, l.Out, l.Lo, l.Hi)
		return
	}
	g.tabulated(l, p)
}

// realAs is real with another scale.
func (g *qdqGraph) realAs(t int, scale float32, name string) string {
	if scale == g.net.Tensors[t].Scale {
		return g.real(t)
	}
	s := &g.states[t]
	return g.node(name+".dequantize", "DequantizeLinear", name+".real", []string{s.codes, g.floats(name+".scale", []float32{scale}), s.zeroPoint})
}

// tabulated looks the sums of all pairs of codes up.
func (g *qdqGraph) tabulated(l *integer.Add, p *codePairs) {
	to := g.net.Tensors[l.Out]
	table := make([]byte, 1<<16)
	for i, c := range p.codes {
		table[int(p.a[i])<<8|int(p.b[i])] = c
	}
	index := func(t int, name string) string {
		return g.node(name, "Cast", name, []string{g.states[t].codes}, attribute("to", int64(onnx.Int32)))
	}
	row := g.node(l.Name+".row", "Mul", l.Name+".row", []string{index(l.A, l.Name+".a"), g.constant(l.Name+".columns", onnx.Int32, nil, []byte{0, 1, 0, 0})})
	pair := g.node(l.Name+".pair", "Add", l.Name+".pair", []string{row, index(l.B, l.Name+".b")})
	g.states[l.Out] = qdqState{name: l.Name, scale: g.floats(l.Name+".scale", []float32{to.Scale}), zeroPoint: g.code(l.Name+".zero_point", to.ZeroPoint),
		codes: g.node(l.Name, "Gather", l.Name+".codes", []string{g.constant(l.Name+".table", onnx.Uint8, []int64{1 << 16}, table), pair})}
}

// codePairs are all pairs of codes of the summands of a residual sum.
type codePairs struct {
	a, b  []uint8
	codes []uint8 // of the sums, in the integer network
	from  [2]integer.Tensor
	to    kernels.Uniform
}

func newCodePairs(net *integer.Network, l *integer.Add) *codePairs {
	to := net.Tensors[l.Out]
	z := int(to.ZeroPoint)
	p := &codePairs{from: [2]integer.Tensor{net.Tensors[l.A], net.Tensors[l.B]},
		to: kernels.Uniform{Scale: to.Scale, Qn: float32(int(l.Lo) - z), Qp: float32(int(l.Hi) - z), ZeroPoint: to.ZeroPoint}}
	loA, hiA := p.from[0].Range()
	loB, hiB := p.from[1].Range()
	for a := int(loA); a <= int(hiA); a++ {
		for b := int(loB); b <= int(hiB); b++ {
			p.a, p.b = append(p.a, uint8(a)), append(p.b, uint8(b))
		}
	}
	p.codes = make([]uint8, len(p.a))
	l.Sums(net, p.codes, p.a, p.b)
	return p
}

// reach is how many float32 the scales of a sum may be off. Most that have such scales
// have them within 2, and 40 found no more.
const reach = 8

// scales finds scales of the summands with which DequantizeLinear, Sum and QuantizeLinear
// give the sum's code for every pair: where the tensors' own put one on the other side of
// a half, numbers beside them do not. There are none where pairs fall on halves and the
// zero point is odd, since QuantizeLinear rounds before it adds that, and of a few others.
func (p *codePairs) scales() (a, b float32, ok bool) {
	x, y, codes := make([]float32, len(p.a)), make([]float32, len(p.a)), make([]uint8, len(p.a))
	for r := range reach + 1 {
		for i := -r; i <= r; i++ {
			for j := -r; j <= r; j++ {
				if max(i, -i, j, -j) != r {
					continue
				}
				a, b = beside(p.from[0].Scale, i), beside(p.from[1].Scale, j)
				kernels.DequantizeRow(x, p.a, &kernels.Uniform{Scale: a, ZeroPoint: p.from[0].ZeroPoint})
				kernels.DequantizeRow(y, p.b, &kernels.Uniform{Scale: b, ZeroPoint: p.from[1].ZeroPoint})
				kernels.AddRow(x, x, y)
				kernels.QuantizeRow(codes, x, &p.to)
				if bytes.Equal(codes, p.codes) {
					return a, b, true
				}
			}
		}
	}
	return 0, 0, false
}

// beside is the n-th float32 after x.
func beside(x float32, n int) float32 { return math.Float32frombits(math.Float32bits(x) + uint32(n)) }
