// Package regular opens the files that users name. It takes regular files only, since reading a device or a pipe may
// never end, and no more bytes than what is wanted can have.
package regular

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Open opens a regular file, or what a symbolic link to one names, and returns its size. Of anything else it opens
// nothing: to open a named pipe waits for a writer, and to open a device may do something to it.
func Open(path string) (*os.File, int64, error) {
	info, err := os.Stat(path)
	if err == nil {
		err = check(path, info)
	}
	if err != nil {
		return nil, 0, openError(err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	if info, err = f.Stat(); err == nil { // it may have been replaced since
		err = check(path, info)
	}
	if err != nil {
		f.Close()
		return nil, 0, openError(err)
	}
	return f, info.Size(), nil
}

// Read returns the content of a regular file of at most limit bytes; a larger one is an error before any of it is read.
func Read(path string, limit int64) ([]byte, error) {
	f, size, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > limit {
		return nil, &SizeError{path, size, limit}
	}
	data := make([]byte, size)
	// Read to its end, as files of /proc have the size 0. One byte more than may be tells that the file grew.
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("%s: %w; did the file change while it was read?", path, err)
	}
	rest, err := io.ReadAll(io.LimitReader(f, limit-size+1))
	if err != nil {
		return nil, err
	}
	if data = append(data, rest...); int64(len(data)) > limit {
		return nil, &SizeError{path, int64(len(data)), limit}
	}
	return data, nil
}

// SizeError tells of a file that is too large to be what is wanted.
type SizeError struct {
	Path        string
	Size, Limit int64 // in bytes
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("%s: the file has %d bytes; want at most %d", e.Path, e.Size, e.Limit)
}

func check(path string, info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	what := "not a regular file"
	switch m := info.Mode(); {
	case m.IsDir():
		what = "a directory"
	case m&fs.ModeNamedPipe != 0:
		what = "a pipe"
	case m&fs.ModeDevice != 0:
		what = "a device"
	case m&fs.ModeSocket != 0:
		what = "a socket"
	}
	return &fs.PathError{Op: "open", Path: path, Err: errors.New("is " + what + "; want a regular file")}
}

// openError says what was to be done, not how.
func openError(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		e.Op = "open"
	}
	return err
}
