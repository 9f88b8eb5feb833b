package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/qat-go/qat/internal/faults"
	"github.com/qat-go/qat/internal/filelock"
)

// LockFile is there while a process works in a run's directory, and names it.
const LockFile = "lock"

// ErrInUse says that another process works in a run's directory.
var ErrInUse = errors.New("is in use")

// Lock keeps other processes from a run's directory until it is released or the process ends.
type Lock struct {
	file *os.File // nil: there are no locks here
	dir  string
	made string // the topmost directory that LockDir made; "" if all were there
}

// lockPatience is how long a lock is waited for: a process that was killed takes a while to end.
var lockPatience = 2 * time.Second

// signPatience is how long the name of whoever has a lock is waited for: it is written a moment after the lock is taken.
const signPatience = 2 * time.Second

// LockDir makes the directory if need be and locks it; if another process has it, the error is [ErrInUse] and names it. Where
// the file system has no locks, warn is told.
func LockDir(ctx context.Context, dir string, warn func(format string, args ...any)) (*Lock, error) {
	ctx = cmp.Or(ctx, context.Background())
	l := &Lock{dir: dir, made: missing(dir)}
	path := filepath.Join(dir, LockFile)
	for start := time.Now(); ; {
		if err := faults.At("make folder", dir); err != nil {
			return nil, err
		}
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return nil, err
		}
		if err := faults.At("open", path); err != nil {
			l.Release()
			return nil, err
		}
		if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() { // such as a link to a file that is to be kept
			l.Release()
			return nil, fmt.Errorf("%s is not a regular file, and no lock; remove it, or choose another folder", path)
		}
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
		if errors.Is(err, fs.ErrNotExist) {
			continue // released just now, and the folder with it
		}
		if err != nil {
			l.Release()
			return nil, err
		}
		ok, err := filelock.TryLock(file)
		switch {
		case err != nil:
			warn("warning: %s cannot be locked (%v): take care that no other process works in it", dir, err)
			file.Close()
			_ = os.Remove(path)
			return l, nil
		case !ok:
			text, _ := io.ReadAll(io.LimitReader(file, 1000))
			file.Close()
			if waited := time.Since(start); waited < lockPatience || len(text) == 0 && waited < signPatience {
				select {
				case <-time.After(20 * time.Millisecond):
					continue
				case <-ctx.Done():
					return nil, ctx.Err()
				}
			}
			return nil, fmt.Errorf("%s %w by %s; wait until that ends, or choose another folder", dir, ErrInUse, holder(text))
		case !filelock.Current(file):
			file.Close() // released just now, and removed
			continue
		}
		l.file = file
		if err := l.sign(); err != nil {
			l.Release()
			return nil, err
		}
		return l, nil
	}
}

// sign writes who holds the lock.
func (l *Lock) sign() error {
	host, err := os.Hostname()
	if err != nil {
		host = "an unknown host"
	}
	if err := faults.At("write", l.file.Name()); err != nil {
		return err
	}
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err = fmt.Fprintf(l.file, "process %d on %s since %s\n", os.Getpid(), host, time.Now().UTC().Format(time.RFC3339))
	return err
}

// holder is what sign wrote, on a line of its own.
func holder(text []byte) string {
	line, _, _ := strings.Cut(string(text), "\n")
	if line == "" || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "another process"
	}
	return line
}

// Release lets other processes in, and removes what LockDir made and nobody filled.
func (l *Lock) Release() {
	if l == nil {
		return
	}
	if l.file != nil {
		path := l.file.Name()
		if os.Remove(path) != nil { // Windows removes no open file
			l.file.Close()
			_ = os.Remove(path)
		}
		l.file.Close()
		l.file = nil
	}
	for dir := l.dir; l.made != "" && os.Remove(dir) == nil; dir = filepath.Dir(dir) {
		if dir == l.made {
			return
		}
	}
}

// missing is the topmost directory that is to be made for dir, "" if there is none.
func missing(dir string) (top string) {
	for dir = filepath.Clean(dir); ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
			return top
		}
		top = dir
	}
}
