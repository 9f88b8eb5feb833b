package torchfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/nlpodyssey/gopickle/types"
)

// element is the type of a storage's elements.
type element struct {
	dtype   string
	size    int                    // bytes
	float32 func(b []byte) float32 // nil if no float32 stands for it
}

var little = binary.LittleEndian

// elements by the names of PyTorch's storage classes, less "Storage".
var elements = map[string]*element{
	"Float":    {"float32", 4, func(b []byte) float32 { return math.Float32frombits(little.Uint32(b)) }},
	"Double":   {"float64", 8, func(b []byte) float32 { return float32(math.Float64frombits(little.Uint64(b))) }},
	"Half":     {"float16", 2, func(b []byte) float32 { return halfToFloat32(little.Uint16(b)) }},
	"BFloat16": {"bfloat16", 2, func(b []byte) float32 { return math.Float32frombits(uint32(little.Uint16(b)) << 16) }},
	"Long":     {"int64", 8, func(b []byte) float32 { return float32(int64(little.Uint64(b))) }},
	"Int":      {"int32", 4, func(b []byte) float32 { return float32(int32(little.Uint32(b))) }},
	"Short":    {"int16", 2, func(b []byte) float32 { return float32(int16(little.Uint16(b))) }},
	"Char":     {"int8", 1, func(b []byte) float32 { return float32(int8(b[0])) }},
	"Byte":     {"uint8", 1, func(b []byte) float32 { return float32(b[0]) }},
	"Bool":     {"bool", 1, func(b []byte) float32 { return float32(min(b[0], 1)) }},

	"ComplexFloat":  {"complex64", 8, nil},
	"ComplexDouble": {"complex128", 16, nil},
	"QInt8":         {"qint8", 1, nil},
	"QUInt8":        {"quint8", 1, nil},
	"QInt32":        {"qint32", 4, nil},
	"QUInt4x2":      {"quint4x2", 1, nil},
	"QUInt2x4":      {"quint2x4", 1, nil},
	"Untyped":       {"bytes", 1, nil},
}

// halfToFloat32 widens an IEEE 754 binary16 value. (gopickle's own conversion is wrong for subnormals.)
func halfToFloat32(h uint16) float32 {
	bits := uint32(h&0x7fff) << 13
	if h&0x7c00 == 0x7c00 { // Inf and NaN
		return math.Float32frombits(uint32(h&0x8000)<<16 | 0x7f800000 | bits)
	}
	// Exponent and fraction are in place, but for the difference of the two biases, 127-15.
	wide := math.Float32frombits(bits) * 0x1p112
	return math.Float32frombits(uint32(h&0x8000)<<16 | math.Float32bits(wide))
}

// storage is a flat array of elements; its bytes are known after the pickle in a legacy file.
type storage struct {
	element *element
	length  int // elements
	data    []byte
}

// bytes is the storage's size. It does not overflow for lengths that were checked by storages.load.
func (s *storage) bytes() int { return s.length * s.element.size }

// GoString keeps the data out of gopickle's error messages.
func (s *storage) GoString() string { return "storage" }

// storages by the key that the pickle gives them.
type storages map[string]*storage

// load resolves ("storage", class, key, location, length, view), the persistent identifier of a storage. The view is
// absent in zip archives and None in all but very old files. No storage can be longer than the file's size, limit.
func (all storages) load(t *types.Tuple, limit int) (*storage, string, error) {
	if t.Len() < 5 || t.Get(0) != any("storage") {
		return nil, "", errors.New("a persistent identifier is not that of a storage")
	}
	if c, ok := t.Get(1).(class); ok {
		return nil, "", errors.New(quoted("a storage is of the unknown class %s", string(c)))
	}
	e, ok1 := t.Get(1).(*element)
	key, ok2 := t.Get(2).(string)
	length, ok3 := t.Get(4).(int)
	if !ok1 || !ok2 || !ok3 {
		return nil, "", errors.New("the identifier of a storage is malformed")
	}
	if t.Len() > 5 && t.Get(5) != nil {
		return nil, "", fmt.Errorf("storage %q is a view of another storage, as only PyTorch before 0.4 wrote; load and save it with a newer version", key)
	}
	if length < 0 || length > limit/e.size {
		return nil, "", fmt.Errorf("storage %q is said to have %d elements of %d bytes, but the file has %d bytes", key, length, e.size, limit)
	}
	s, ok := all[key]
	if !ok {
		s = &storage{element: e, length: length}
		all[key] = s
	}
	if s.element != e || s.length != length {
		return nil, "", fmt.Errorf("storage %q is used as %d elements of %s and as %d of %s", key, s.length, s.element.dtype, length, e.dtype)
	}
	return s, key, nil
}

