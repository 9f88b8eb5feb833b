// Package filetype tells what a file is by its content, so that every command says the
// same of a file that it does not take.
package filetype

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/qat-go/qat/internal/regular"
)

// Kind is what a file is.
type Kind string

// The kinds, as they are called in messages.
const (
	Run         Kind = "the folder of a run"
	Data        Kind = "a folder of data sets"
	Folder      Kind = "a folder"
	Checkpoint  Kind = "a checkpoint of qat"
	Export      Kind = "an exported network (safetensors)"
	Float       Kind = "float weights of qat (safetensors)"
	Safetensors Kind = "a safetensors file that qat did not write"
	PyTorch     Kind = "a PyTorch file"
	ONNX        Kind = "an ONNX file"
	NPZ         Kind = "a file of NumPy arrays (.npz)"
	NPY         Kind = "a NumPy array (.npy)"
	C           Kind = "C source"
	YAML        Kind = "a YAML file"
	JSON        Kind = "a JSON file"
	JPEG        Kind = "a JPEG image"
	PNG         Kind = "a PNG image"
	Image       Kind = "an image, neither JPEG nor PNG"
	CIFAR       Kind = "records of CIFAR"
	Archive     Kind = "an archive"
	Text        Kind = "a text file"
	Empty       Kind = "empty"
	Device      Kind = "not a regular file"
	Missing     Kind = "missing"
	Unknown     Kind = "a file of unknown kind"
)

// The names by which folders are known.
const (
	RunConfig     = "config.yaml"    // in a run
	RunCheckpoint = "checkpoint.qat" // in a run
)

var dataFolders = []string{"cifar-10-batches-bin", "cifar-100-binary"}

// headBytes is what tells most kinds apart.
const headBytes = 4 << 10

// Of tells what path is; the error is that of a file that cannot be read. It reads a few
// kilobytes of regular files, and nothing of others.
func Of(path string) (Kind, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return Unknown, err
	case info.IsDir():
		return folder(path), nil
	case !info.Mode().IsRegular():
		return Device, nil
	}
	f, size, err := regular.Open(path)
	if err != nil {
		return Unknown, err
	}
	defer f.Close()
	head := make([]byte, headBytes)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return Unknown, err
	}
	head = head[:n]
	switch {
	case n == 0:
		return Empty, nil
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return ofZip(f, size), nil
	case isSafetensors(head, size):
		return ofSafetensors(f)
	}
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.prefix)) {
			return m.kind, nil
		}
	}
	return ofContent(head, size), nil
}

func folder(path string) Kind {
	has := func(name string) bool {
		_, err := os.Lstat(filepath.Join(path, name))
		return err == nil
	}
	switch {
	case has(RunCheckpoint) || has(RunConfig):
		return Run
	case slices.ContainsFunc(dataFolders, has) || slices.Contains(dataFolders, filepath.Base(path)):
		return Data
	}
	return Folder
}

// Error says that a file is of another kind than what was wanted, or is not there.
type Error struct {
	Path string
	Kind Kind
	Want string
}

func (e *Error) Error() string { return fmt.Sprintf("%s is %s; wanted %s", e.Path, e.Kind, e.Want) }

// Is tells that what is missing does not exist.
func (e *Error) Is(target error) bool { return target == fs.ErrNotExist && e.Kind == Missing }

// Check returns an *Error if path is none of the wanted kinds; want names them.
func Check(path, want string, kinds ...Kind) (Kind, error) {
	kind, err := Of(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		err = &Error{path, Missing, want}
	case err == nil && !slices.Contains(kinds, kind):
		err = &Error{path, kind, want}
	}
	return kind, err
}

// CheckFolder returns an *Error if dir is something else than a folder, or cannot be made because a folder above it is.
func CheckFolder(dir, want string) error {
	for dir = filepath.Clean(dir); ; dir = filepath.Dir(dir) {
		switch info, err := os.Stat(dir); {
		case err == nil && !info.IsDir():
			kind, _ := Of(dir)
			return &Error{dir, kind, want}
		case err == nil || dir == filepath.Dir(dir):
			return nil
		}
	}
}
