package npy

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func Example() {
	file := AppendFloat32s(Header("<f4", 2, 3), []float32{0, 1, 2, 3, 4, 5})
	r, err := NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		fmt.Println(err)
		return
	}
	row := make([]float32, r.Shape[1])
	for range r.Shape[0] {
		_, err := r.Read(row)
		fmt.Println(err, row)
	}
	// Output:
	// <nil> [0 1 2]
	// <nil> [3 4 5]
}

// file is as numpy.save writes it, with another header and the bytes of two float64 elements, 1 and -2.
func file(version, header string) []byte {
	b := append([]byte(magic), version...)
	if version[0] == 1 {
		b = append(b, byte(len(header)), byte(len(header)>>8))
	} else {
		b = append(b, byte(len(header)), byte(len(header)>>8), 0, 0)
	}
	return append(append(b, header...), 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0)
}

func TestReader(t *testing.T) {
	const good = "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n"
	for _, version := range []string{"\x01\x00", "\x02\x00", "\x03\x00"} {
		f := file(version, good)
		r, err := NewReader(bytes.NewReader(f), int64(len(f)))
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, 2)
		if _, err := r.Read(got); err != nil || !slices.Equal(got, []float32{1, -2}) || !slices.Equal(r.Shape, []int{2}) {
			t.Errorf("version %q: %v %v %v", version, r.Shape, got, err)
		}
		if _, err := r.Read(got); err == nil {
			t.Error("there is more than all")
		}
	}
	for _, c := range []struct{ version, header, want string }{
		{"\x04\x00", good, "version 4"},
		{"\x01\x00", strings.Replace(good, "<f8", ">f8", 1), "elements are '>f8'; wanted '<f4' or '<f8'"},
		{"\x01\x00", strings.Replace(good, "'<f8'", "[('a', '<f8')]", 1), "elements are ["},
		{"\x01\x00", strings.Replace(good, "False", "True", 1), "Fortran order"},
		{"\x01\x00", strings.Replace(good, "(2,)", "(3,)", 1), "takes 24 bytes, the file has 16"},
		{"\x01\x00", strings.Replace(good, "(2,)", "(9223372036854775807, 9223372036854775807)", 1), "too large"},
		{"\x01\x00", strings.Replace(good, "(2,)", "(0, -1)", 1), "wanted sizes"},
		{"\x01\x00", strings.Replace(good, "(2,)", "(x,)", 1), "wanted sizes"},
		{"\x01\x00", "{}", "no descr"},
	} {
		f := file(c.version, c.header)
		if _, err := NewReader(bytes.NewReader(f), int64(len(f))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v; wanted an error with %q", c.header, err, c.want)
		}
	}
	whole := file("\x01\x00", good)
	for n := range len(whole) {
		if _, err := NewReader(bytes.NewReader(whole[:n]), int64(n)); err == nil {
			t.Errorf("%d of %d bytes are read", n, len(whole))
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(file("\x01\x00", "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n"))
	f.Add(AppendFloat32s(Header("<f4", 1, 2), []float32{1, 2}))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		n := 1
		for _, s := range r.Shape {
			n *= s
		}
		if _, err := r.Read(make([]float32, n)); n > len(b) || err != nil {
			t.Errorf("shape %v of %d bytes: %v", r.Shape, len(b), err)
		}
	})
}
