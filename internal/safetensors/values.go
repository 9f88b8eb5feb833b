package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Float32s returns a copy of an F32 tensor's elements, those of an F16 or BF16 tensor widened, which is exact, or those of
// an F64 tensor rounded to the nearest float32.
func (f *File) Float32s(name string) ([]float32, error) {
	t, err := f.Get(name)
	if err != nil {
		return nil, err
	}
	var widen func(uint16) float32
	switch t.Dtype {
	case F64:
		wide, err := values[float64](f, name)
		out := make([]float32, len(wide))
		for i, v := range wide {
			out[i] = float32(v)
		}
		return out, err
	case F16:
		widen = halfToFloat32
	case BF16:
		widen = func(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }
	default:
		return values[float32](f, name)
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	out := make([]float32, len(t.Data)/2)
	for i := range out {
		out[i] = widen(binary.LittleEndian.Uint16(t.Data[2*i:]))
	}
	return out, nil
}

func values[T Element](f *File, name string) ([]T, error) {
	t, err := f.Get(name)
	if err != nil {
		return nil, err
	}
	if want := dtypeOf[T](); t.Dtype != want {
		return nil, fmt.Errorf("tensor %q: wanted dtype %s, found %s", name, want, t.Dtype)
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	out := make([]T, len(t.Data)/t.Dtype.Size())
	if _, err := binary.Decode(t.Data, binary.LittleEndian, out); err != nil {
		return nil, fmt.Errorf("tensor %q: %w", name, err)
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
