// Package safetensors reads and writes the safetensors format: named tensors of plain numbers, nothing executable.
//
// A file is
//
//	8 bytes   length n of the header, unsigned little-endian
//	n bytes   JSON object: tensor name -> {"dtype", "shape", "data_offsets": [begin, end)}, and
//	          "__metadata__" -> object of strings; padded with spaces so that the data starts at a multiple of 8
//	the rest  the tensors, row-major, little-endian, without gaps
//
// (https://github.com/huggingface/safetensors, section "Format"). Numbers are little-endian on every machine.
//
// [Read] accepts any order of the JSON keys and returns the tensors in the order of their data. [Write] stores them by
// dtype, widest first, then by name, as the reference implementation does: every tensor is aligned to its own element
// size, and the same tensors and metadata give the same bytes in whatever order they are listed.
package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Dtype is the element type of a tensor, spelled as in the file.
type Dtype string

// The dtypes that are read and written. F16 and BF16 are widened by [File.Float32s]; nothing here narrows to them.
const (
	BOOL Dtype = "BOOL"
	U8   Dtype = "U8"
	I8   Dtype = "I8"
	I16  Dtype = "I16"
	U16  Dtype = "U16"
	F16  Dtype = "F16"
	BF16 Dtype = "BF16"
	I32  Dtype = "I32"
	U32  Dtype = "U32"
	F32  Dtype = "F32"
	F64  Dtype = "F64"
	I64  Dtype = "I64"
	U64  Dtype = "U64"
)

// dtypes is in the order in which tensors are stored.
var dtypes = []struct {
	dtype Dtype
	size  int
}{
	{U64, 8}, {I64, 8}, {F64, 8},
	{F32, 4}, {U32, 4}, {I32, 4},
	{BF16, 2}, {F16, 2}, {U16, 2}, {I16, 2},
	{I8, 1}, {U8, 1}, {BOOL, 1},
}

// rank is the place of d in storage order, -1 for an unknown dtype.
func (d Dtype) rank() int {
	for i, e := range dtypes {
		if e.dtype == d {
			return i
		}
	}
	return -1
}

// Size is the number of bytes of one element, 0 for an unknown dtype.
func (d Dtype) Size() int {
	if i := d.rank(); i >= 0 {
		return dtypes[i].size
	}
	return 0
}

// Tensor is one named array. Data holds the elements row-major in little-endian bytes; its length is the product of
// Shape times Dtype.Size(). An empty Shape is a scalar.
type Tensor struct {
	Name  string
	Dtype Dtype
	Shape []int
	Data  []byte
	// Append, instead of Data, appends the bytes: [Write] calls it whenever it needs them, so that the tensors of a file are
	// never there all at once.
	Append func([]byte) []byte
}

// File is the content of a safetensors file.
type File struct {
	Metadata map[string]string
	Tensors  []Tensor
}

// Element lists the Go types with a dtype of their own.
type Element interface {
	bool | int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64 | float32 | float64
}

// NewTensor copies values into a tensor. [Write] reports a shape that does not match their number.
func NewTensor[T Element](name string, shape []int, values []T) Tensor {
	data, err := binary.Append(nil, binary.LittleEndian, values)
	if err != nil {
		panic(err) // Element admits fixed-size types only
	}
	return Tensor{Name: name, Dtype: dtypeOf[T](), Shape: slices.Clone(shape), Data: data}
}

func dtypeOf[T Element]() Dtype {
	switch any(*new(T)).(type) {
	case bool:
		return BOOL
	case int8:
		return I8
	case uint8:
		return U8
	case int16:
		return I16
	case uint16:
		return U16
	case int32:
		return I32
	case uint32:
		return U32
	case int64:
		return I64
	case uint64:
		return U64
	case float32:
		return F32
	default:
		return F64
	}
}

// Get returns the tensor called name.
func (f *File) Get(name string) (Tensor, error) {
	for _, t := range f.Tensors {
		if t.Name == name {
			return t, nil
		}
	}
	return Tensor{}, fmt.Errorf("no tensor %q among the file's %d", name, len(f.Tensors))
}

// check reports whether name, dtype, shape and data agree.
func (t Tensor) check() error {
	if t.Dtype.rank() < 0 {
		return fmt.Errorf("tensor %q: unknown dtype %q; expected one of %s", t.Name, t.Dtype, dtypeNames())
	}
	want, err := t.size()
	if err != nil {
		return err
	}
	if t.Append == nil && want != len(t.Data) {
		return fmt.Errorf("tensor %q: shape %v of %s takes %d bytes, found %d", t.Name, t.Shape, t.Dtype, want, len(t.Data))
	}
	return nil
}

// size is the number of bytes that the shape takes.
func (t Tensor) size() (int, error) {
	n, err := byteSize(t.Shape, t.Dtype.Size())
	if err != nil {
		err = fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	return n, err
}

// byteSize multiplies out a shape. Dimensions of 0 do not hide an overflow of the others: whoever multiplies some of
// the dimensions later cannot overflow either.
func byteSize(shape []int, elementSize int) (int, error) {
	n, empty := elementSize, false
	for _, d := range shape {
		switch {
		case d < 0:
			return 0, fmt.Errorf("shape %v has a negative dimension", shape)
		case d == 0:
			empty = true
		case n > math.MaxInt/d:
			return 0, fmt.Errorf("shape %v times %d bytes overflows", shape, elementSize)
		default:
			n *= d
		}
	}
	if empty {
		return 0, nil
	}
	return n, nil
}

func dtypeNames() string {
	names := make([]string, len(dtypes))
	for i, e := range dtypes {
		names[i] = string(e.dtype)
	}
	return strings.Join(names, ", ")
}
