package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"
)

// MaxFile is the size of the largest file that is read, or written, in bytes: twice what the largest network of the zoo, VGG-16
// with its 138 million parameters, takes with Adam's moments and averages.
const MaxFile = 1 << 32

// Fits reports so many bytes of tensors that are more than a file can have to be read again.
func Fits(size int64) error {
	if size > MaxFile {
		return fmt.Errorf("%d bytes of tensors, more than the %d that a file can have to be read again", size, int64(MaxFile))
	}
	return nil
}

// maxHeader is the reference implementation's limit on the length of the JSON header, in bytes.
const maxHeader = 100_000_000

const metadataKey = "__metadata__"

// ReadFile reads the safetensors file at path, as Read does.
func ReadFile(path string) (*File, error) { return Reading{}.File(path) }

// CheckHead reports what cannot be the first bytes of a safetensors file of the given size.
func CheckHead(head []byte, size int64) error {
	if len(head) < 8 {
		return fmt.Errorf("the file has %d bytes; expected at least 8 for the header's length", size)
	}
	n := binary.LittleEndian.Uint64(head)
	if n > maxHeader {
		return fmt.Errorf("the header is said to have %d bytes; at most %d are allowed (is this a safetensors file?)", n, maxHeader)
	}
	if n > uint64(size-8) {
		return fmt.Errorf("the header is said to have %d bytes, but only %d follow (is the file truncated?)", n, size-8)
	}
	if n == 0 || head[8] != '{' {
		return errors.New(`the header does not begin with "{" (is this a safetensors file?)`)
	}
	return nil
}

// Read parses the bytes of a safetensors file. The tensors' Data alias them.
//
// It returns an error unless the header is well-formed JSON without repeated or unknown keys, every shape matches its
// data_offsets, the tensors fill the data from its first byte to its last without gap or overlap, and the digest, if the
// file has one, is right.
func Read(data []byte) (*File, error) {
	f, err := read(data)
	if err == nil {
		err = f.checkDigest(data)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

func read(data []byte) (*File, error) {
	if err := CheckHead(data, int64(len(data))); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(data)
	data = data[8:]
	header, data := data[:n], data[n:]
	// The decoder would replace invalid bytes, and two different names could become one.
	if !utf8.Valid(header) {
		return nil, errors.New("the header is not valid UTF-8")
	}
	f, ranges, err := parseHeader(header)
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if err := f.attach(ranges, data); err != nil {
		return nil, err
	}
	return f, nil
}

// span is the half-open range of data bytes of File.Tensors[tensor].
type span struct{ begin, end, tensor int }

// attach gives every tensor its bytes and puts the tensors in data order.
func (f *File) attach(spans []span, data []byte) error {
	slices.SortFunc(spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end),
			cmp.Compare(f.Tensors[a.tensor].Name, f.Tensors[b.tensor].Name))
	})
	ordered := make([]Tensor, 0, len(spans))
	filled := 0
	for _, s := range spans {
		t := f.Tensors[s.tensor]
		switch {
		case s.begin > s.end || s.end > len(data):
			return fmt.Errorf("tensor %q: data_offsets [%d, %d] are not a range within the file's %d data bytes", t.Name, s.begin, s.end, len(data))
		case s.begin < filled:
			return fmt.Errorf("tensor %q: data_offsets [%d, %d] overlap another tensor, which ends at %d", t.Name, s.begin, s.end, filled)
		case s.begin > filled:
			return fmt.Errorf("tensor %q: data_offsets [%d, %d] leave a gap after %d", t.Name, s.begin, s.end, filled)
		}
		t.Data = data[s.begin:s.end:s.end]
		if err := t.check(); err != nil {
			return err
		}
		ordered = append(ordered, t)
		filled = s.end
	}
	if filled != len(data) {
		return fmt.Errorf("%d bytes follow the last tensor", len(data)-filled)
	}
	f.Tensors = ordered
	return nil
}

// parseHeader reads the JSON token by token: unmarshalling would accept repeated keys and other spellings of a key.
func parseHeader(header []byte) (*File, []span, error) {
	d := json.NewDecoder(bytes.NewReader(header))
	d.UseNumber()
	f := &File{Metadata: map[string]string{}}
	var spans []span
	err := object(d, func(key string) error {
		if key == metadataKey {
			return object(d, func(key string) (err error) {
				f.Metadata[key], err = str(d)
				return err
			})
		}
		t, s, err := tensorInfo(d, key)
		if err != nil {
			return err
		}
		s.tensor = len(f.Tensors)
		f.Tensors = append(f.Tensors, t)
		spans = append(spans, s)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, nil, fmt.Errorf("unexpected text after the JSON object, at byte %d", d.InputOffset())
	}
	return f, spans, nil
}

func tensorInfo(d *json.Decoder, name string) (Tensor, span, error) {
	t, keys := Tensor{Name: name}, 0
	var offsets []int
	err := object(d, func(key string) (err error) {
		keys++
		switch key {
		case "dtype":
			var dtype string
			dtype, err = str(d)
			t.Dtype = Dtype(dtype)
		case "shape":
			t.Shape, err = integers(d)
		case "data_offsets":
			offsets, err = integers(d)
		default:
			err = errors.New(`unexpected key; expected one of "dtype", "shape", "data_offsets"`)
		}
		return err
	})
	if err != nil {
		return t, span{}, fmt.Errorf("tensor %q: %w", name, err)
	}
	if keys != 3 {
		return t, span{}, fmt.Errorf(`tensor %q: %d of the keys "dtype", "shape", "data_offsets" found; all are needed`, name, keys)
	}
	if len(offsets) != 2 {
		return t, span{}, fmt.Errorf("tensor %q: data_offsets has %d numbers; expected 2", name, len(offsets))
	}
	return t, span{begin: offsets[0], end: offsets[1]}, nil
}

// object reads one JSON object, calling value at each key to read the value; a repeated key is an error.
func object(d *json.Decoder, value func(key string) error) error {
	if err := delim(d, '{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for d.More() {
		key, err := str(d)
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("key %q is there twice", key)
		}
		seen[key] = true
		if err := value(key); err != nil {
			return fmt.Errorf("key %q: %w", key, err)
		}
	}
	return delim(d, '}')
}

// integers reads one JSON array of non-negative integers.
func integers(d *json.Decoder) ([]int, error) {
	if err := delim(d, '['); err != nil {
		return nil, err
	}
	out := []int{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		number, ok := token.(json.Number)
		if !ok {
			return nil, fmt.Errorf("expected an integer, found %v", token)
		}
		n, err := strconv.Atoi(number.String())
		if err != nil || n < 0 {
			return nil, fmt.Errorf("expected an integer of 0 or more that fits %d bits, found %s", strconv.IntSize-1, number)
		}
		out = append(out, n)
	}
	return out, delim(d, ']')
}

func str(d *json.Decoder) (string, error) {
	token, err := d.Token()
	if err != nil {
		return "", err
	}
	s, ok := token.(string)
	if !ok {
		return "", fmt.Errorf("expected a string, found %v", token)
	}
	return s, nil
}

func delim(d *json.Decoder, want json.Delim) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	if token != want {
		return fmt.Errorf("expected %q, found %v", want.String(), token)
	}
	return nil
}
