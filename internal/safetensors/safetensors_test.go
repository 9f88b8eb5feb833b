package safetensors

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// file assembles the bytes of a file from its header and its data.
func file(header, data string) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

func marshal(t testing.TB, f *File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func everyDtype() *File {
	return &File{
		Metadata: map[string]string{"zwölf": "12", "a": ""},
		Tensors: []Tensor{
			NewTensor("bool", []int{2}, []bool{true, false}),
			NewTensor("u8", []int{2}, []uint8{0, 255}),
			NewTensor("i8", []int{2, 1}, []int8{-128, 127}),
			NewTensor("i16", []int{2}, []int16{-32768, 32767}),
			NewTensor("u16", []int{1}, []uint16{65535}),
			NewTensor("i32", []int{1}, []int32{math.MinInt32}),
			NewTensor("u32", []int{1}, []uint32{math.MaxUint32}),
			NewTensor("i64", nil, []int64{math.MinInt64}),
			NewTensor("u64", nil, []uint64{math.MaxUint64}),
			NewTensor("f32", []int{3}, []float32{float32(math.Copysign(0, -1)), 1e-45, float32(math.Inf(1))}),
			NewTensor("f64", []int{1}, []float64{math.Pi}),
			NewTensor("empty", []int{3, 0}, []float32{}),
			{Name: "f16", Dtype: F16, Shape: []int{2}, Data: []byte{0x00, 0x3c, 0xff, 0x7b}},
			{Name: "bf16", Dtype: BF16, Shape: []int{1}, Data: []byte{0x80, 0xbf}},
		},
	}
}

func TestRoundTrip(t *testing.T) {
	want := everyDtype()
	path := filepath.Join(t.TempDir(), "every.safetensors")
	if err := WriteFile(path, want); err != nil {
		t.Fatal(err)
	}
	f, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(f.Metadata, want.Metadata) {
		t.Errorf("metadata: got %v, want %v", f.Metadata, want.Metadata)
	}
	if len(f.Tensors) != len(want.Tensors) {
		t.Fatalf("got %d tensors, want %d", len(f.Tensors), len(want.Tensors))
	}
	for _, w := range want.Tensors {
		got, err := f.Get(w.Name)
		if err != nil {
			t.Fatal(err)
		}
		if got.Dtype != w.Dtype || !slices.Equal(got.Shape, w.Shape) || !bytes.Equal(got.Data, w.Data) {
			t.Errorf("got %+v, want %+v", got, w)
		}
	}
	accessors := []struct {
		name string
		get  func(string) (any, error)
		want any
	}{
		{"bool", func(n string) (any, error) { return values[bool](f, n) }, []bool{true, false}},
		{"u8", func(n string) (any, error) { return values[uint8](f, n) }, []uint8{0, 255}},
		{"i8", func(n string) (any, error) { return values[int8](f, n) }, []int8{-128, 127}},
		{"i16", func(n string) (any, error) { return values[int16](f, n) }, []int16{-32768, 32767}},
		{"u16", func(n string) (any, error) { return values[uint16](f, n) }, []uint16{65535}},
		{"i32", func(n string) (any, error) { return values[int32](f, n) }, []int32{math.MinInt32}},
		{"u32", func(n string) (any, error) { return values[uint32](f, n) }, []uint32{math.MaxUint32}},
		{"i64", func(n string) (any, error) { return values[int64](f, n) }, []int64{math.MinInt64}},
		{"u64", func(n string) (any, error) { return values[uint64](f, n) }, []uint64{math.MaxUint64}},
		{"f64", func(n string) (any, error) { return values[float64](f, n) }, []float64{math.Pi}},
		{"f64", func(n string) (any, error) { return f.Float32s(n) }, []float32{math.Pi}},
		{"f16", func(n string) (any, error) { return f.Float32s(n) }, []float32{1, 65504}},
		{"bf16", func(n string) (any, error) { return f.Float32s(n) }, []float32{-1}},
		{"empty", func(n string) (any, error) { return f.Float32s(n) }, []float32{}},
	}
	for _, a := range accessors {
		got, err := a.get(a.name)
		if err != nil || !reflect.DeepEqual(got, a.want) {
			t.Errorf("%s: got %v, %v, want %v", a.name, got, err, a.want)
		}
	}
	floats, err := f.Float32s("f32")
	if err != nil {
		t.Fatal(err)
	}
	for i, bits := range []uint32{0x80000000, 1, 0x7f800000} {
		if math.Float32bits(floats[i]) != bits {
			t.Errorf("f32[%d] has bits %#x, want %#x", i, math.Float32bits(floats[i]), bits)
		}
	}
	if _, err := values[int8](f, "f32"); err == nil || !strings.Contains(err.Error(), `tensor "f32": wanted dtype I8, found F32`) {
		t.Errorf("int8 values of an F32 tensor: got error %v", err)
	}
	if _, err := f.Float32s("none"); err == nil || !strings.Contains(err.Error(), `no tensor "none"`) {
		t.Errorf("missing tensor: got error %v", err)
	}
}

// IEEE 754-2008, table 3.5: binary16 has 1 sign, 5 exponent and 10 fraction bits, bias 15.
func TestHalfToFloat32(t *testing.T) {
	for h := range 1 << 16 {
		sign := 1.0
		if h&0x8000 != 0 {
			sign = -1
		}
		exponent, fraction := h>>10&0x1f, float64(h&0x3ff)
		want := sign * math.Ldexp(1+fraction/1024, exponent-15)
		switch {
		case exponent == 0:
			want = sign * math.Ldexp(fraction, -24)
		case exponent == 31 && fraction == 0:
			want = math.Inf(int(sign))
		case exponent == 31:
			want = math.NaN()
		}
		got := halfToFloat32(uint16(h))
		if math.IsNaN(want) != (got != got) || got == got && math.Float32bits(got) != math.Float32bits(float32(want)) {
			t.Fatalf("%#04x: got %g, want %g", h, got, want)
		}
	}
}

func ExampleWriteFile() {
	dir, err := os.MkdirTemp("", "safetensors")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "conv1.safetensors")
	err = WriteFile(path, &File{
		Metadata: map[string]string{"bits": "4"},
		Tensors: []Tensor{
			NewTensor("conv1.weight", []int{2, 2}, []int8{-7, 0, 3, 7}),
			NewTensor("conv1.scale", nil, []float32{0.25}),
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := ReadFile(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	scale, err := f.Float32s("conv1.scale")
	fmt.Println(f.Metadata["bits"], scale, err)
	// Output: 4 [0.25] <nil>
}
