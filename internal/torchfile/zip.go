package torchfile

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/nlpodyssey/gopickle/types"
)

// archive is an opened zip file. Entries are uncompressed, so their bytes are slices of the file's: nothing is
// allocated on the word of an entry.
type archive struct {
	data    []byte
	prefix  string // of every entry's name, with the slash
	entries map[string]*zip.File
	// budget is what may still be read, in bytes. Hostile entries can overlap.
	budget int
}

// loadZip reads what torch/serialization.py, _save, writes: NAME/data.pkl is the object, NAME/data/KEY are the
// elements of its storages, and NAME/byteorder, since PyTorch 2.1, says "little" or "big".
func loadZip(data []byte) (any, error) {
	a, err := openArchive(data)
	if err != nil {
		return nil, err
	}
	if _, ok := a.entries[a.prefix+"constants.pkl"]; ok {
		return nil, errors.New("the file is a TorchScript archive; expected a state dict written by torch.save")
	}
	if _, ok := a.entries[a.prefix+"byteorder"]; ok {
		order, err := a.read("byteorder")
		if err != nil {
			return nil, err
		}
		if string(order) != "little" {
			return nil, errors.New("the file was written on a big-endian machine; only little-endian files are read")
		}
	}
	pickle, err := a.read("data.pkl")
	if err != nil {
		return nil, err
	}
	all := storages{}
	root, rest, err := unpickle(pickle, func(id *types.Tuple) (any, error) {
		s, key, err := all.load(id, len(data))
		if err != nil || s.data != nil {
			return s, err
		}
		s.data, err = a.read("data/" + key)
		if err != nil {
			return nil, err
		}
		if len(s.data) != s.bytes() {
			return nil, fmt.Errorf("storage %q takes %d bytes, but its entry in the archive has %d", key, s.bytes(), len(s.data))
		}
		return s, nil
	})
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%d bytes follow the pickle in data.pkl", len(rest))
	}
	return root, nil
}

func openArchive(data []byte) (*archive, error) {
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("zip archive: %w", err)
	}
	a := &archive{data: data, entries: map[string]*zip.File{}, budget: len(data)}
	for _, f := range r.File {
		if _, ok := a.entries[f.Name]; ok {
			return nil, fmt.Errorf("zip archive: entry %q is there twice", f.Name)
		}
		a.entries[f.Name] = f
		folder, name, _ := strings.Cut(f.Name, "/")
		if name == "data.pkl" {
			if a.prefix != "" {
				return nil, errors.New("zip archive: several folders have a data.pkl")
			}
			a.prefix = folder + "/"
		}
	}
	if a.prefix == "" {
		return nil, errors.New("zip archive: no entry NAME/data.pkl; was it written by torch.save?")
	}
	return a, nil
}

// read returns the bytes of an entry after checking its CRC-32.
func (a *archive) read(name string) ([]byte, error) {
	f, ok := a.entries[a.prefix+name]
	if !ok {
		return nil, fmt.Errorf("zip archive: no entry %q", a.prefix+name)
	}
	if f.Method != zip.Store || f.CompressedSize64 != f.UncompressedSize64 {
		return nil, fmt.Errorf("zip archive: entry %q is compressed; torch.save stores entries uncompressed", f.Name)
	}
	begin, err := f.DataOffset()
	if err != nil {
		return nil, fmt.Errorf("zip archive: entry %q: %w", f.Name, err)
	}
	if begin < 0 || begin > int64(len(a.data)) || f.UncompressedSize64 > uint64(int64(len(a.data))-begin) {
		return nil, fmt.Errorf("zip archive: entry %q of %d bytes reaches beyond the file's %d", f.Name, f.UncompressedSize64, len(a.data))
	}
	size := int(f.UncompressedSize64)
	if size > a.budget {
		return nil, fmt.Errorf("zip archive: the entries up to %q have more bytes than the file", f.Name)
	}
	a.budget -= size
	content := a.data[begin : begin+int64(size) : begin+int64(size)]
	if crc := crc32.ChecksumIEEE(content); crc != f.CRC32 {
		return nil, fmt.Errorf("zip archive: entry %q has CRC-32 %08x; expected %08x (is the file damaged?)", f.Name, crc, f.CRC32)
	}
	return content, nil
}
