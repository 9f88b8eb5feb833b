package safetensors

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/qat-go/qat/internal/atomicfile"
	"github.com/qat-go/qat/internal/digest"
)

// WriteFile writes f to path, whole or not at all: the bytes go to a temporary file in the same folder, which is synced
// and then renamed. After an error nothing is left behind and a file that was at path before is as it was.
func WriteFile(path string, f *File) error {
	return atomicfile.Write(path, func(w io.Writer) error { return Write(w, f) })
}

// Write writes f to w in the order that the package comment defines; f is not modified. Nothing is written if a name is
// repeated, reserved or not UTF-8, or if a tensor's dtype, shape and data disagree. A file whose metadata has the key
// [digest.Key], whatever the value, gets a digest.
func Write(w io.Writer, f *File) error {
	tensors := slices.SortedFunc(slices.Values(f.Tensors), func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(a.Dtype.rank(), b.Dtype.rank()), cmp.Compare(a.Name, b.Name))
	})
	header, err := buildHeader(tensors, f.Metadata)
	if err != nil {
		return err
	}
	header = append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...)
	var buffer []byte
	data := func(yield func([]byte) bool) {
		for _, t := range tensors {
			d := t.Data
			if t.Append != nil {
				buffer = t.Append(buffer[:0])
				d = buffer
			}
			if !yield(d) {
				return
			}
		}
	}
	if _, ok := f.Metadata[digest.Key]; ok {
		if err := digest.SealSeq(digestMarker, header, data); err != nil {
			return err
		}
	}
	out := bufio.NewWriter(w)
	if _, err := out.Write(header); err != nil {
		return err
	}
	at := 0
	for d := range data {
		if want, _ := tensors[at].size(); len(d) != want {
			return fmt.Errorf("tensor %q: its shape takes %d bytes, found %d", tensors[at].Name, want, len(d))
		}
		if _, err := out.Write(d); err != nil {
			return err
		}
		at++
	}
	return out.Flush()
}

// buildHeader returns the padded JSON header of tensors stored in this order.
func buildHeader(tensors []Tensor, metadata map[string]string) ([]byte, error) {
	header := []byte{'{'}
	separator := ""
	add := func(key string, value any) error {
		k, err := EncodeJSON(key)
		if err != nil {
			return err
		}
		v, err := EncodeJSON(value)
		if err != nil {
			return err
		}
		header = fmt.Appendf(header, "%s%s:%s", separator, k, v)
		separator = ","
		return nil
	}
	if len(metadata) > 0 {
		if _, ok := metadata[digest.Key]; ok {
			metadata = maps.Clone(metadata)
			metadata[digest.Key] = digest.Placeholder
		}
		for _, k := range slices.Sorted(maps.Keys(metadata)) {
			if !utf8.ValidString(k) || !utf8.ValidString(metadata[k]) {
				return nil, fmt.Errorf("metadata %q is not valid UTF-8", k)
			}
		}
		if err := add(metadataKey, metadata); err != nil {
			return nil, err
		}
	}
	seen := map[string]bool{metadataKey: true}
	begin := 0
	for _, t := range tensors {
		if seen[t.Name] {
			return nil, fmt.Errorf("tensor %q: the name is used twice or reserved", t.Name)
		}
		seen[t.Name] = true
		if !utf8.ValidString(t.Name) {
			return nil, fmt.Errorf("tensor %q: the name is not valid UTF-8", t.Name)
		}
		if err := t.check(); err != nil {
			return nil, err
		}
		size, err := t.size()
		if err != nil {
			return nil, err
		}
		info := struct {
			Dtype   Dtype  `json:"dtype"`
			Shape   []int  `json:"shape"`
			Offsets [2]int `json:"data_offsets"`
		}{t.Dtype, append([]int{}, t.Shape...), [2]int{begin, begin + size}}
		if err := add(t.Name, info); err != nil {
			return nil, err
		}
		begin += size
	}
	if err := Fits(int64(begin)); err != nil {
		return nil, err
	}
	header = append(header, '}')
	for len(header)%8 != 0 {
		header = append(header, ' ')
	}
	if len(header) > maxHeader {
		return nil, fmt.Errorf("the header takes %d bytes; at most %d are allowed", len(header), maxHeader)
	}
	return header, nil
}

// EncodeJSON is json.Marshal without its escapes for HTML, which the reference implementation does not write.
func EncodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), err
}
