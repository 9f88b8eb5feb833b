// Package npy reads and writes NumPy's array files, format version 1.0 to 3.0
// (https://numpy.org/neps/nep-0001-npy-format.html): little-endian numbers in C order, a row of the first axis at a time,
// so that no file need fit into memory.
package npy

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Header returns the bytes before the elements of an array in C order. dtype is NumPy's name of the element type, such
// as "<f4".
func Header(dtype string, shape ...int) []byte {
	sizes := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(shape)), ", "), "[]")
	if len(shape) == 1 {
		sizes += "," // Python's tuple of one
	}
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", dtype, sizes)
	// Magic, version 1.0 and the header's length take 10 bytes; the data is aligned to 64.
	for (10+len(header)+1)%64 != 0 {
		header += " "
	}
	header += "\n"
	return append(binary.LittleEndian.AppendUint16([]byte(magic+"\x01\x00"), uint16(len(header))), header...)
}

const magic = "\x93NUMPY"

// Reader reads an array of floating-point numbers.
type Reader struct {
	Shape []int
	r     io.Reader
	bytes int // of an element
	raw   []byte
}

// maxHeader is more than any header of numbers takes.
const maxHeader = 1 << 16

var (
	descr   = regexp.MustCompile(`'descr'\s*:\s*('[^']*'|\[)`)
	fortran = regexp.MustCompile(`'fortran_order'\s*:\s*(True|False)`)
	shape   = regexp.MustCompile(`'shape'\s*:\s*\(([^)]*)\)`)
)

// NewReader reads the header of a file of a size in bytes, which its elements must fill.
func NewReader(r io.Reader, size int64) (*Reader, error) {
	head := make([]byte, 12)
	if _, err := io.ReadFull(r, head[:8]); err != nil || string(head[:6]) != magic {
		return nil, fmt.Errorf("not a NumPy array: it does not start with %q", magic)
	}
	length, at := 0, int64(0)
	switch head[6] {
	case 1:
		if _, err := io.ReadFull(r, head[8:10]); err != nil {
			return nil, fmt.Errorf("the header is cut off")
		}
		length, at = int(binary.LittleEndian.Uint16(head[8:])), 10
	case 2, 3:
		if _, err := io.ReadFull(r, head[8:12]); err != nil {
			return nil, fmt.Errorf("the header is cut off")
		}
		length, at = int(min(binary.LittleEndian.Uint32(head[8:]), maxHeader+1)), 12
	default:
		return nil, fmt.Errorf("version %d of the format; wanted 1, 2 or 3", head[6])
	}
	if length > maxHeader {
		return nil, fmt.Errorf("a header of more than %d bytes", maxHeader)
	}
	header := make([]byte, length)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, fmt.Errorf("the header is cut off")
	}
	a := &Reader{r: r}
	if err := a.parse(string(header)); err != nil {
		return nil, err
	}
	want := int64(a.bytes)
	for _, n := range a.Shape {
		if n > 0 && want > math.MaxInt64/int64(n) {
			return nil, fmt.Errorf("the shape %v is too large", a.Shape)
		}
		want *= int64(n)
	}
	if have := size - at - int64(length); have != want {
		return nil, fmt.Errorf("the shape %v takes %d bytes, the file has %d", a.Shape, want, have)
	}
	return a, nil
}

func (a *Reader) parse(header string) error {
	d, f, s := descr.FindStringSubmatch(header), fortran.FindStringSubmatch(header), shape.FindStringSubmatch(header)
	if d == nil || f == nil || s == nil {
		return fmt.Errorf("the header has no descr, fortran_order or shape")
	}
	switch d[1] {
	case "'<f4'":
		a.bytes = 4
	case "'<f8'":
		a.bytes = 8
	default:
		return fmt.Errorf("elements are %s; wanted '<f4' or '<f8', little-endian float32 or float64: save x.astype('<f4')", d[1])
	}
	if f[1] == "True" {
		return fmt.Errorf("the array is in Fortran order; save numpy.ascontiguousarray(x)")
	}
	for _, n := range strings.Split(strings.TrimSuffix(strings.TrimSpace(s[1]), ","), ",") {
		v, err := strconv.Atoi(strings.TrimSpace(n))
		if err != nil || v < 0 {
			return fmt.Errorf("the shape is (%s); wanted sizes", s[1])
		}
		a.Shape = append(a.Shape, v)
	}
	return nil
}

// Read reads the next elements, as many as dst has. Those of float64 are rounded to float32.
func (a *Reader) Read(dst []float32) error {
	if n := len(dst) * a.bytes; len(a.raw) < n {
		a.raw = make([]byte, n)
	}
	raw := a.raw[:len(dst)*a.bytes]
	if _, err := io.ReadFull(a.r, raw); err != nil {
		return fmt.Errorf("the elements are cut off: %w", err)
	}
	for i := range dst {
		if a.bytes == 4 {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		} else {
			dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:])))
		}
	}
	return nil
}

// AppendFloat32s appends the bytes of elements.
func AppendFloat32s(b []byte, v []float32) []byte {
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}
