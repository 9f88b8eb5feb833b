package graph

import (
	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/internal/kernels"
)

// Loop is an operation as a loop over the pictures of a batch. Before runs ahead
// of Body's Begin, After follows its End; both may be nil.
type Loop struct {
	Body   kernels.Loop
	Before func() error
	After  func() error
}

// RunLoops runs the loops, fused, over n pictures; bodies are the loops' bodies.
// The error of a loop comes with its index. memory is what they read of a batch in memory, strips how they may take pictures.
func RunLoops(p *kernels.Pool, n int, memory []kernels.Memory, strips []kernels.Strips, loops []Loop, bodies []kernels.Loop) error {
	for i := range loops {
		if f := loops[i].Before; f != nil {
			if err := f(); err != nil {
				return &LoopError{i, err}
			}
		}
	}
	p.RunFetching(n, memory, strips, bodies...)
	if err := p.Err(); err != nil {
		return err
	}
	for i := range loops {
		if f := loops[i].After; f != nil {
			if err := f(); err != nil {
				return &LoopError{i, err}
			}
		}
	}
	return nil
}

// LoopError is the error of one of several fused loops.
type LoopError struct {
	Index int
	Err   error
}

// Error implements error.
func (e *LoopError) Error() string { return e.Err.Error() }

// Unwrap returns the loop's error.
func (e *LoopError) Unwrap() error { return e.Err }

// Pictures returns input i, a Picture operand.
func (c *Call) Pictures(i int) kernels.Pictures[float32] {
	return pictures(c, c.In[i], c.F32(i), c.LocalIn != nil && c.LocalIn[i])
}

// Codes returns input i, a Picture operand of type uint8.
func (c *Call) Codes(i int) kernels.Pictures[uint8] {
	return pictures(c, c.In[i], c.U8(i), c.LocalIn != nil && c.LocalIn[i])
}

// OutPictures and OutCodes return the output, a Picture operand.
func (c *Call) OutPictures() kernels.Pictures[float32] {
	return pictures(c, c.Out, c.OutF32(), c.LocalOut)
}
func (c *Call) OutCodes() kernels.Pictures[uint8] { return pictures(c, c.Out, c.OutU8(), c.LocalOut) }

func pictures[T any](c *Call, v G.Value, data []T, local bool) kernels.Pictures[T] {
	if local {
		return kernels.Pictures[T]{Data: data, Each: len(data) / c.Workers, Local: true}
	}
	return kernels.Batch(data, v.Shape()[0])
}
