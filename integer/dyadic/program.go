// Package dyadic runs a network in integers alone: what goes in are codes, what
// comes out are the logits' integers, and nothing between the two is a floating-point
// number. TestIntegersOnly reads this package's source and proves it.
//
// A layer's sums are exact in int32. A multiplier is M*2^-Shift with an int32 M (Jacob
// et al. 2018, https://arxiv.org/abs/1712.05877, section 2.2; Yao et al. 2021, HAWQ-V3,
// https://arxiv.org/abs/2011.10680), and a product is rounded in 64-bit integers:
//
//	code = clamp(roundHalfEven(acc*M*2^-Shift) + ZeroPoint, Lo, Hi)
//
// Package integer derives a Program from a network's scales.
package dyadic

import "github.com/qat-go/qat/internal/kernels"

// Program is a network of integers: the layers in order of execution. Tensor 0 is
// the input. The last layer, and no other, is a *Linear.
type Program struct {
	Tensors []Tensor
	Layers  []Layer
}

// Tensor is an activation of shape (H, W, C) with codes from 0 to Largest.
type Tensor struct {
	Name      string
	H, W, C   int
	ZeroPoint uint8
	Largest   uint8
}

// Len returns the number of elements of one picture.
func (t Tensor) Len() int { return t.H * t.W * t.C }

// Layer is one of *Conv, *Requantize, *Add, *Shortcut, *AveragePool and *Linear.
type Layer interface {
	// Output is the tensor that the layer writes, -1 for the logits.
	Output() int
	// Inputs are the tensors that the layer reads.
	Inputs() []int
	// prepare returns the loop that runs the layer on a picture.
	prepare(p *Program, b *Buffers) kernels.Loop
}

// Buffers hold what a program computes.
type Buffers struct {
	Workers int
	Codes   []kernels.Pictures[uint8] // of each tensor
	Logits  kernels.Pictures[int32]
}

// Loops returns the program's layers as loops over a batch's pictures: codes of
// tensor 0 in, logits out.
func (p *Program) Loops(b *Buffers) []kernels.Loop {
	loops := make([]kernels.Loop, len(p.Layers))
	for i, l := range p.Layers {
		loops[i] = l.prepare(p, b)
	}
	return loops
}

// each is a loop that calls body for every picture.
func each(body func(s *kernels.Scratch, i int)) kernels.Loop { return &kernels.Each{Do: body} }
