// Package atomicfile writes files whole: whoever opens one sees the old content or the new one, also after the process
// was killed or the machine lost power.
package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/qat-go/qat/internal/faults"
	"github.com/qat-go/qat/internal/filelock"
)

// Write replaces the file at path by what write produces, or leaves everything as it was. The bytes go to a temporary
// file beside it, which is synced and renamed; then the folder is synced. What killed processes left of path's
// temporaries is removed.
func Write(path string, write func(io.Writer) error) (err error) {
	dir, base := filepath.Split(path)
	clean(dir, func(name string) bool { return strings.HasPrefix(name, base+".tmp-") })
	file, err := create(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("directory %s: %w", filepath.Dir(path), fs.ErrNotExist)
	}
	if err != nil {
		return err
	}
	temporary := file.Name()
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary))
		}
	}()
	err = write(&writer{file: file})
	if err == nil {
		err = faults.At("sync", path)
	}
	if err == nil {
		err = file.Sync()
	}
	// Closed in any case: an open file cannot be renamed or removed on Windows.
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = faults.At("rename", path)
	}
	if err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	_ = faults.At("sync folder", path)
	syncDir(filepath.Dir(path))
	return nil
}

// WriteBytes is Write for content that is there.
func WriteBytes(path string, data []byte) error {
	return Write(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// writer counts as one operation what goes to the disk in about one.
type writer struct {
	file    *os.File
	counted int
}

func (w *writer) Write(b []byte) (int, error) {
	if w.counted -= len(b); w.counted < 0 {
		w.counted = 1 << 18
		if err := faults.At("write", w.file.Name()); err != nil {
			return 0, err
		}
	}
	return w.file.Write(b)
}

var temporaryName = regexp.MustCompile(`\.tmp-[0-9a-f]{16}$`)

// Temporary reports whether name is that of an unfinished file of Write.
func Temporary(name string) bool { return temporaryName.MatchString(name) }

// create makes a temporary file for path, locked for as long as it is open, by which [Clean] knows that it is in use.
func create(path string) (*os.File, error) {
	for {
		temporary := fmt.Sprintf("%s.tmp-%016x", path, rand.Uint64())
		if err := faults.At("create", path); err != nil {
			return nil, err
		}
		// Not os.CreateTemp: it ignores the umask, and the result would be readable by its owner only.
		file, err := os.OpenFile(temporary, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if err != nil {
			return nil, err
		}
		if ok, err := filelock.TryLock(file); err != nil || ok && filelock.Current(file) {
			return file, nil // without locks Clean removes nothing
		}
		file.Close() // Clean was faster
	}
}

// Clean removes from dir what killed processes left of files that Write was writing. What cannot be removed stays.
func Clean(dir string) { clean(dir, func(string) bool { return true }) }

func clean(dir string, which func(name string) bool) {
	entries, _ := os.ReadDir(filepath.Clean(dir))
	for _, e := range entries {
		if e.Type().IsRegular() && Temporary(e.Name()) && which(e.Name()) {
			removeOrphan(filepath.Join(dir, e.Name()))
		}
	}
}

// removeOrphan removes a temporary file that no process has open.
func removeOrphan(path string) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer file.Close()
	if ok, err := filelock.TryLock(file); err != nil || !ok || faults.At("remove", path) != nil {
		return
	}
	if os.Remove(path) != nil { // Windows removes no open file
		file.Close()
		_ = os.Remove(path)
	}
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
