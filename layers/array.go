package layers

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/networks"
)

// Array is a named array of a network, float32. What layers hold of it they read; who owns a [Store] writes it.
type Array struct {
	Name  string
	Role  Role
	Group networks.Group // of the optimizer's options, if it is learned
	Value *tensor.Dense
	// Floor is the smallest value that the optimizer gives an element; 0 for none. It
	// keeps the scales of quantizers positive, and has them lose at most half in a step.
	Floor float32
	// Fixed says of a learned array that it stays as calibration leaves it, or follows others.
	Fixed bool
	// Running marks the statistics of batch norm.
	Running bool
	// Optional says that a file of weights need not have the array, which
	// then starts from what it is.
	Optional bool
	// Kept is what the optimizer keeps beside the array; nil without one.
	Kept []Kept

	matrix      bool    // files have its last two axes, of four
	pixels      int     // of the image whose channels its input's are, flattened; 0 is 1
	least, most float64 // that a file may give an element
	start       networks.Start
	of          string // quantizer, as a config has it; "" for arrays of layers
	frozen      bool   // see Network.Freeze
}

// Kept is something that an optimizer keeps of an array, shaped like it.
type Kept struct {
	Prefix string // of the array's name, in a checkpoint
	Data   []float32
}

// Role says how training moves an array.
type Role uint8

// The roles.
const (
	Learned Role = iota // along gradients
	Updated             // otherwise: running statistics, zero points, what methods keep
)

func newArray(name string, r Role, shape ...int) *Array {
	return &Array{Name: name, Role: r, Value: tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(shape...)), least: -math.MaxFloat32, most: math.MaxFloat32}
}

func newLearned(name string, g networks.Group, shape ...int) *Array {
	a := newArray(name, Learned, shape...)
	a.Group = g
	return a
}

// newUpdated returns an array of n elements.
func newUpdated(name string, n int) *Array { return newArray(name, Updated, n) }

// Data returns the elements.
func (a *Array) Data() []float32 {
	if a.Value == nil {
		return nil
	}
	return a.Value.Float32s()
}

// shape is that of the value, of no axes without one.
func (a *Array) shape() tensor.Shape {
	if a.Value == nil {
		return nil
	}
	return a.Value.Shape()
}

// len is the number of elements.
func (a *Array) len() int { return len(a.Data()) }

// Averaged tells that an average of the network has an average of the array.
func (a *Array) Averaged() bool { return a.Running || a.learns() }

// learns tells that the optimizer moves it.
func (a *Array) learns() bool { return a.Role == Learned && !a.Fixed && !a.frozen }

// check reports an element that no array of the kind has.
func (a *Array) check() error {
	for i, v := range a.Data() {
		if x := float64(v); !(x >= a.least && x <= a.most) {
			return fmt.Errorf("%s[%d] is %g, want a value from %g to %g", a.Name, i, v, a.least, a.most)
		}
	}
	return nil
}

// FileShape returns the shape in files: OIHW for convolutions, (out, in) for
// linear layers.
func (a *Array) FileShape() []int {
	s := a.shape()
	switch {
	case a.Group == networks.WeightsGroup && (len(s) == 2 || a.matrix):
		return []int{s[len(s)-1], s[len(s)-2]}
	case a.Group == networks.WeightsGroup && len(s) == 4:
		return []int{s[3], s[2], s[0], s[1]}
	}
	return append([]int(nil), s...)
}

// ToFile returns v, an array of this shape, in file order; nil for one of another size.
func (a *Array) ToFile(v []float32) []float32 {
	if len(v) != a.len() {
		return nil
	}
	out := make([]float32, len(v))
	a.permute(func(mem, file int) { out[file] = v[mem] })
	return out
}

// AppendFile appends v, an array of this shape, in file order, in the bytes of a file; nothing of one of another size.
func (a *Array) AppendFile(dst []byte, v []float32) []byte {
	if len(v) != a.len() {
		return dst
	}
	at := len(dst)
	dst = slices.Grow(dst, 4*len(v))[:at+4*len(v)]
	a.permute(func(mem, file int) { binary.LittleEndian.PutUint32(dst[at+4*file:], math.Float32bits(v[mem])) })
	return dst
}

// FromFile copies v, in file order, into dst, an array of this shape.
func (a *Array) FromFile(dst, v []float32) error {
	if a == nil || a.Value == nil {
		return errors.New("there is no array; want one of a Store")
	}
	if len(v) != len(dst) || len(dst) != a.len() {
		return fmt.Errorf("%s: %d values, want %d", a.Name, len(v), a.len())
	}
	a.permute(func(mem, file int) { dst[mem] = v[file] })
	return nil
}

// permute calls each with the two positions of every element. What reads flattened images has their channels together in
// memory, as images do, and their pixels in files, as in PyTorch.
func (a *Array) permute(each func(mem, file int)) {
	if a.Value == nil {
		return
	}
	s := a.Value.Shape()
	taps, in, out := 1, s.TotalSize(), 1
	if a.Group == networks.WeightsGroup {
		out = s[len(s)-1]
		in = s[len(s)-2]
		taps = s.TotalSize() / (in * out)
	}
	pixels := max(a.pixels, 1)
	channels := in / pixels
	for t := 0; t < taps; t++ {
		for i := 0; i < in; i++ {
			from := i%channels*pixels + i/channels
			for o := 0; o < out; o++ {
				each((t*in+i)*out+o, (o*in+from)*taps+t)
			}
		}
	}
}
