// Package torchfile reads the tensors of a PyTorch checkpoint (torch.save; .pt, .pth, .ckpt, ...) without PyTorch.
//
// A checkpoint is a Python pickle with the raw numbers of its storages beside it: in a zip archive since PyTorch 1.6,
// appended to the pickle before ("legacy"). A pickle is a program; here it can build nothing but numbers, strings,
// tuples, lists, dicts and tensors. Its opcodes are checked before any is executed: only those that Python writes at
// protocols 2 to 5 pass, and arguments may not reach beyond the file. A class or function that the pickle names is only
// a name here, unless it makes a tensor (the torch storages, _rebuild_tensor_v2, _rebuild_parameter, ...): what it is
// called with is kept, and nothing is done. No code of the file runs.
//
// Not read: TorchScript archives, compressed archives, big-endian files, whole modules (torch.save(model)); each is an
// error that says so. Sparse, complex and PyTorch-quantized tensors may be in a checkpoint; reading one is an error.
package torchfile

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Dict is a dict of a checkpoint that holds tensors.
type Dict struct {
	Path    string // the keys that lead to it, joined by dots; "" is the checkpoint itself
	Tensors []Tensor
}

// Tensor is one named tensor, whose numbers are still as they are in the file.
type Tensor struct {
	Name  string
	Dtype string // as PyTorch names it: "float32", "float16", "int64", ...; "" if the tensor cannot be read
	Shape []int
	view  *view
}

// Float32s returns the elements, row-major whatever the strides in the file. Floating-point types of other widths are
// rounded to the nearest float32 (float16 and bfloat16 exactly); integers and booleans are converted likewise, which is
// exact up to 2^24. A view that repeats a small storage has as many elements as Shape says: look at it first.
func (t Tensor) Float32s() ([]float32, error) {
	values, err := t.view.float32s()
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	return values, nil
}

// Is tells by its first bytes that data is what [Parse] is for: a zip archive or a pickle.
func Is(data []byte) bool { return isZip(data) || isPickle(data) }

func isZip(data []byte) bool { return bytes.HasPrefix(data, []byte("PK\x03\x04")) }

// Parse returns all dicts of tensors of a checkpoint given as bytes, the outer before the inner; a dict that is there
// under two keys is there twice. Values that are no tensors (epoch, accuracy, ...) are passed over. Names are as saved;
// torch.nn.DataParallel's begin with "module.".
func Parse(data []byte) (dicts []Dict, err error) {
	// gopickle indexes and asserts on the word of the file in places: there a malformed pickle panics.
	defer func() {
		if r := recover(); r != nil {
			dicts, err = nil, fmt.Errorf("malformed pickle: %v", r)
		}
	}()
	dicts, err = parse(data)
	if err != nil {
		return nil, err
	}
	return dicts, nil
}

func parse(data []byte) ([]Dict, error) {
	var root any
	var err error
	switch {
	case isZip(data):
		root, err = loadZip(data)
	case isLegacy(data):
		root, err = loadLegacy(data)
	default:
		return nil, errors.New("neither a zip archive nor a legacy file written by torch.save at pickle protocols 2 to 5")
	}
	if err != nil {
		return nil, err
	}
	entries, ok := dictEntries(root)
	if !ok {
		return nil, fmt.Errorf("the checkpoint is %s; expected a dict of tensors, such as model.state_dict()", pythonType(root))
	}
	s := search{entries: maxEntries}
	if err := s.dict("", root, 0); err != nil {
		return nil, err
	}
	if len(s.found) == 0 {
		var kinds []string
		for _, e := range entries[:min(len(entries), 3)] {
			if key, ok := e.Key.(string); ok {
				kinds = append(kinds, quoted("%s: ", key)+pythonType(e.Value))
			}
		}
		return nil, fmt.Errorf("no dict of tensors, such as model.state_dict(), in the checkpoint {%s}", strings.Join(kinds, ", "))
	}
	return s.found, nil
}

// Limits of the search for dicts: the same dict may be in many others.
const (
	maxEntries = 1 << 20
	maxDepth   = 8
	maxPath    = 1000 // bytes
)

type search struct {
	entries int // that may still be visited
	found   []Dict
}

// dict collects the dict v, which path leads to, and those inside it.
func (s *search) dict(path string, v any, depth int) error {
	if depth > maxDepth {
		return nil
	}
	if s.entries -= weight(v); s.entries < 0 {
		return fmt.Errorf("the checkpoint's dicts have more than %d entries", maxEntries)
	}
	entries, ok := dictEntries(v)
	if !ok {
		return nil
	}
	d := Dict{Path: path}
	seen := map[string]bool{}
	for _, e := range entries {
		v, ok := e.Value.(*view)
		if !ok {
			continue
		}
		name, ok := e.Key.(string)
		if !ok {
			continue // an optimizer's state has numbers
		}
		if seen[name] {
			return errors.New(quoted("tensor %s is there twice", name))
		}
		seen[name] = true
		t := Tensor{Name: name, Shape: v.shape, view: v}
		if _, err := v.check(); v.unreadable == "" {
			if t.Dtype = v.storage.element.dtype; err != nil && v.storage.element.float32 != nil {
				return fmt.Errorf("%s: %w", quoted("tensor %s", name), err)
			}
		}
		d.Tensors = append(d.Tensors, t)
	}
	if len(d.Tensors) > 0 {
		s.found = append(s.found, d)
	}
	for _, e := range entries {
		key, ok := e.Key.(string)
		if !ok || len(path)+len(key) > maxPath {
			continue
		}
		if path != "" {
			key = path + "." + key
		}
		if err := s.dict(key, e.Value, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// quoted is a message with a word of the file, shortened.
func quoted(format, word string) string {
	return fmt.Sprintf(format, strconv.Quote(word[:min(len(word), 100)]))
}
