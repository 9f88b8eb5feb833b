package kernels

import "time"

// PeakGFLOPS measures, for about the given time, how many billion float32
// operations a second one thread does at most on the path in use: independent
// fused multiply-adds in registers, each two operations. It is what the speed
// of a kernel is compared with; the best of many short spells counts, so that
// other programs disturb it little.
func PeakGFLOPS(seconds float64) float64 {
	best := 0.0
	for start := time.Now(); ; {
		t := time.Now()
		flops := fmaPeak(1 << 14)
		best = max(best, float64(flops)/float64(time.Since(t).Nanoseconds()))
		if time.Since(start).Seconds() >= seconds {
			return best
		}
	}
}

// fmaPeakGeneric multiplies and adds as the portable kernels do.
func fmaPeakGeneric(n int) (flops int) {
	var acc, w [lanes]float32
	for l := range w {
		w[l] = float32(l) + 0.3
	}
	for i := range n {
		fma16(&acc, float32(i), &w)
	}
	return n * lanes * 2
}
