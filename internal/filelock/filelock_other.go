//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd || windows)

package filelock

import "errors"

func tryLock(uintptr) (bool, error) { return false, errors.ErrUnsupported }
