//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package filelock

import "syscall"

func tryLock(fd uintptr) (bool, error) {
	for {
		err := syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB)
		switch err {
		case syscall.EINTR:
			continue
		case syscall.EWOULDBLOCK:
			return false, nil
		}
		return err == nil, err
	}
}
