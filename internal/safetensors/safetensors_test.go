package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
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

// The expected bytes follow from the format's definition; the order of dtypes and names and the padding are those of
// huggingface/safetensors, safetensors/src/tensor.rs, function prepare.
func TestWriteBytes(t *testing.T) {
	tests := []struct {
		name string
		file File
		want []byte
	}{
		{"empty", File{}, file("{}      ", "")},
		{"metadata", File{Metadata: map[string]string{"framework": "pt"}}, file(`{"__metadata__":{"framework":"pt"}}     `, "")},
		{"padded header",
			File{Tensors: []Tensor{NewTensor("w", []int{1, 2}, []float32{1, -2})}},
			file(`{"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}} `+strings.Repeat(" ", 7), "\x00\x00\x80\x3f\x00\x00\x00\xc0")},
		{"widest dtype first, then by name",
			File{Tensors: []Tensor{
				NewTensor("a", []int{1}, []int8{-1}),
				NewTensor("c", nil, []int16{258}),
				NewTensor("b", nil, []int16{1}),
				NewTensor("d", []int{1}, []uint64{2}),
			}},
			file(`{"d":{"dtype":"U64","shape":[1],"data_offsets":[0,8]},"b":{"dtype":"I16","shape":[],"data_offsets":[8,10]},`+
				`"c":{"dtype":"I16","shape":[],"data_offsets":[10,12]},"a":{"dtype":"I8","shape":[1],"data_offsets":[12,13]}}   `,
				"\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x02\x01\xff")},
		{"no HTML escapes", File{Tensors: []Tensor{NewTensor(`<&">`, []int{0}, []bool{})}},
			file(`{"<&\">":{"dtype":"BOOL","shape":[0],"data_offsets":[0,0]}}     `, "")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			// Spaces at the end of want's header are not counted by hand.
			want := slices.Clone(tt.want)
			n := int(binary.LittleEndian.Uint64(want))
			header := strings.TrimRight(string(want[8:8+n]), " ")
			for len(header)%8 != 0 {
				header += " "
			}
			want = file(header, string(want[8+n:]))
			got := marshal(t, &tt.file)
			if !bytes.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			if start := binary.LittleEndian.Uint64(got) + 8; start%8 != 0 {
				t.Errorf("the data starts at byte %d, which is not a multiple of 8", start)
			}
		})
	}
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
		{"bool", func(n string) (any, error) { return f.Bools(n) }, []bool{true, false}},
		{"u8", func(n string) (any, error) { return f.Uint8s(n) }, []uint8{0, 255}},
		{"i8", func(n string) (any, error) { return f.Int8s(n) }, []int8{-128, 127}},
		{"i16", func(n string) (any, error) { return f.Int16s(n) }, []int16{-32768, 32767}},
		{"u16", func(n string) (any, error) { return f.Uint16s(n) }, []uint16{65535}},
		{"i32", func(n string) (any, error) { return f.Int32s(n) }, []int32{math.MinInt32}},
		{"u32", func(n string) (any, error) { return f.Uint32s(n) }, []uint32{math.MaxUint32}},
		{"i64", func(n string) (any, error) { return f.Int64s(n) }, []int64{math.MinInt64}},
		{"u64", func(n string) (any, error) { return f.Uint64s(n) }, []uint64{math.MaxUint64}},
		{"f64", func(n string) (any, error) { return f.Float64s(n) }, []float64{math.Pi}},
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
	if _, err := f.Int8s("f32"); err == nil || !strings.Contains(err.Error(), `tensor "f32": wanted dtype I8, found F32`) {
		t.Errorf("Int8s of an F32 tensor: got error %v", err)
	}
	if _, err := f.Float32s("none"); err == nil || !strings.Contains(err.Error(), `no tensor "none"`) {
		t.Errorf("missing tensor: got error %v", err)
	}
}

