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

// Reader reads an array of numbers.
type Reader struct {
	Shape []int
	Type  Type
	r     io.Reader
	raw   []byte
}

// Type is that of elements.
type Type struct {
	Kind  Kind
	Bytes int
}

// Kind is NumPy's letter for a kind of numbers.
type Kind byte

const (
	Float    Kind = 'f'
	Signed   Kind = 'i'
	Unsigned Kind = 'u'
	Bool     Kind = 'b'
)

// String is NumPy's name, such as "float32".
func (t Type) String() string {
	switch name := map[Kind]string{Float: "float", Signed: "int", Unsigned: "uint"}[t.Kind]; t.Kind {
	case Bool:
		return "bool"
	default:
		return fmt.Sprint(name, 8*t.Bytes)
	}
}

// maxHeader is more than any header of numbers takes.
const maxHeader = 1 << 16

var (
	descr   = regexp.MustCompile(`'descr'\s*:\s*('[^']*'|\[)`)
	element = regexp.MustCompile(`^'(?:<([fiu])([248])|[<|]([iub])(1))'$`)
	fortran = regexp.MustCompile(`'fortran_order'\s*:\s*(True|False)`)
	shape   = regexp.MustCompile(`'shape'\s*:\s*\(([^)]*)\)`)
)

// NewReader reads the header of a file of a size in bytes, which its elements, floating-point numbers, must fill.
func NewReader(r io.Reader, size int64) (*Reader, error) {
	a, err := NewNumbers(r, size)
	if err == nil && a.Type.Kind != Float {
		return nil, fmt.Errorf("elements are %v; %s", a.Type, wantedFloats)
	}
	return a, err
}

const wantedFloats = "wanted '<f4' or '<f8', little-endian float32 or float64: save x.astype('<f4')"

// NewNumbers is NewReader for elements that may also be integers of any width, or truth values.
func NewNumbers(r io.Reader, size int64) (*Reader, error) {
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
	want := int64(a.Type.Bytes)
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

// ElementError says that elements are no numbers that are read.
type ElementError struct{ Found string } // as the header has it

func (e *ElementError) Error() string {
	return fmt.Sprintf("elements are %s; %s", e.Found, wantedFloats)
}

func (a *Reader) parse(header string) error {
	d, f, s := descr.FindStringSubmatch(header), fortran.FindStringSubmatch(header), shape.FindStringSubmatch(header)
	if d == nil || f == nil || s == nil {
		return fmt.Errorf("the header has no descr, fortran_order or shape")
	}
	e := element.FindStringSubmatch(d[1])
	if e == nil || e[1] == "f" && e[2] == "2" {
		return &ElementError{d[1]}
	}
	a.Type = Type{Kind((e[1] + e[3])[0]), int((e[2] + e[4])[0] - '0')}
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

// next reads the bytes of n elements.
func (a *Reader) next(n int) ([]byte, error) {
	if n *= a.Type.Bytes; len(a.raw) < n {
		a.raw = make([]byte, n)
	}
	switch _, err := io.ReadFull(a.r, a.raw[:n]); {
	case err == io.EOF, err == io.ErrUnexpectedEOF:
		return nil, fmt.Errorf("the elements are cut off: %w", err)
	case err != nil:
		return nil, err
	}
	return a.raw[:n], nil
}

// Read reads the next elements, as many as dst has. What float32 does not have is rounded; inexact is the first element that
// was, -1 if none.
func (a *Reader) Read(dst []float32) (inexact int, err error) {
	raw, err := a.next(len(dst))
	if err != nil {
		return -1, err
	}
	inexact = -1
	for i := range dst {
		exact := true
		switch b := raw[i*a.Type.Bytes:]; {
		case a.Type == Type{Float, 4}:
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(b))
		case a.Type.Kind == Float:
			v := math.Float64frombits(binary.LittleEndian.Uint64(b))
			dst[i] = float32(v)
			exact = float64(dst[i]) == v || v != v
		case a.Type.Kind == Signed:
			v := a.signed(b)
			dst[i] = float32(v)
			exact = -1<<24 <= v && v <= 1<<24
		default:
			v := a.unsigned(b)
			dst[i] = float32(v)
			exact = v <= 1<<24
		}
		if !exact && inexact < 0 {
			inexact = i
		}
	}
	return inexact, nil
}

// ReadBytes reads the next elements of one byte, as many as dst has.
func (a *Reader) ReadBytes(dst []uint8) error {
	if a.Type.Bytes != 1 {
		return fmt.Errorf("elements are %v; wanted bytes", a.Type)
	}
	raw, err := a.next(len(dst))
	copy(dst, raw)
	return err
}

// ReadInts reads the next elements, integers or truth values, as many as dst has. What int64 does not have is [math.MaxInt64].
func (a *Reader) ReadInts(dst []int64) error {
	if a.Type.Kind == Float {
		return fmt.Errorf("elements are %v; wanted integers", a.Type)
	}
	raw, err := a.next(len(dst))
	if err != nil {
		return err
	}
	for i := range dst {
		b := raw[i*a.Type.Bytes:]
		if a.Type.Kind == Signed {
			dst[i] = a.signed(b)
		} else {
			dst[i] = int64(min(a.unsigned(b), math.MaxInt64))
		}
	}
	return nil
}

func (a *Reader) unsigned(b []byte) uint64 {
	switch a.Type.Bytes {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(b))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

func (a *Reader) signed(b []byte) int64 {
	shift := 64 - 8*a.Type.Bytes
	return int64(a.unsigned(b)<<shift) >> shift
}

// AppendFloat32s appends the bytes of elements.
func AppendFloat32s(b []byte, v []float32) []byte {
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}
