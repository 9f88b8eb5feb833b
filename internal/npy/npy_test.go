package npy

import (
	"archive/zip"
	"bytes"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
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

// Elements of every type are read as they are; what float32 does not have is told, and rounded.
func TestNumbers(t *testing.T) {
	open := func(b []byte) *Reader {
		t.Helper()
		r, err := NewNumbers(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	with := func(dtype string, elements ...byte) []byte {
		return append(Header(dtype, 2), elements...)
	}
	for _, c := range []struct {
		file    []byte
		name    string
		ints    []int64
		floats  []float32
		inexact int
	}{
		{with("|i1", 0xff, 3), "int8", []int64{-1, 3}, []float32{-1, 3}, -1},
		{with("|u1", 0xff, 3), "uint8", []int64{255, 3}, []float32{255, 3}, -1},
		{with("|b1", 0, 1), "bool", []int64{0, 1}, []float32{0, 1}, -1},
		{with("<i2", 0xfe, 0xff, 1, 1), "int16", []int64{-2, 257}, []float32{-2, 257}, -1},
		{with("<u2", 0xfe, 0xff, 1, 1), "uint16", []int64{65534, 257}, []float32{65534, 257}, -1},
		{with("<i4", 0, 0, 0, 1, 1, 0, 0, 1), "int32", []int64{1 << 24, 1<<24 + 1}, []float32{1 << 24, 1 << 24}, 1},
		{with("<u4", 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0), "uint32", []int64{1<<32 - 1, 1}, []float32{1 << 32, 1}, 0},
		{with("<i8", 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0, 0, 0), "int64", []int64{-1, 2}, []float32{-1, 2}, -1},
		{with("<u8", 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0, 0, 0), "uint64", []int64{1<<63 - 1, 2}, []float32{1 << 64, 2}, 0},
		{with("<f8", 0, 0, 0, 0, 0, 0, 0xf8, 0x7f, 0x9a, 0x99, 0x99, 0x99, 0x99, 0x99, 0xb9, 0x3f), "float64", nil, []float32{float32(math.NaN()), 0.1}, 1},
	} {
		r, floats, ints := open(c.file), make([]float32, 2), make([]int64, 2)
		inexact, err := r.Read(floats)
		if err != nil || inexact != c.inexact || floats[1] != c.floats[1] || floats[0] != c.floats[0] && c.floats[0] == c.floats[0] || r.Type.String() != c.name {
			t.Errorf("%s: %v, inexact %d, %v; want %v, %d", c.name, floats, inexact, err, c.floats, c.inexact)
		}
		if err := open(c.file).ReadInts(ints); (err == nil) != (c.ints != nil) || c.ints != nil && !slices.Equal(ints, c.ints) {
			t.Errorf("%s: %v, %v; want %v", c.name, ints, err, c.ints)
		}
		if err := open(c.file).ReadBytes(make([]byte, 2)); (err == nil) != (r.Type.Bytes == 1) {
			t.Errorf("%s read as bytes: %v", c.name, err)
		}
		if _, err := NewReader(bytes.NewReader(c.file), int64(len(c.file))); (err == nil) != (r.Type.Kind == Float) {
			t.Errorf("%s read as floats: %v", c.name, err)
		}
	}
	for _, dtype := range []string{">i4", "<c8", "|S2", "<f2", "|f4", "<i1x", "<u3"} {
		b := append(Header(dtype, 1), make([]byte, 8)...)
		if _, err := NewNumbers(bytes.NewReader(b), int64(len(b))); err == nil || !strings.Contains(err.Error(), "elements are '"+dtype) {
			t.Errorf("%s: %v", dtype, err)
		}
	}
}

// An archive that says of an array more than its bytes can stand for takes no memory for it.
func TestArchiveSizes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.npz")
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	body := AppendFloat32s(Header("<f4", 2), []float32{1, 2})
	for name, size := range map[string]uint64{"good": uint64(len(body)), "huge": 1 << 40} {
		w, err := z.CreateRaw(&zip.FileHeader{Name: name + ".npy", Method: zip.Store, CompressedSize64: uint64(len(body)), UncompressedSize64: size, CRC32: crc32.ChecksumIEEE(body)})
		if err == nil {
			_, err = w.Write(body)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	a, err := OpenArchive(path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	r, c, err := a.Open("good")
	if err != nil || !slices.Equal(r.Shape, []int{2}) || c.Close() != nil || len(a.Names()) != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	for name, want := range map[string]string{"huge": "the archive is damaged: 1099511627776 bytes", "none": `no array "none"`} {
		if _, _, err := a.Open(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