func TestWriteIgnoresOrder(t *testing.T) {
	f := everyDtype()
	want := marshal(t, f)
	slices.Reverse(f.Tensors)
	first := f.Tensors[0].Name
	if !bytes.Equal(marshal(t, f), want) {
		t.Error("the same tensors in another order gave other bytes")
	}
	if f.Tensors[0].Name != first {
		t.Error("Write reordered its argument")
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

func TestReadAcceptsForeignLayouts(t *testing.T) {
	tests := map[string]struct {
		data  []byte
		names []string
	}{
		"keys not in data order": {file(`{"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, "xy"), []string{"a", "b"}},
		"unaligned":              {file(`{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"b":{"data_offsets":[1,5],"shape":[1,1],"dtype":"F32"}}`, "xyyyy"), []string{"a", "b"}},
		"any JSON space":         {file("{}\r \t\n", ""), nil},
		"empty between":          {file(`{"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]},"e":{"dtype":"I8","shape":[0,9],"data_offsets":[1,1]},"z":{"dtype":"I8","shape":[1],"data_offsets":[1,2]}}`, "ab"), []string{"a", "e", "z"}},
	}
	for name, tt := range tests {
		f, err := Read(tt.data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var names []string
		for _, tensor := range f.Tensors {
			names = append(names, tensor.Name)
		}
		if !slices.Equal(names, tt.names) {
			t.Errorf("%s: got %q, want %q", name, names, tt.names)
		}
	}
}

func TestReadRejects(t *testing.T) {
	tests := []struct {
		name, want string
		data       []byte
	}{
		{"nothing", "at least 8", nil},
		{"7 bytes", "at least 8", make([]byte, 7)},
		{"header past the end", "only 3 follow", []byte("\x04\x00\x00\x00\x00\x00\x00\x00{} ")},
		{"giant header", "at most 100000000", []byte("\x01\xe1\xf5\x05\x00\x00\x00\x00{}")},
		{"header length 2^64-1", "at most 100000000", []byte("\xff\xff\xff\xff\xff\xff\xff\xff{}")},
		{"not UTF-8", "UTF-8", file("{\"\xff\":{}}", "")},
		{"leading space", "begin", file(" {}", "")},
		{"an array", "begin", file("[]", "")},
		{"truncated JSON", "header", file(`{"a":{"dtype":"U8"`, "")},
		{"second value", "after the JSON object", file(`{}{}`, "")},
		{"trailing bytes", "1 bytes follow", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, "xy")},
		{"trailing bytes, no tensor", "1 bytes follow", file(`{}`, "x")},
		{"missing bytes", "data_offsets [0, 2] are not a range within the file's 1", file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, "x")},
		{"begin after end", "are not a range", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}`, "x")},
		{"negative offset", "expected an integer of 0 or more", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[-1,0]}}`, "x")},
		{"overlap", "overlap", file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, "xyz")},
		{"same range twice", "overlap", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, "x")},
		{"gap", "gap after 1", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}`, "xyz")},
		{"gap before", "gap after 0", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, "xy")},
		{"shape and size disagree", "takes 8 bytes, found 4", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, "xxxx")},
		{"product overflows", "overflows", file(`{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, "")},
		{"product times size overflows", "overflows", file(`{"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}}`, "")},
		{"overflow hidden by 0", "overflows", file(`{"a":{"dtype":"U8","shape":[0,4294967296,4294967296],"data_offsets":[0,0]}}`, "")},
		{"dimension over 64 bits", "expected an integer", file(`{"a":{"dtype":"U8","shape":[18446744073709551617],"data_offsets":[0,1]}}`, "x")},
		{"negative dimension", "expected an integer of 0 or more", file(`{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}`, "x")},
		{"fractional dimension", "expected an integer", file(`{"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}`, "x")},
		{"shape of strings", "expected an integer", file(`{"a":{"dtype":"U8","shape":["1"],"data_offsets":[0,1]}}`, "x")},
		{"nested shape", "expected an integer", file(`{"a":{"dtype":"U8","shape":[[1]],"data_offsets":[0,1]}}`, "x")},
		{"three offsets", "expected 2", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,1]}}`, "x")},
		{"unknown dtype", "unknown dtype \"F8\"", file(`{"a":{"dtype":"F8","shape":[1],"data_offsets":[0,1]}}`, "x")},
		{"lower-case dtype", "unknown dtype", file(`{"a":{"dtype":"u8","shape":[1],"data_offsets":[0,1]}}`, "x")},
		{"tensor twice", `key "a" is there twice`, file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, "x")},
		{"escaped twin", `key "a" is there twice`, file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, "x")},
		{"dtype twice", `key "dtype" is there twice`, file(`{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}`, "x")},
		{"metadata twice", `key "__metadata__" is there twice`, file(`{"__metadata__":{},"__metadata__":{}}`, "")},
		{"metadata key twice", `key "k" is there twice`, file(`{"__metadata__":{"k":"a","k":"b"}}`, "")},
		{"metadata of numbers", "expected a string", file(`{"__metadata__":{"k":1}}`, "")},
		{"unknown key", "unexpected key; expected one of", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"Shape":[1]}}`, "x")},
		{"missing shape", "2 of the keys", file(`{"a":{"dtype":"U8","data_offsets":[0,1]}}`, "x")},
		{"null tensor", `expected "{"`, file(`{"a":null}`, "")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Read(tt.data)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestWriteRejects(t *testing.T) {
	tests := map[string]struct {
		file File
		want string
	}{
		"same name":         {File{Tensors: []Tensor{NewTensor("a", nil, []int8{1}), NewTensor("a", nil, []uint8{1})}}, "used twice"},
		"reserved name":     {File{Tensors: []Tensor{NewTensor("__metadata__", nil, []int8{1})}}, "reserved"},
		"name not UTF-8":    {File{Tensors: []Tensor{NewTensor("\xff", nil, []int8{1})}}, "UTF-8"},
		"value not UTF-8":   {File{Metadata: map[string]string{"k": "\xff"}}, "UTF-8"},
		"wrong shape":       {File{Tensors: []Tensor{NewTensor("a", []int{2}, []int32{1})}}, "takes 8 bytes, found 4"},
		"negative shape":    {File{Tensors: []Tensor{NewTensor("a", []int{-1, -1}, []int8{1})}}, "negative"},
		"unknown dtype":     {File{Tensors: []Tensor{{Name: "a", Dtype: "I4"}}}, "unknown dtype"},
		"overflowing shape": {File{Tensors: []Tensor{NewTensor("a", []int{math.MaxInt, 2}, []int8{})}}, "overflows"},
	}
	for name, tt := range tests {
		var b bytes.Buffer
		err := Write(&b, &tt.file)
		if err == nil || !strings.Contains(err.Error(), tt.want) || b.Len() != 0 {
			t.Errorf("%s: got error %v and %d bytes, want %q and none", name, err, b.Len(), tt.want)
		}
	}
}

func TestWriteFileIsAtomic(t *testing.T) {
	good := &File{Tensors: []Tensor{NewTensor("a", nil, []int8{1})}}
	bad := &File{Tensors: []Tensor{NewTensor("a", []int{9}, []int8{1})}}
	listing := func(dir string) (names []string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}

	t.Run("old file survives", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "x.safetensors")
		if err := WriteFile(path, good); err != nil {
			t.Fatal(err)
		}
		failures := map[string]func() error{
			"bad tensor": func() error { return WriteFile(path, bad) },
			"disk full": func() error {
				return WriteAtomic(path, func(w io.Writer) error {
					_, err := w.Write([]byte("half a fi"))
					return errors.Join(err, errors.New("no space left"))
				})
			},
		}
		for name, fail := range failures {
			if fail() == nil {
				t.Errorf("%s: no error", name)
			}
			if got := listing(dir); !slices.Equal(got, []string{"x.safetensors"}) {
				t.Errorf("%s left behind %q", name, got)
			}
			if _, err := ReadFile(path); err != nil {
				t.Errorf("%s: the old file is damaged: %v", name, err)
			}
		}
	})
	t.Run("replaces", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "x.safetensors")
		for i := range int8(2) {
			if err := WriteFile(path, &File{Tensors: []Tensor{NewTensor("a", nil, []int8{i})}}); err != nil {
				t.Fatal(err)
			}
		}
		f, err := ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.Int8s("a"); err != nil || got[0] != 1 {
			t.Errorf("got %v, %v, want [1]", got, err)
		}
		if got := listing(dir); len(got) != 1 {
			t.Errorf("left behind %q", got)
		}
	})
	t.Run("rename fails", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "folder")
		if err := os.MkdirAll(filepath.Join(path, "full"), 0o755); err != nil {
			t.Fatal(err)
		}
		if WriteFile(path, good) == nil {
			t.Error("a folder was replaced")
		}
		if got := listing(dir); !slices.Equal(got, []string{"folder"}) {
			t.Errorf("left behind %q", got)
		}
	})
	t.Run("no such folder", func(t *testing.T) {
		err := WriteFile(filepath.Join(t.TempDir(), "none", "x"), good)
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got error %v", err)
		}
	})
}

