package torchfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/nlpodyssey/gopickle/pickle"
	"github.com/nlpodyssey/gopickle/types"
)

// Limits of what a pickle may make the unpickler allocate. A checkpoint's pickle takes about 150 bytes a tensor, and
// gopickle allocates up to about 300 bytes for one byte of it (an opened mark).
const (
	maxPickle = 4 << 20
	maxMarks  = 1000 // nesting of dicts, lists and tuples
)

// argument says how many bytes follow an opcode.
type argument int

// Arguments of variable length are below 0.
const (
	lines2 argument = -iota - 1 // two lines, a class
	count1                      // a length in one byte, then as many bytes
	count4                      // a length in four bytes, then as many bytes
)

// opcodes that torch.save's default protocol 2 writes, from Python 2 or 3, with their arguments. It is about the set of
// torch/_weights_only_unpickler.py.
var opcodes = map[byte]argument{
	'\x80': 1, '.': 0, // PROTO, STOP
	'(': 0, 't': 0, '\x85': 0, '\x86': 0, '\x87': 0, ')': 0, // MARK, TUPLE, TUPLE1, TUPLE2, TUPLE3, EMPTY_TUPLE
	'}': 0, 's': 0, 'u': 0, // EMPTY_DICT, SETITEM, SETITEMS
	']': 0, 'a': 0, 'e': 0, // EMPTY_LIST, APPEND, APPENDS
	'N': 0, '\x88': 0, '\x89': 0, // NONE, NEWTRUE, NEWFALSE
	'J': 4, 'K': 1, 'M': 2, 'G': 8, '\x8a': count1, // BININT, BININT1, BININT2, BINFLOAT, LONG1
	'U': count1, 'T': count4, 'X': count4, // SHORT_BINSTRING, BINSTRING, BINUNICODE
	'q': 1, 'r': 4, 'h': 1, 'j': 4, // BINPUT, LONG_BINPUT, BINGET, LONG_BINGET
	'c': lines2, 'R': 0, 'b': 0, 'Q': 0, // GLOBAL, REDUCE, BUILD, BINPERSID
}

// pickleLength checks the pickle at the start of b, opcode by opcode and without executing any, and returns its length.
//
// It is needed beside gopickle's FindClass hook: gopickle resolves some classes before it asks the hook, and it
// allocates whatever length a string or frame claims, which for a hostile length ends the process.
func pickleLength(b []byte) (int, error) {
	marks := 0
	for i := 0; i < len(b); {
		if i > maxPickle {
			return 0, fmt.Errorf("the pickle has more than %d bytes", maxPickle)
		}
		op := b[i]
		arg, ok := opcodes[op]
		if !ok {
			return 0, fmt.Errorf("pickle opcode %#02x at byte %d is not one that torch.save writes at pickle protocol 2", op, i)
		}
		i++
		rest := b[i:]
		n := int(arg)
		switch arg {
		case lines2:
			module, rest1, ok1 := bytes.Cut(rest, []byte{'\n'})
			name, _, ok2 := bytes.Cut(rest1, []byte{'\n'})
			if !ok1 || !ok2 {
				return 0, errors.New("the pickle is truncated")
			}
			if _, err := findClass(string(module), string(name)); err != nil {
				return 0, err
			}
			n = len(module) + len(name) + 2
		case count1:
			if len(rest) < 1 {
				return 0, errors.New("the pickle is truncated")
			}
			n = 1 + int(rest[0])
		case count4:
			if len(rest) < 4 {
				return 0, errors.New("the pickle is truncated")
			}
			length := binary.LittleEndian.Uint32(rest)
			if uint64(length) > uint64(len(rest)-4) {
				return 0, fmt.Errorf("a string at byte %d of the pickle is said to have %d bytes, but only %d follow", i-1, length, len(rest)-4)
			}
			n = 4 + int(length)
		}
		if n > len(rest) {
			return 0, errors.New("the pickle is truncated")
		}
		i += n
		switch op {
		case '(':
			marks++
			if marks > maxMarks {
				return 0, fmt.Errorf("the pickle nests more than %d deep", maxMarks)
			}
		case 't', 'u', 'e':
			marks--
		case '\x80':
			if rest[0] != 2 {
				return 0, fmt.Errorf("pickle protocol %d; expected 2, torch.save's default (save again without pickle_protocol)", rest[0])
			}
		case '.':
			return i, nil
		}
	}
	return 0, errors.New("the pickle is truncated")
}

// unpickle executes the pickle at the start of b and returns its value and what follows it. load resolves the
// identifiers of storages; nil where there may be none.
func unpickle(b []byte, load func(id any) (any, error)) (value any, rest []byte, err error) {
	n, err := pickleLength(b)
	if err != nil {
		return nil, nil, err
	}
	u := pickle.NewUnpickler(bytes.NewReader(b[:n]))
	u.FindClass = findClass
	u.PersistentLoad = load
	value, err = u.Load()
	if err != nil {
		// Shortened, because gopickle's messages can quote most of a malformed pickle.
		return nil, nil, fmt.Errorf("pickle: %.400s", err)
	}
	return value, b[n:], nil
}

// findClass is the list of classes that a checkpoint may name.
func findClass(module, name string) (any, error) {
	switch module {
	case "collections":
		if name == "OrderedDict" {
			return &types.OrderedDictClass{}, nil
		}
	case "torch._utils":
		switch name {
		case "_rebuild_tensor", "_rebuild_tensor_v2":
			return function(rebuildTensor), nil
		case "_rebuild_parameter":
			return function(rebuildParameter), nil
		}
	case "torch":
		if e, ok := elements[strings.TrimSuffix(name, "Storage")]; ok && strings.HasSuffix(name, "Storage") {
			return e, nil
		}
	}
	return nil, fmt.Errorf("class %q is not allowed in a checkpoint; only tensors, numbers, strings, tuples, lists and dicts are read (save model.state_dict() alone)", module+"."+name)
}

// function makes a Go function callable by the REDUCE opcode.
type function func(args []any) (any, error)

// Call implements gopickle's types.Callable.
func (f function) Call(args ...any) (any, error) { return f(args) }
