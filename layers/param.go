package layers

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/networks"
)

// Param is a learnable array of a network, float32.
type Param struct {
	Name  string
	Group networks.Group
	Value *tensor.Dense
	// Floor is the smallest value that an element may take; 0 for none. It
	// keeps the scales of quantizers positive.
	Floor float32
	// Optional says that a file of weights need not have the parameter, which
	// then starts from what it is.
	Optional bool

	start networks.Start
}

// Buffer is an array that training updates but does not learn: the running
// statistics of batch norm.
type Buffer struct {
	Name string
	Data []float32
}

func newParam(name string, g networks.Group, shape ...int) *Param {
	return &Param{Name: name, Group: g, Value: tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(shape...))}
}

// Data returns the parameter's elements.
func (p *Param) Data() []float32 { return p.Value.Float32s() }

// FileShape returns the shape in files: OIHW for convolutions, (out, in) for
// linear layers.
func (p *Param) FileShape() []int {
	s := p.Value.Shape()
	switch {
	case p.Group == networks.WeightsGroup && len(s) == 4:
		return []int{s[3], s[2], s[0], s[1]}
	case p.Group == networks.WeightsGroup && len(s) == 2:
		return []int{s[1], s[0]}
	}
	return append([]int(nil), s...)
}

// ToFile returns v, an array shaped like the parameter, in file order.
func (p *Param) ToFile(v []float32) []float32 {
	out := make([]float32, len(v))
	p.permute(func(mem, file int) { out[file] = v[mem] })
	return out
}

// FromFile copies v, in file order, into dst, shaped like the parameter.
func (p *Param) FromFile(dst, v []float32) error {
	if len(v) != len(dst) || len(dst) != p.Value.Shape().TotalSize() {
		return fmt.Errorf("%s: %d values, want %d", p.Name, len(v), p.Value.Shape().TotalSize())
	}
	p.permute(func(mem, file int) { dst[mem] = v[file] })
	return nil
}

// permute calls each with the two positions of every element.
func (p *Param) permute(each func(mem, file int)) {
	s := p.Value.Shape()
	taps, in, out := 1, s.TotalSize(), 1
	if p.Group == networks.WeightsGroup {
		out = s[len(s)-1]
		in = s[len(s)-2]
		taps = s.TotalSize() / (in * out)
	}
	for t := 0; t < taps; t++ {
		for i := 0; i < in; i++ {
			for o := 0; o < out; o++ {
				each((t*in+i)*out+o, (o*in+i)*taps+t)
			}
		}
	}
}
