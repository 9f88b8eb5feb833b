package torchfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

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
	count8                      // a length in eight bytes, then as many bytes
)

// opcodes that Python's picklers write at protocols 2 to 5 for the values in checkpoints, with their arguments. Those of
// protocol 0, of extensions, of out-of-band buffers and of integers beyond 2,040 bits are not among them.
var opcodes = map[byte]argument{
	'\x80': 1, '.': 0, '\x95': 8, // PROTO, STOP, FRAME
	'(': 0, '0': 0, '1': 0, // MARK, POP, POP_MARK
	't': 0, '\x85': 0, '\x86': 0, '\x87': 0, ')': 0, // TUPLE, TUPLE1, TUPLE2, TUPLE3, EMPTY_TUPLE
	'}': 0, 's': 0, 'u': 0, // EMPTY_DICT, SETITEM, SETITEMS
	']': 0, 'a': 0, 'e': 0, // EMPTY_LIST, APPEND, APPENDS
	'\x8f': 0, '\x90': 0, '\x91': 0, // EMPTY_SET, ADDITEMS, FROZENSET
	'N': 0, '\x88': 0, '\x89': 0, // NONE, NEWTRUE, NEWFALSE
	'J': 4, 'K': 1, 'M': 2, 'G': 8, '\x8a': count1, // BININT, BININT1, BININT2, BINFLOAT, LONG1
	'U': count1, 'T': count4, // SHORT_BINSTRING, BINSTRING
	'X': count4, '\x8c': count1, '\x8d': count8, // BINUNICODE, SHORT_BINUNICODE, BINUNICODE8
	'C': count1, 'B': count4, '\x8e': count8, '\x96': count8, // SHORT_BINBYTES, BINBYTES, BINBYTES8, BYTEARRAY8
	'q': 1, 'r': 4, '\x94': 0, 'h': 1, 'j': 4, // BINPUT, LONG_BINPUT, MEMOIZE, BINGET, LONG_BINGET
	'c': lines2, '\x93': 0, // GLOBAL, STACK_GLOBAL
	'R': 0, '\x81': 0, '\x92': 0, 'b': 0, 'Q': 0, // REDUCE, NEWOBJ, NEWOBJ_EX, BUILD, BINPERSID
}

// nameClass pushes what findClass returns for the module and the name on the stack: TUPLE2, BINPERSID.
const nameClass = "\x86Q"

// rewritten is what gopickle is given in the place of opcodes, so that it looks for no class itself, knows no frame, and
// has no set, whose elements it would hash. Sets become lists and tuples, and keyword arguments are dropped.
var rewritten = map[byte]string{
	'\x93': nameClass, // STACK_GLOBAL
	'\x81': "R",       // NEWOBJ
	'\x92': "0R",      // NEWOBJ_EX
	'\x8f': "]",       // EMPTY_SET
	'\x90': "e",       // ADDITEMS
	'\x91': "t",       // FROZENSET
	'\x95': "",        // FRAME
}

// rewrite checks the pickle at the start of b, opcode by opcode and without executing any, and returns what is to be
// executed in its place, and its length.
//
// The check is what makes gopickle safe to use: it resolves some classes before it asks its FindClass hook, and it
// allocates whatever length a string or frame claims, which for a hostile length ends the process.
func rewrite(b []byte) (program []byte, length int, err error) {
	truncated := errors.New("the pickle is truncated")
	marks := 0
	for i := 0; i < len(b); {
		if i > maxPickle {
			return nil, 0, fmt.Errorf("the pickle has more than %d bytes", maxPickle)
		}
		begin, op := i, b[i]
		arg, ok := opcodes[op]
		if !ok {
			return nil, 0, fmt.Errorf("pickle opcode %#02x at byte %d is not one that torch.save writes at pickle protocols 2 to 5", op, i)
		}
		i++
		rest := b[i:]
		n := int(arg)
		switch arg {
		case lines2:
			module, rest1, ok1 := bytes.Cut(rest, []byte{'\n'})
			name, _, ok2 := bytes.Cut(rest1, []byte{'\n'})
			if !ok1 || !ok2 {
				return nil, 0, truncated
			}
			for _, s := range [][]byte{module, name} {
				program = append(binary.LittleEndian.AppendUint32(append(program, 'X'), uint32(len(s))), s...)
			}
			program = append(program, nameClass...)
			i += len(module) + len(name) + 2
			continue
		case count1, count4, count8:
			size := map[argument]int{count1: 1, count4: 4, count8: 8}[arg]
			if len(rest) < size {
				return nil, 0, truncated
			}
			var word [8]byte
			copy(word[:], rest[:size])
			count := binary.LittleEndian.Uint64(word[:])
			if count > uint64(len(rest)-size) {
				return nil, 0, fmt.Errorf("a string at byte %d of the pickle is said to have %d bytes, but only %d follow", begin, count, len(rest)-size)
			}
			n = size + int(count)
		}
		if n > len(rest) {
			return nil, 0, truncated
		}
		i += n
		switch op {
		case '(':
			marks++
			if marks > maxMarks {
				return nil, 0, fmt.Errorf("the pickle nests more than %d deep", maxMarks)
			}
		case 't', 'u', 'e', '1', '\x90', '\x91':
			marks--
		case '\x80':
			if rest[0] < 2 || rest[0] > 5 {
				return nil, 0, fmt.Errorf("pickle protocol %d; expected 2 to 5 (save again without pickle_protocol)", rest[0])
			}
		}
		if other, ok := rewritten[op]; ok {
			program = append(program, other...)
		} else {
			program = append(program, b[begin:i]...)
		}
		if op == '.' {
			return program, i, nil
		}
	}
	return nil, 0, truncated
}

// unpickle executes the pickle at the start of b and returns its value and what follows it. load resolves the
// identifiers of storages; nil where there may be none.
func unpickle(b []byte, load func(id *types.Tuple) (any, error)) (value any, rest []byte, err error) {
	program, n, err := rewrite(b)
	if err != nil {
		return nil, nil, err
	}
	u := pickle.NewUnpickler(bytes.NewReader(program))
	u.FindClass = func(module, name string) (any, error) { return findClass(module, name), nil }
	u.PersistentLoad = func(id any) (any, error) {
		t, ok := id.(*types.Tuple)
		if !ok {
			return nil, errors.New("a persistent identifier is not that of a storage")
		}
		if t.Len() == 2 { // nameClass
			module, ok1 := t.Get(0).(string)
			name, ok2 := t.Get(1).(string)
			if !ok1 || !ok2 {
				return nil, errors.New("the name of a class is not a string")
			}
			return findClass(module, name), nil
		}
		if load == nil {
			return nil, errors.New("a storage where none is expected")
		}
		return load(t)
	}
	value, err = u.Load()
	if err != nil {
		// Shortened, because gopickle's messages can quote most of a malformed pickle.
		return nil, nil, fmt.Errorf("pickle: %.400s", err)
	}
	return value, b[n:], nil
}
