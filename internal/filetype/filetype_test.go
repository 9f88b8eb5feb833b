package filetype

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func zipped(names ...string) string {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, n := range names {
		z.Create(n)
	}
	z.Close()
	return b.String()
}

func safetensors(header string) string {
	return string(binary.LittleEndian.AppendUint64(nil, uint64(len(header)))) + header + "\x00\x00\x00\x00"
}

var files = map[string]struct {
	content string
	kind    Kind
}{
	"a.qat":          {safetensors(`{"__metadata__":{"config":"x","format":"qat.checkpoint"},"w":{}}`), Checkpoint},
	"late.qat":       {safetensors(`{"w":{"shape":[1]},"__metadata__":{"format":"qat.checkpoint"}}`), Checkpoint},
	"a.safetensors":  {safetensors(`{"__metadata__":{"format":"qat.integer"}}`), Export},
	"f.safetensors":  {safetensors(`{"__metadata__":{"format":"qat.float"}}`), Float},
	"b.safetensors":  {safetensors(`{"__metadata__":{"format":"pt"},"w":{}}`), Safetensors},
	"c.safetensors":  {safetensors(`{"w":{}}`), Safetensors},
	"e.safetensors":  {safetensors("{}"), Safetensors},
	"d.safetensors":  {safetensors(`{"w":{},,`), Safetensors},
	"zip.pth":        {zipped("archive/data.pkl", "archive/data/0"), PyTorch},
	"renamed.jpg":    {zipped("x/data.pkl"), PyTorch},
	"old.pth":        {"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", PyTorch},
	"a.npz":          {zipped("w.npy"), NPZ},
	"other.zip":      {zipped("readme"), Archive},
	"broken.zip":     {zipped("x/data.pkl")[:40], Archive},
	"a.npy":          {"\x93NUMPY\x01\x00", NPY},
	"a.jpg":          {"\xff\xd8\xff\xe1", JPEG},
	"a.png":          {"\x89PNG\r\n\x1a\n", PNG},
	"a.webp":         {"RIFF1234WEBP", Image},
	"a.tar.gz":       {"\x1f\x8b\x08", Archive},
	"a.yaml":         {"# a config\nextends: quickstart.yaml\ntrain: {lr: 0.1}\n", YAML},
	"b.yaml":         {"train:\r\n  lr: 0.1\r\n", YAML},
	"a.json":         {"{\"a\": 1}", JSON},
	"model.h":        {"/* a network */\n#define QAT_H 32\n", C},
	"notes.txt":      {"nothing of interest", Text},
	"long.txt":       {strings.Repeat("größe", 2000), Text},
	"cut.txt":        {"x" + strings.Repeat("ß", 3000), Text}, // the head ends inside a character
	"colours.txt":    {"\x1b[31mred\x1b[0m\n", Text},
	"empty":          {"", Empty},
	"data_batch.bin": {strings.Repeat("\x01\x00\xff", 3073), CIFAR},
	"train.bin":      {strings.Repeat("\x39\x01\xff\xfe", 3074), CIFAR}, // CIFAR-100, class 57
	"labels.bin":     {strings.Repeat("\x64\x00\xff", 3073), Unknown},   // no class 100
	"list.bin":       {"\x02\x00\x00\x00\x00\x00\x00\x00[\"a\"]", Unknown},
	"noise":          {"\xfe\x01\x02\x03", Unknown},
}

func TestOf(t *testing.T) {
	dir := t.TempDir()
	for name, f := range files {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(f.content), 0o666); err != nil {
			t.Fatal(err)
		}
		if got, err := Of(path); err != nil || got != f.kind {
			t.Errorf("%s is %s, want %s; %v", name, got, f.kind, err)
		}
	}
	for path, want := range map[string]Kind{
		"../../export/testdata/small.onnx": ONNX, "../../export/testdata/small.qonnx.onnx": ONNX, "../torchfile/testdata/zip.pth": PyTorch,
		"../torchfile/testdata/legacy.pth": PyTorch, "../../configs/quickstart.yaml": YAML, "../../configs": Folder, "filetype.go": C,
	} {
		if got, err := Of(path); err != nil || got != want {
			t.Errorf("%s is %s, want %s; %v", path, got, want, err)
		}
	}
	for folder, want := range map[string]Kind{"run/" + RunConfig: Run, "killed/" + RunCheckpoint: Run, "data/cifar-10-batches-bin/x": Data} {
		path := filepath.Join(dir, folder)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, nil, 0o666)); err != nil {
			t.Fatal(err)
		}
		top := filepath.Join(dir, strings.Split(folder, "/")[0])
		if got, err := Of(top); err != nil || got != want {
			t.Errorf("%s is %s, want %s; %v", top, got, want, err)
		}
	}
	if got, err := Of(filepath.Join(dir, "data", "cifar-10-batches-bin")); err != nil || got != Data {
		t.Errorf("the folder of a data set is %s, %v", got, err)
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.yaml")
	if err := os.WriteFile(path, []byte("lr: 1\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Check(path, "a config", YAML); err != nil {
		t.Error(err)
	}
	var wrong *Error
	if _, err := Check(path, "a checkpoint", Checkpoint, Run); !errors.As(err, &wrong) || err.Error() != path+" is a YAML file; wanted a checkpoint" {
		t.Errorf("error %v", err)
	}
	for _, missing := range []string{path + "x", filepath.Join(path, "x")} {
		if _, err := Check(missing, "a checkpoint", Checkpoint); !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &wrong) || err.Error() != missing+" is missing; wanted a checkpoint" {
			t.Errorf("error %v", err)
		}
	}
	for folder, ok := range map[string]bool{dir: true, filepath.Join(dir, "a", "b"): true, path: false, filepath.Join(path, "a", "b"): false} {
		if err := CheckFolder(folder, "a folder"); (err == nil) != ok || !ok && err.Error() != path+" is a YAML file; wanted a folder" {
			t.Errorf("%s: error %v", folder, err)
		}
	}
}

// Whatever a file holds, its kind is found without a panic.
func FuzzOf(f *testing.F) {
	for _, c := range files {
		f.Add([]byte(c.content))
	}
	path := filepath.Join(f.TempDir(), "x")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		if kind, err := Of(path); err != nil || kind == "" {
			t.Errorf("%q, %v", kind, err)
		}
	})
}
