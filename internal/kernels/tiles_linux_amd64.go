//go:build !noasm

package kernels

import "syscall"

// allowTiles asks Linux for the CPU's tiles, whose state threads do not have unless it is wanted, and tells whether they may be used.
func allowTiles() bool {
	const requestPermission, tileData = 0x1023, 18
	_, _, errno := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, requestPermission, tileData, 0)
	return errno == 0
}
