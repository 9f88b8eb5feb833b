package torchfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/nlpodyssey/gopickle/types"
)

// legacyMagic is how the number 0x1950a86a20f9469cfc6c is pickled; a pickle of it begins every file of torch.save's legacy
// format, and that of the format's version, 1001, follows.
const legacyMagic = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"

func isLegacy(data []byte) bool {
	return isPickle(data) && bytes.Contains(data[:min(len(data), 32)], []byte(legacyMagic))
}

// isPickle tells the opcode PROTO of the protocols that are read.
func isPickle(data []byte) bool {
	return len(data) > 1 && data[0] == 0x80 && data[1] >= 2 && data[1] <= 5
}

// loadLegacy reads what torch/serialization.py, _legacy_save, writes: the pickles of the magic number, the version, a
// dict about the writer's machine, the object and the keys of its storages, and then for each key the number of its
// elements in 8 bytes and the elements.
func loadLegacy(data []byte) (any, error) {
	rest := data
	var head [3]any // magic number, version, dict
	for i := range head {
		var err error
		if head[i], rest, err = unpickle(rest, nil); err != nil {
			return nil, err
		}
	}
	if head[1] != any(1001) {
		return nil, errors.New("the legacy file is not of version 1001")
	}
	system := head[2]
	if err := checkLittleEndian(system); err != nil {
		return nil, err
	}
	all := storages{}
	root, rest, err := unpickle(rest, func(id *types.Tuple) (any, error) {
		if id.Len() == 4 && id.Get(0) == any("module") { // ("module", class, the path of its source, its source)
			return id.Get(1), nil
		}
		s, _, err := all.load(id, len(data))
		return s, err
	})
	if err != nil {
		return nil, err
	}
	keys, rest, err := unpickle(rest, nil)
	if err != nil {
		return nil, err
	}
	list, ok := keys.(*types.List)
	if !ok {
		return nil, fmt.Errorf("the keys of the storages are %s; expected a list", pythonType(keys))
	}
	for _, k := range *list {
		key, _ := k.(string)
		s, ok := all[key]
		if !ok || s.data != nil {
			return nil, fmt.Errorf("storage %q is listed, but not used, or listed twice", key)
		}
		if len(rest) < 8 {
			return nil, fmt.Errorf("storage %q: the file is truncated", key)
		}
		if n := binary.LittleEndian.Uint64(rest); n != uint64(s.length) {
			return nil, fmt.Errorf("storage %q: the pickle says %d elements, the data says %d", key, s.length, n)
		}
		rest = rest[8:]
		if len(rest) < s.bytes() {
			return nil, fmt.Errorf("storage %q takes %d bytes, but only %d follow (is the file truncated?)", key, s.bytes(), len(rest))
		}
		s.data, rest = rest[:s.bytes():s.bytes()], rest[s.bytes():]
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%d bytes follow the last storage", len(rest))
	}
	return root, nil
}

func checkLittleEndian(system any) error {
	entries, _ := dictEntries(system)
	for _, e := range entries {
		if e.Key == any("little_endian") {
			if e.Value == any(true) {
				return nil
			}
			return errors.New("the file was written on a big-endian machine; only little-endian files are read")
		}
	}
	return errors.New(`the file's third pickle lacks "little_endian" (is this a PyTorch file?)`)
}