// FuzzRead checks that any input is refused or read, and that what was read is written and read back unchanged.
func FuzzRead(f *testing.F) {
	f.Add(marshal(f, everyDtype()))
	f.Add(marshal(f, &File{}))
	f.Add(file(`{"a":{"dtype":"U8","shape":[0,2],"data_offsets":[0,0]},"b":{"dtype":"F16","shape":[],"data_offsets":[0,2]}}`, "xy"))
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := Read(data)
		if err != nil {
			return
		}
		for _, tensor := range first.Tensors {
			if tensor.Dtype == F32 || tensor.Dtype == F16 || tensor.Dtype == BF16 {
				if _, err := first.Float32s(tensor.Name); err != nil {
					t.Error(err)
				}
			}
		}
		written := marshal(t, first)
		second, err := Read(written)
		if err != nil {
			t.Fatalf("%v\n%q", err, written)
		}
		if !reflect.DeepEqual(first.Metadata, second.Metadata) || len(first.Tensors) != len(second.Tensors) {
			t.Fatalf("got %+v, want %+v", second, first)
		}
		for _, want := range first.Tensors {
			if got, err := second.Get(want.Name); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
		}
		if !bytes.Equal(marshal(t, second), written) {
			t.Error("writing twice gave different bytes")
		}
	})
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
	codes, err := f.Int8s("conv1.weight")
	fmt.Println(f.Metadata["bits"], codes, err)
	// Output: 4 [-7 0 3 7] <nil>
}

// A hostile file takes memory in proportion to its size, whatever it promises.
func TestReadMemory(t *testing.T) {
	huge := binary.LittleEndian.AppendUint64(nil, maxHeader)
	for name, data := range map[string][]byte{
		"promised header":  append(huge, '{'),
		"promised tensors": file(`{"a":{"dtype":"F32","shape":[1000000,1000000],"data_offsets":[0,4000000000000]}}`, ""),
		"long shape":       file(`{"a":{"dtype":"F32","shape":[`+strings.Repeat("1,", 400_000)+`1],"data_offsets":[0,4]}}`, "abc"),
		"many metadata":    file(`{"__metadata__":{`+strings.Repeat(`"a":"",`, 100_000)+`"b":""}}`, ""),
		"nested":           file(`{"a":`+strings.Repeat("[", 400_000), ""),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Read(data)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 100*uint64(len(data))+1<<16 {
			t.Errorf("%s: %d bytes are allocated for a file of %d", name, got, len(data))
		}
	}
}
