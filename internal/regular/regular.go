// Package regular opens the files that users name. It takes regular files only, since reading a device or a pipe may
// never end, and no more bytes than what is wanted can have.
package regular

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// Open opens a regular file, or what a symbolic link to one names, and returns its size. Of anything else it opens
// nothing: to open a named pipe waits for a writer, and to open a device may do something to it.
func Open(path string) (*os.File, int64, error) {
	info, err := os.Stat(path)
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		e.Op = "open" // what was to be done, not how
	}
	if err == nil {
		err = check(path, info)
	}
	if err != nil {
		return nil, 0, err
	}
	return open(path)
}

// patience is how long a file of /proc or /sys may wait for what it is to say, such as /proc/kmsg; others never wait.
const patience = time.Second / 2

// open opens what may be a pipe since it was looked at, without waiting for a writer.
func open(path string) (*os.File, int64, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil {
		err = check(path, info)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	_ = f.SetReadDeadline(time.Now().Add(patience)) // an error where reading never waits
	return f, info.Size(), nil
}

// Read returns the content of a regular file of at most limit bytes; a larger one is an error before any of it is read.
func Read(path string, limit int64) ([]byte, error) { return ReadIf(path, limit, nil) }

// HeadSize is how much of a file a look at its beginning shows, in bytes.
const HeadSize = 512

// ReadIf is Read for a file that looks right: expect, unless nil, is shown its first bytes, at most HeadSize, and its
// size, and an error of expect's keeps the rest from being read.
func ReadIf(path string, limit int64, expect func(head []byte, size int64) error) ([]byte, error) {
	f, size, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head, err := look(f, path, size, limit, expect)
	if err != nil {
		return nil, err
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(f, data[copy(data, head):]); err != nil {
		return nil, changed(path, err)
	}
	// One byte more than may be tells that the file grew. Files of /proc say that they have none.
	rest, err := io.ReadAll(io.LimitReader(f, limit-size+1))
	if err != nil {
		return nil, err
	}
	if data = append(data, rest...); int64(len(data)) > limit {
		return nil, &SizeError{path, int64(len(data)), limit}
	}
	return data, nil
}

// LookIf returns the error that ReadIf would find before it reads more than the first bytes.
func LookIf(path string, limit int64, expect func(head []byte, size int64) error) error {
	f, size, err := Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = look(f, path, size, limit, expect)
	return err
}

// look returns the first bytes of a file that has the size and the look that are wanted.
func look(f io.Reader, path string, size, limit int64, expect func(head []byte, size int64) error) ([]byte, error) {
	if size > limit {
		return nil, &SizeError{path, size, limit}
	}
	head := make([]byte, min(size, HeadSize))
	if _, err := io.ReadFull(f, head); err != nil {
		return nil, changed(path, err)
	}
	if expect != nil {
		if err := expect(head, size); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return head, nil
}

func changed(path string, err error) error {
	return fmt.Errorf("%s: %w; did the file change while it was read?", path, err)
}

// KindError tells of what is not a regular file.
type KindError struct {
	Path string
	Kind string // "a directory", "a pipe", ...
}

func (e *KindError) Error() string { return fmt.Sprintf("%s is %s; want a file", e.Path, e.Kind) }

// SizeError tells of a file that is too large to be what is wanted.
type SizeError struct {
	Path        string
	Size, Limit int64 // in bytes
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("%s: the file has %d bytes; want at most %d", e.Path, e.Size, e.Limit)
}

func check(path string, info fs.FileInfo) error {
	kind := "not a regular file"
	switch m := info.Mode(); {
	case m.IsRegular():
		return nil
	case m.IsDir():
		kind = "a directory"
	case m&fs.ModeNamedPipe != 0:
		kind = "a pipe"
	case m&fs.ModeDevice != 0:
		kind = "a device"
	case m&fs.ModeSocket != 0:
		kind = "a socket"
	}
	return &KindError{path, kind}
}
