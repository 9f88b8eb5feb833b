package filetype

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"path"
	"regexp"
	"unicode/utf8"
)

// magics are what files begin with.
var magics = []struct {
	prefix string
	kind   Kind
}{
	{"\x93NUMPY", NPY},
	{"\xff\xd8\xff", JPEG},
	{"\x89PNG\r\n\x1a\n", PNG},
	{"GIF8", Image}, {"BM", Image}, {"RIFF", Image}, {"II*\x00", Image}, {"MM\x00*", Image}, {"P6\n", Image},
	{"\x1f\x8b", Archive}, {"BZh", Archive}, {"\xfd7zXZ", Archive}, {"(\xb5/\xfd", Archive}, {"PK\x05\x06", Archive},
	{"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", PyTorch}, // the magic number before the pickles of old files
	{"\x80\x02", PyTorch}, {"\x80\x03", PyTorch}, {"\x80\x04", PyTorch}, {"\x80\x05", PyTorch},
}

// ofZip tells PyTorch's files from NumPy's and from other archives by their entries.
func ofZip(f io.ReaderAt, size int64) Kind {
	z, err := zip.NewReader(f, size)
	if err != nil {
		return Archive
	}
	for _, e := range z.File {
		switch {
		case path.Base(e.Name) == "data.pkl":
			return PyTorch
		case path.Ext(e.Name) == ".npy":
			return NPZ
		}
	}
	return Archive
}

// isSafetensors tells the length of a JSON header that the file has room for.
func isSafetensors(head []byte, size int64) bool {
	if len(head) < 10 || head[8] != '{' {
		return false
	}
	n := binary.LittleEndian.Uint64(head)
	return n >= 2 && n <= uint64(size-8) && (head[9] == '"' || head[9] == '}' || head[9] == ' ' || head[9] == '\n')
}

// maxMetadata bounds what is read of a header.
const maxMetadata = 16 << 20

// ofSafetensors tells by the metadata who wrote a file. A header that is not JSON is still
// that of a safetensors file, whose reader will say what is wrong.
func ofSafetensors(f io.ReaderAt) (Kind, error) {
	d := json.NewDecoder(io.NewSectionReader(f, 8, maxMetadata))
	if _, err := d.Token(); err != nil {
		return Safetensors, nil
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return Safetensors, nil
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return Safetensors, nil
		}
		if key != "__metadata__" {
			continue
		}
		var metadata struct{ Format string }
		if json.Unmarshal(value, &metadata) == nil {
			switch metadata.Format {
			case "qat.checkpoint":
				return Checkpoint, nil
			case "qat.integer":
				return Export, nil
			case "qat.float":
				return Float, nil
			}
		}
		return Safetensors, nil
	}
	return Safetensors, nil
}

var (
	yamlKey   = regexp.MustCompile(`(?m)^\s*(- )?["']?[A-Za-z_][\w.\-]*["']?\s*:(\s|$)`)
	cLine     = regexp.MustCompile(`(?m)^(#(include|define|ifndef|pragma)\b|/\*|//|typedef\b|static\b)`)
	onnxStart = regexp.MustCompile(`^\x08[\x01-\x20](\x12|:|B|\x1a)`) // ir_version, then a text, the graph or an opset
)

// recordBytes are the sizes of CIFAR-10's and CIFAR-100's records.
var recordBytes = []int64{1 + 3072, 2 + 3072}

func ofContent(head []byte, size int64) Kind {
	if text := isText(head, size); text {
		trimmed := bytes.TrimLeft(head, " \t\r\n\ufeff")
		switch {
		case len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '['):
			return JSON
		case cLine.Match(head):
			return C
		case yamlKey.Match(head) || bytes.HasPrefix(trimmed, []byte("%YAML")) || bytes.HasPrefix(trimmed, []byte("---")):
			return YAML
		}
		return Text
	}
	if onnxStart.Match(head) {
		return ONNX
	}
	for _, n := range recordBytes {
		if size%n == 0 && head[0] < 100 {
			return CIFAR
		}
	}
	return Unknown
}

// isText tells UTF-8 without control characters; the head may end inside a character.
func isText(head []byte, size int64) bool {
	if int64(len(head)) < size {
		for range utf8.UTFMax - 1 {
			if utf8.Valid(head) || len(head) == 0 {
				break
			}
			head = head[:len(head)-1]
		}
	}
	if !utf8.Valid(head) {
		return false
	}
	return bytes.IndexFunc(head, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' && r != '\f' && r != 0x1b }) < 0
}
