//go:build unix && !linux

package memory

import (
	"runtime"
	"syscall"
)

// Peak returns the largest resident memory of the process so far, in bytes.
func Peak() int64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return int64(u.Maxrss)
	}
	return int64(u.Maxrss) << 10
}

// Resident returns the resident memory of the process, which is what it was at most.
func Resident() int64 { return Peak() }

// Free is not known.
func Free() Available { return Available{} }