// view is a tensor as the pickle describes it: a strided view of a storage.
type view struct {
	storage       *storage
	offset        int // elements
	shape, stride []int
	unreadable    string // what keeps it from being read, else ""
}

// unreadable is what makes a tensor of a kind that is not read. It may be beside those that are wanted.
func unreadable(why string) function {
	return func([]any) (any, error) { return &view{unreadable: why}, nil }
}

// rebuildTensor takes the arguments of torch._utils._rebuild_tensor(storage, offset, size, stride); those that
// _rebuild_tensor_v2 adds (requires_grad, backward_hooks) do not change the values; a seventh, metadata, may.
func rebuildTensor(args []any) (any, error) {
	if len(args) < 4 {
		return nil, fmt.Errorf("_rebuild_tensor has %d arguments; expected at least 4", len(args))
	}
	if len(args) > 6 && weight(args[6]) > 0 {
		return unreadable("it is a view that PyTorch has yet to conjugate or negate; save its resolve_conj().resolve_neg()")(nil)
	}
	s, ok1 := args[0].(*storage)
	offset, ok2 := args[1].(int)
	shape, ok3 := integers(args[2])
	stride, ok4 := integers(args[3])
	if !ok1 || !ok2 || !ok3 || !ok4 || len(shape) != len(stride) {
		return nil, errors.New("_rebuild_tensor has malformed arguments; expected (storage, offset, size, stride)")
	}
	return &view{storage: s, offset: offset, shape: shape, stride: stride}, nil
}

// rebuildFromType takes the arguments of torch._tensor._rebuild_from_type_v2(function, type, arguments, state): a tensor
// with attributes, or of a subclass.
func rebuildFromType(args []any) (any, error) {
	if len(args) >= 3 {
		f, ok1 := args[0].(function)
		t, ok2 := args[2].(*types.Tuple)
		if ok1 && ok2 {
			return f(*t)
		}
	}
	return unreadable("it is of a subclass that is not read")(nil)
}

// rebuildParameter takes the arguments of torch._utils._rebuild_parameter(tensor, requires_grad, backward_hooks).
func rebuildParameter(args []any) (any, error) {
	if len(args) > 0 {
		if v, ok := args[0].(*view); ok {
			return v, nil
		}
	}
	return nil, errors.New("_rebuild_parameter has malformed arguments; expected a tensor first")
}

func integers(v any) ([]int, bool) {
	t, ok := v.(*types.Tuple)
	if !ok {
		return nil, false
	}
	out := make([]int, t.Len())
	for i := range out {
		if out[i], ok = t.Get(i).(int); !ok {
			return nil, false
		}
	}
	return out, true
}

// float32s copies the view's elements, row-major.
func (v *view) float32s() ([]float32, error) {
	n, err := v.check()
	if err != nil {
		return nil, err
	}
	out := make([]float32, n)
	e := v.storage.element
	index := make([]int, len(v.shape))
	at := v.offset
	for i := range out {
		out[i] = e.float32(v.storage.data[at*e.size:])
		// Count index up, the last dimension fastest, and keep at = offset + index.stride.
		for d := len(index) - 1; d >= 0; d-- {
			index[d]++
			at += v.stride[d]
			if index[d] < v.shape[d] {
				break
			}
			at -= index[d] * v.stride[d]
			index[d] = 0
		}
	}
	return out, nil
}

// check returns the number of elements, or an error if the view reaches outside its storage.
func (v *view) check() (n int, err error) {
	if v.unreadable != "" {
		return 0, errors.New(v.unreadable)
	}
	if v.storage.element.float32 == nil {
		return 0, fmt.Errorf("it has the dtype %s, which is not read", v.storage.element.dtype)
	}
	outside := fmt.Errorf("shape %v, stride %v and offset %d reach outside its storage of %d elements", v.shape, v.stride, v.offset, v.storage.length)
	if len(v.storage.data) != v.storage.bytes() {
		return 0, errors.New("its storage is missing")
	}
	n = 1
	for _, d := range v.shape {
		switch {
		case d < 0:
			return 0, outside
		case d > 0 && n > math.MaxInt/d:
			return 0, outside
		}
		n *= d
	}
	if n == 0 {
		return 0, nil
	}
	last := v.offset
	for i, d := range v.shape {
		stride := v.stride[i]
		if stride < 0 || last < 0 || d > 1 && stride > (math.MaxInt-last)/(d-1) {
			return 0, outside
		}
		last += (d - 1) * stride
	}
	if last < 0 || last >= v.storage.length {
		return 0, outside
	}
	return n, nil
}
