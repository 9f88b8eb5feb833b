package kernels

import (
	"fmt"
	"os"
)

// path is an instruction set that kernels exist for.
type path int

const (
	generic path = iota
	avx2         // AVX2 and FMA
	avx512       // AVX-512 F, BW, DQ and VL; integer convolutions use VNNI, VPOPCNTDQ and, on Linux, AMX where there are any
)

var pathNames = [...]string{"generic", "avx2", "avx512"}

// level is the path in use. Only tests change it.
var level, levelErr = choosePath(os.Getenv("QAT_CPU"), bestPath())

func choosePath(want string, best path) (path, error) {
	if want == "" {
		return best, nil
	}
	for p, name := range pathNames {
		if name != want {
			continue
		}
		if path(p) > best {
			return best, fmt.Errorf("QAT_CPU: this CPU or build has no %s kernels; the best it has is %s", want, pathNames[best])
		}
		return path(p), nil
	}
	return best, fmt.Errorf("QAT_CPU: unknown path %q; want generic, avx2 or avx512", want)
}

// Check returns an error if QAT_CPU asks for a path that is unknown or that
// this CPU lacks. A program calls it before it computes anything.
func Check() error { return levelErr }

// Path returns the name of the path in use: generic, avx2 or avx512.
func Path() string { return pathNames[level] }
