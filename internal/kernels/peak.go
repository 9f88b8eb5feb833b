package kernels

import (
	"math"
	"time"
)

// PeakGFLOPS measures, for about the given time, how many billion float32
// operations a second one thread does at most on the path in use: independent
// fused multiply-adds in registers, each two operations. It is what the speed
// of a kernel is compared with; the best of many short spells counts, so that
// other programs disturb it little.
func PeakGFLOPS(seconds float64) float64 {
	return fastest(seconds, func() int { return fmaPeak(1 << 14) })
}

// fastest repeats a spell of work for about the given time and returns how many billions a second the best of them did.
func fastest(seconds float64, spell func() (n int)) float64 {
	best := 0.0
	for start := time.Now(); ; {
		t := time.Now()
		n := spell()
		best = max(best, float64(n)/float64(time.Since(t).Nanoseconds()))
		if time.Since(start).Seconds() >= seconds {
			return best
		}
	}
}

// Peaks is the most that the threads of a pool do together: what a roofline (Williams et al. 2009, doi 10.1145/1498765.1498785)
// is made of.
type Peaks struct {
	GFLOPS float64 // billions of float32 operations a second, two a fused multiply-add
	GOPS   float64 // of operations on bytes, two a product and its sum
	rates  []float64
}

// leastMemory is the size of the smallest memory whose bandwidth is measured, in bytes: less may lie in the cores' own caches.
const leastMemory = 8 << 20

// MeasurePeaks measures, in less than a second, each peak in registers, and how fast memory up to the size of room is read or
// copied. It overwrites room.
func MeasurePeaks(p *Pool, room []float32) Peaks {
	together := func(peak func(n int) int) float64 {
		done := make([]int, p.Threads())
		return fastest(0.1, func() (n int) {
			p.For(len(done), func(_, i int) { done[i] = peak(1 << 16) })
			for _, d := range done {
				n += d
			}
			return n
		})
	}
	k := Peaks{GFLOPS: together(fmaPeak), GOPS: together(bytePeak)}
	for size := leastMemory; size <= 4*len(room); size *= 4 {
		read, copied := streams(p, room[:size/4])
		k.rates = append(k.rates, max(read, copied))
	}
	for i := len(k.rates) - 1; i > 0; i-- { // more memory is not faster
		k.rates[i-1] = max(k.rates[i-1], k.rates[i])
	}
	return k
}

// streams returns the GB/s at which the threads read x, and copy one half of it to the other, each a part of their own. A byte
// that is read and one that is written count one each.
func streams(p *Pool, x []float32) (read, copied float64) {
	const near = 4 << 10 // float32
	parts := p.Threads()
	largest := make([][near]float32, parts)
	read = fastest(0.03, func() int {
		p.For(parts, func(_, i int) {
			for part := x[i*len(x)/parts : (i+1)*len(x)/parts]; len(part) > 0; part = part[min(near, len(part)):] {
				n := min(near, len(part))
				maxRow(largest[i][:n], part[:n])
			}
		})
		return 4 * len(x)
	})
	half := len(x) / 2
	copied = fastest(0.03, func() int {
		p.For(parts, func(_, i int) { copy(x[half+i*half/parts:half+(i+1)*half/parts], x[i*half/parts:]) })
		return 4 * 2 * half
	})
	return read, copied
}

// Compute returns the least seconds that so many products of floats and of codes take, each with its sum.
func (k *Peaks) Compute(floats, codes float64) float64 {
	return 2 * (floats/k.GFLOPS + codes/k.GOPS) / 1e9
}

// Moving returns the least seconds in which so many bytes are read or written. Those that may lie in the cores' own caches take
// none.
func (k *Peaks) Moving(bytes float64) float64 { return bytes / k.Memory(bytes) / 1e9 }

// Memory returns the GB/s of so many bytes: what was measured of memory of that size or the next smaller one.
func (k *Peaks) Memory(bytes float64) float64 {
	rate, size := math.Inf(1), float64(leastMemory)
	for _, r := range k.rates {
		if bytes < size {
			break
		}
		rate, size = r, 4*size
	}
	return rate
}

// bytePeakGeneric multiplies and adds as the portable kernels do.
func bytePeakGeneric(n int) (ops int) {
	var acc [lanes]int32
	var w [lanes]int8
	for l := range w {
		w[l] = int8(l)
	}
	for i := range n {
		x := int32(uint8(i))
		for l, v := range w {
			acc[l] += x * int32(v)
		}
	}
	return n * lanes * 2
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
