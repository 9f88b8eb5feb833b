package safetensors

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// WriteAtomic replaces the file at path by what write produces, or leaves everything as it was.
func WriteAtomic(path string, write func(io.Writer) error) (err error) {
	temporary := fmt.Sprintf("%s.tmp-%016x", path, rand.Uint64())
	// Not os.CreateTemp: it ignores the umask, and the result would be readable by its owner only.
	file, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("directory %s: %w", filepath.Dir(path), fs.ErrNotExist)
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary))
		}
	}()
	err = write(file)
	if err == nil {
		err = file.Sync()
	}
	// Closed in any case: an open file cannot be renamed or removed on Windows.
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	syncDir(filepath.Dir(path))
	return nil
}

// syncDir makes a rename survive a power failure. Windows and some file systems cannot sync a folder; there the new
// file is complete all the same, so errors are of no use to the caller.
func syncDir(dir string) {
	d, err := os.Open(dir)
	if err != nil {
		return
	}
	defer d.Close()
	_ = d.Sync()
}
