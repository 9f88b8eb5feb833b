//go:build !linux

package train

import "runtime"

// peakRSS returns the memory that the Go runtime has from the system, in MiB,
// where the resident size is not to be had.
func peakRSS() float64 {
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return float64(s.Sys) / (1 << 20)
}
