package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/internal/digest"
)

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
		"too large":         {File{Tensors: []Tensor{{Name: "a", Dtype: F32, Shape: []int{1<<30 + 1}, Append: func(b []byte) []byte { return b }}}}, "4294967300 bytes of tensors, more than the 4294967296 that a file can have to be read again"},
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

func TestWriteFileIsWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := WriteFile(path, &File{Tensors: []Tensor{NewTensor("a", nil, []int8{1})}}); err != nil {
		t.Fatal(err)
	}
	if WriteFile(path, &File{Tensors: []Tensor{NewTensor("a", []int{9}, []int8{1})}}) == nil {
		t.Error("a bad tensor was written")
	}
	f, err := ReadFile(path)
	if err != nil {
		t.Fatalf("the old file is damaged: %v", err)
	}
	if got, err := values[int8](f, "a"); err != nil || got[0] != 1 {
		t.Errorf("got %v, %v, want [1]", got, err)
	}
}

// A tensor whose bytes are made when they are wanted gives the same file, with and without a digest; one that makes too few is
// refused.
func TestWriteAppended(t *testing.T) {
	for _, metadata := range []map[string]string{nil, {digest.Key: ""}} {
		there := &File{Metadata: metadata, Tensors: []Tensor{NewTensor("b", []int{2}, []float32{1, 2}), NewTensor("a", []int{3}, []uint8{3, 4, 5})}}
		made := &File{Metadata: metadata}
		for _, x := range there.Tensors {
			made.Tensors = append(made.Tensors, Tensor{Name: x.Name, Dtype: x.Dtype, Shape: x.Shape, Append: func(b []byte) []byte { return append(b, x.Data...) }})
		}
		var want, got bytes.Buffer
		if err := errors.Join(Write(&want, there), Write(&got, made)); err != nil || !bytes.Equal(want.Bytes(), got.Bytes()) {
			t.Errorf("%v: %q, want %q, error %v", metadata, got.Bytes(), want.Bytes(), err)
		}
		made.Tensors[1].Append = func(b []byte) []byte { return append(b, 1, 2) }
		if err := Write(&got, made); err == nil || err.Error() != `tensor "a": its shape takes 3 bytes, found 2` {
			t.Errorf("%v: error %v", metadata, err)
		}
	}
}
