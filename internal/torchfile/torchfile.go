// Package torchfile reads the tensors of a PyTorch checkpoint (torch.save; .pth, .th, .pt) without PyTorch.
//
// A checkpoint is a Python pickle with the raw numbers of its storages beside it: in a zip archive since PyTorch 1.6,
// appended to the pickle before ("legacy"). A pickle is a program; here it can build nothing but numbers, strings,
// tuples, lists, dicts and tensors. Its opcodes are checked before any is executed: only those that torch.save writes
// at its default protocol 2 pass, arguments may not reach beyond the file, and a class outside a short list
// (collections.OrderedDict, the torch storages, _rebuild_tensor, _rebuild_tensor_v2, _rebuild_parameter) is an error
// that names the class. No code of the file runs.
//
// Not read: TorchScript archives, compressed archives, big-endian files, sparse, complex and PyTorch-quantized tensors,
// whole modules (torch.save(model)); each is an error that says so.
package torchfile

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/nlpodyssey/gopickle/types"

	"github.com/qat-go/qat/internal/regular"
)

// Tensor is one named tensor. Data is row-major whatever the strides in the file. Floating-point types of other widths
// are rounded to the nearest float32 (float16 and bfloat16 exactly); integers and booleans are converted likewise,
// which is exact up to 2^24.
type Tensor struct {
	Name  string
	Dtype string // in the file, as PyTorch names it: "float32", "float16", "int64", ...
	Shape []int
	Data  []float32
}

// Read returns the tensors of the checkpoint at path in the order in which they were saved. See [Parse].
func Read(path string) ([]Tensor, error) {
	data, err := regular.Read(path, 1<<30)
	if err != nil {
		return nil, err
	}
	tensors, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return tensors, nil
}

// Parse returns the tensors of a checkpoint given as bytes.
//
// The checkpoint must be a dict. Its tensors are those of its entry "state_dict", else its own, else those of the only
// entry that is a dict with tensors. Values that are no tensors (epoch, accuracy, ...) are passed over. Names are as
// saved; torch.nn.DataParallel's begin with "module.".
//
// The tensors together may not have more elements than the file has bytes, so views that repeat a small storage cannot
// exhaust the memory.
func Parse(data []byte) (tensors []Tensor, err error) {
	// gopickle indexes and asserts on the word of the file in places: there a malformed pickle panics.
	defer func() {
		if r := recover(); r != nil {
			tensors, err = nil, fmt.Errorf("malformed pickle: %v", r)
		}
	}()
	tensors, err = parse(data)
	if err != nil {
		return nil, err
	}
	return tensors, nil
}

func parse(data []byte) ([]Tensor, error) {
	var root any
	var err error
	switch {
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		root, err = loadZip(data)
	case bytes.HasPrefix(data, []byte(legacyMagic)):
		root, err = loadLegacy(data)
	default:
		return nil, errors.New("neither a zip archive nor a legacy file written by torch.save at pickle protocol 2")
	}
	if err != nil {
		return nil, err
	}
	dict, err := stateDict(root)
	if err != nil {
		return nil, err
	}
	budget := len(data)
	seen := map[string]bool{}
	var tensors []Tensor
	for _, e := range dict {
		v, ok := e.Value.(*view)
		if !ok {
			continue
		}
		name, ok := e.Key.(string)
		if !ok {
			return nil, fmt.Errorf("a tensor's name is a %T; expected a string", e.Key)
		}
		if seen[name] {
			return nil, fmt.Errorf("tensor %q is there twice", name)
		}
		seen[name] = true
		t, err := v.tensor(name, &budget)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		tensors = append(tensors, t)
	}
	return tensors, nil
}

// stateDict finds the dict of tensors as described at [Parse].
func stateDict(root any) ([]types.DictEntry, error) {
	entries, ok := dictEntries(root)
	if !ok {
		return nil, fmt.Errorf("the checkpoint is a %s; expected a dict of tensors", pythonType(root))
	}
	for _, e := range entries {
		if e.Key == any("state_dict") {
			inner, ok := dictEntries(e.Value)
			if !ok || !hasTensors(inner) {
				return nil, fmt.Errorf(`the entry "state_dict" is a %s without tensors; expected a dict of tensors`, pythonType(e.Value))
			}
			return inner, nil
		}
	}
	if hasTensors(entries) {
		return entries, nil
	}
	var found []types.DictEntry
	for _, e := range entries {
		inner, ok := dictEntries(e.Value)
		if !ok || !hasTensors(inner) {
			continue
		}
		if found != nil {
			return nil, errors.New(`several entries hold tensors; expected one, or one called "state_dict"`)
		}
		found = inner
	}
	if found == nil {
		return nil, errors.New("no tensors in the checkpoint's dict or in the dicts directly inside it")
	}
	return found, nil
}

func hasTensors(entries []types.DictEntry) bool {
	for _, e := range entries {
		if _, ok := e.Value.(*view); ok {
			return true
		}
	}
	return false
}

func dictEntries(v any) ([]types.DictEntry, bool) {
	switch d := v.(type) {
	case *types.Dict:
		return *d, true
	case *types.OrderedDict:
		entries := make([]types.DictEntry, 0, d.Len())
		for e := d.List.Front(); e != nil; e = e.Next() {
			entry := e.Value.(*types.OrderedDictEntry)
			entries = append(entries, types.DictEntry{Key: entry.Key, Value: entry.Value})
		}
		return entries, true
	}
	return nil, false
}

// pythonType names the type of v. Values themselves are never printed: a hostile pickle can make them refer to
// themselves.
func pythonType(v any) string {
	switch v.(type) {
	case nil:
		return "None"
	case *types.Dict, *types.OrderedDict:
		return "dict"
	case *types.List:
		return "list"
	case *types.Tuple:
		return "tuple"
	case *view:
		return "tensor"
	case string:
		return "str"
	}
	return fmt.Sprintf("%T", v)
}
