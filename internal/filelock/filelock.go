// Package filelock locks open files against other openers, in this process and in others.
package filelock

import "os"

// TryLock takes the exclusive lock of a file that is open for writing, without waiting; false says that another opener
// has it. The lock is advisory and leaves the content readable. It is released when the file is closed, and by the end
// of the process, whatever the cause. An error says that the file system, or the operating system, has no locks.
func TryLock(f *os.File) (bool, error) {
	c, err := f.SyscallConn()
	if err != nil {
		return false, err
	}
	var ok bool
	var lockErr error
	if err := c.Control(func(fd uintptr) { ok, lockErr = tryLock(fd) }); err != nil {
		return false, err
	}
	return ok, lockErr
}

// Current reports whether an open file is still the one at its name. Files that are locked and removed have to be looked at
// again once the lock is there: whoever had it may have removed them.
func Current(f *os.File) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Lstat(f.Name())
	return err == nil && os.SameFile(a, b)
}
