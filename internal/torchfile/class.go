package torchfile

import (
	"slices"
	"strings"

	"github.com/nlpodyssey/gopickle/types"
)

// findClass returns what stands for a class or a function of Python. Those that make tensors do so; any other only
// remembers its name and what it is called with.
func findClass(module, name string) any {
	switch module {
	case "torch._utils":
		switch name {
		case "_rebuild_tensor", "_rebuild_tensor_v2":
			return function(rebuildTensor)
		case "_rebuild_parameter", "_rebuild_parameter_with_state":
			return function(rebuildParameter)
		case "_rebuild_sparse_tensor", "_rebuild_sparse_csr_tensor":
			return unreadable("it is sparse; save its to_dense()")
		case "_rebuild_qtensor":
			return unreadable("it is quantized by PyTorch; save its dequantize()")
		case "_rebuild_meta_tensor_no_storage":
			return unreadable("it has no values (device meta)")
		}
		if strings.HasPrefix(name, "_rebuild_") {
			return unreadable("it is of a kind that is not read (" + module + "." + name + ")")
		}
	case "torch._tensor":
		if name == "_rebuild_from_type_v2" || name == "_rebuild_from_type" {
			return function(rebuildFromType)
		}
	case "torch", "torch.storage":
		if kind, ok := strings.CutSuffix(name, "Storage"); ok && elements[kind] != nil {
			return elements[kind]
		}
	}
	return class(module + "." + name)
}

// function makes a Go function callable by the REDUCE opcode.
type function func(args []any) (any, error)

// Call implements gopickle's types.Callable.
func (f function) Call(args ...any) (any, error) { return f(args) }

// class is a class or function that nothing is known of but its name.
type class string

// Call implements gopickle's types.Callable.
func (c class) Call(args ...any) (any, error) { return &object{class: c, args: args}, nil }

// object is what a call of a class gave. It takes what a pickle may do to an object and does nothing.
type object struct {
	class   class
	args    []any
	entries []types.DictEntry // set like a dict's
}

// Call implements gopickle's types.Callable: the object may be a function in Python.
func (o *object) Call(args ...any) (any, error) { return &object{class: o.class, args: args}, nil }

// PySetState implements gopickle's types.PyStateSettable.
func (*object) PySetState(any) error { return nil }

// Append implements gopickle's types.ListAppender.
func (*object) Append(any) {}

// Set implements gopickle's types.DictSetter.
func (o *object) Set(key, value any) {
	o.entries = append(o.entries, types.DictEntry{Key: key, Value: value})
}

// GoString keeps the values out of gopickle's error messages.
func (o *object) GoString() string { return "an object of " + string(o.class) }

// dictEntries returns the entries of a dict or of an object that holds some like one: an OrderedDict, a defaultdict, a
// class of the user's. Such an object may have been made of a dict, or of a list of pairs, as Python 2 has it.
func dictEntries(v any) ([]types.DictEntry, bool) {
	switch d := v.(type) {
	case *types.Dict:
		return *d, true
	case *object:
		entries := slices.Clone(d.entries)
		switch first := d.first().(type) {
		case *types.Dict:
			entries = append(entries, *first...)
		case *types.List:
			for _, item := range *first {
				if pair, ok := item.(*types.List); ok && pair.Len() == 2 {
					entries = append(entries, types.DictEntry{Key: pair.Get(0), Value: pair.Get(1)})
				}
			}
		}
		return entries, len(entries) > 0 || d.class == "collections.OrderedDict"
	}
	return nil, false
}

// first is the only argument that the object was made of, nil if it was not one.
func (o *object) first() any {
	if len(o.args) != 1 {
		return nil
	}
	return o.args[0]
}

// weight bounds what dictEntries does.
func weight(v any) int {
	switch d := v.(type) {
	case *types.Dict:
		return d.Len()
	case *types.List:
		return d.Len()
	case *object:
		n := len(d.entries)
		if _, nested := d.first().(*object); !nested {
			n += weight(d.first())
		}
		return n
	}
	return 0
}

// pythonType names the type of v, with its article. Values themselves are never printed: a hostile pickle can make them refer to
// themselves.
func pythonType(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case *types.Dict:
		return "a dict"
	case *types.List:
		return "a list"
	case *types.Tuple:
		return "a tuple"
	case *view:
		return "a tensor"
	case string:
		return "a str"
	case int:
		return "an int"
	case float64:
		return "a float"
	case bool:
		return "a bool"
	case class:
		return "a class"
	case *object:
		return quoted("an object of class %s", string(v.class))
	}
	return "a value"
}
