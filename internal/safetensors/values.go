package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Float32s returns a copy of an F32 tensor's elements, or those of an F16 or BF16 tensor widened, which is exact.
func (f *File) Float32s(name string) ([]float32, error) {
	t, err := f.Get(name)
	if err != nil {
		return nil, err
	}
	var widen func(uint16) float32
	switch t.Dtype {
	case F16:
		widen = halfToFloat32
	case BF16:
		widen = func(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }
	default:
		return values[float32](f, name)
	}
	if err := t.check(); err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	out := make([]float32, len(t.Data)/2)
	for i := range out {
		out[i] = widen(binary.LittleEndian.Uint16(t.Data[2*i:]))
	}
	return out, nil
}

// Float64s returns a copy of an F64 tensor's elements.
func (f *File) Float64s(name string) ([]float64, error) { return values[float64](f, name) }

// Int8s returns a copy of an I8 tensor's elements.
func (f *File) Int8s(name string) ([]int8, error) { return values[int8](f, name) }

// Uint8s returns a copy of a U8 tensor's elements.
func (f *File) Uint8s(name string) ([]uint8, error) { return values[uint8](f, name) }

// Int16s returns a copy of an I16 tensor's elements.
func (f *File) Int16s(name string) ([]int16, error) { return values[int16](f, name) }

// Uint16s returns a copy of a U16 tensor's elements.
func (f *File) Uint16s(name string) ([]uint16, error) { return values[uint16](f, name) }

// Int32s returns a copy of an I32 tensor's elements.
func (f *File) Int32s(name string) ([]int32, error) { return values[int32](f, name) }

// Uint32s returns a copy of a U32 tensor's elements.
func (f *File) Uint32s(name string) ([]uint32, error) { return values[uint32](f, name) }

// Int64s returns a copy of an I64 tensor's elements.
func (f *File) Int64s(name string) ([]int64, error) { return values[int64](f, name) }

// Uint64s returns a copy of a U64 tensor's elements.
func (f *File) Uint64s(name string) ([]uint64, error) { return values[uint64](f, name) }

// Bools returns a copy of a BOOL tensor's elements; any byte but 0 is true.
func (f *File) Bools(name string) ([]bool, error) { return values[bool](f, name) }

func values[T Element](f *File, name string) ([]T, error) {
	t, err := f.Get(name)
	if err != nil {
		return nil, err
	}
	if want := dtypeOf[T](); t.Dtype != want {
		return nil, fmt.Errorf("safetensors: tensor %q: wanted dtype %s, found %s", name, want, t.Dtype)
	}
	if err := t.check(); err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	out := make([]T, len(t.Data)/t.Dtype.Size())
	if _, err := binary.Decode(t.Data, binary.LittleEndian, out); err != nil {
		return nil, fmt.Errorf("safetensors: tensor %q: %w", name, err)
	}
	return out, nil
}

// halfToFloat32 widens an IEEE 754 binary16 value. Subnormals become normal float32 values.
func halfToFloat32(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exponent := uint32(h>>10) & 0x1f
	fraction := uint32(h) & 0x3ff
	switch exponent {
	case 0:
		return math.Float32frombits(sign | math.Float32bits(float32(fraction)*0x1p-24))
	case 31: // Inf and NaN
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	default:
		return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
	}
}
