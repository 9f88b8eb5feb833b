package layers

import "github.com/qat-go/qat/integer"

// Block is the basic residual block of ResNets on CIFAR (He et al. 2015,
// arXiv 1512.03385, section 4.2):
//
//	y = relu(norm(conv(relu(norm(conv(x))))) + shortcut(x))
//
// with the parameter-free shortcut. Branch quantizes the branch before the sum,
// Output the sum after ReLU: the residual stream. Both are nil if the stream
// is floating point.
type Block struct {
	Name           string
	Conv1, Conv2   *ConvNorm
	Branch, Output *Quantizer
}

// Build adds the block to the graph.
func (b *Block) Build(c *Context, x Value) Value {
	y := b.Conv1.Build(c, x)
	y.relu = true
	y = b.Conv2.Build(c, y)
	if c.Train && !c.parts && y.norm != nil && x.codes != nil && b.Branch.fused() && b.Output.fused() {
		return b.residual(c, y, x)
	}
	if b.Branch != nil {
		y = b.Branch.Quantize(c, y)
	}
	if !c.Train && y.codes != nil && x.codes != nil && b.Output != nil {
		return b.sumCodes(c, y, x)
	}
	s := x.Float(c)
	if b.projects() {
		s = shortcut(c, b.Name, s, b.Conv1.Stride, b.Conv1.Cout)
	}
	sum := Value{float: add(c, b.Name, y.Float(c), s), relu: true}
	if b.Output != nil {
		return b.Output.Quantize(c, sum)
	}
	sum.Float(c) // both readers need it
	return sum
}

// projects tells that the shortcut is not the identity.
func (b *Block) projects() bool { return b.Conv1.resizes() }

func (b *Block) notInteger() []string { return streamReasons(b.Branch, b.Output) }

func (b *Block) name() string { return b.Name }

func (b *Block) convs() []*ConvNorm { return []*ConvNorm{b.Conv1, b.Conv2} }

func (b *Block) quantizers() []*Quantizer {
	return append(operandsOf(b.Conv1, b.Conv2), b.Branch, b.Output)
}

func (b *Block) activations() []*RPReLU { return nil }

// shortcutCodes is the shortcut of a stream x of codes.
func (b *Block) shortcutCodes(c *Context, x Value) Value {
	if !b.projects() {
		return x
	}
	return Value{codes: shortcutCodes(c, b.Name, x, b.Conv1.Stride, b.Conv1.Cout), quant: x.quant}
}

// Lower adds the integer block that reads tensor x and returns the tensor of
// its output.
func (b *Block) Lower(l *lowering, x int) (int, error) {
	if err := l.ready(b.Name, b.Branch, b.Output); err != nil {
		return 0, err
	}
	if err := l.ready(b.Name, b.Conv1.Input, b.Conv2.Input); err != nil {
		return 0, err
	}
	from := l.net.Tensors[x]
	h, w := (from.H+b.Conv1.Stride-1)/b.Conv1.Stride, (from.W+b.Conv1.Stride-1)/b.Conv1.Stride
	in := l.requantize(b.Conv1.Name+".input", x, b.Conv1.Input)
	mid := l.tensor(b.Conv2.Input, h, w, b.Conv1.Cout)
	if err := b.Conv1.Lower(l, in, mid, true); err != nil {
		return 0, err
	}
	branch := l.tensor(b.Branch, h, w, b.Conv2.Cout)
	if err := b.Conv2.Lower(l, mid, branch, false); err != nil {
		return 0, err
	}
	if b.projects() {
		s := from
		s.Name, s.H, s.W, s.C = b.Name+".shortcut", h, w, b.Conv1.Cout
		l.net.Tensors = append(l.net.Tensors, s)
		l.net.Layers = append(l.net.Layers, &integer.Shortcut{Name: s.Name, In: x, Out: len(l.net.Tensors) - 1, Stride: b.Conv1.Stride})
		x = len(l.net.Tensors) - 1
	}
	out := l.tensor(b.Output, h, w, b.Conv2.Cout)
	lo, hi := l.net.Tensors[out].Range()
	lo = max(lo, l.net.Tensors[out].ZeroPoint) // ReLU
	l.net.Layers = append(l.net.Layers, &integer.Add{Name: b.Name + ".add", A: branch, B: x, Out: out, Lo: lo, Hi: hi})
	return out, nil
}
