package kernels

import "math"

// Bins is the Loop that sorts the elements of X into bins by thresholds, ascending: bin i has the elements with i of the
// thresholds below them. There are Counts[i] elements in it, whose sum is Sums[i]; an element that is not finite makes a
// sum that is not. Without thresholds it does nothing. Sums are over lane i mod 16 of a picture in float32, and over
// lanes and pictures, in order, in float64.
type Bins struct {
	anyCut
	Counts, Sums []float64
	X            Pictures[float32]
	Thresholds   []float32
	N            int
	thresholds   []float32   // with +Inf to a multiple of aboveAtOnce
	part         []aboveSums // [picture][group of thresholds]
}

// aboveAtOnce is how many thresholds a kernel compares with: sums and counts fit the registers.
const aboveAtOnce = 3

// aboveSums are sums in 16 lanes. Assembly knows where its fields are.
type aboveSums struct {
	total  [lanes]float32
	sums   [aboveAtOnce][lanes]float32
	counts [aboveAtOnce][lanes]int32
}

// Begin implements Loop.
func (l *Bins) Begin(*Pool) {
	l.thresholds = append(l.thresholds[:0], l.Thresholds...)
	for len(l.thresholds)%aboveAtOnce != 0 {
		l.thresholds = append(l.thresholds, float32(math.Inf(1)))
	}
	l.part = grow(l.part, l.N*len(l.thresholds)/aboveAtOnce)
	clear(l.part)
}

// Picture implements Loop.
func (l *Bins) Picture(s *Scratch, _, n int) {
	groups, x := len(l.thresholds)/aboveAtOnce, l.X.At(s, n)
	for g := range groups {
		aboveRow(&l.part[n*groups+g], x, (*[aboveAtOnce]float32)(l.thresholds[aboveAtOnce*g:]))
	}
}

// End implements Loop.
func (l *Bins) End(*Pool) {
	bins, groups := len(l.Thresholds)+1, len(l.thresholds)/aboveAtOnce
	l.Counts, l.Sums = grow(l.Counts, bins), grow(l.Sums, bins)
	clear(l.Counts)
	clear(l.Sums)
	if groups == 0 {
		return
	}
	// First what is above the threshold ahead of each bin, then the differences.
	for n := range l.N {
		part := l.part[n*groups:][:groups]
		l.Counts[0] += float64(l.X.Each)
		for lane := range lanes {
			l.Sums[0] += float64(part[0].total[lane])
			for i := range l.Thresholds {
				p := &part[i/aboveAtOnce]
				l.Counts[i+1] += float64(p.counts[i%aboveAtOnce][lane])
				l.Sums[i+1] += float64(p.sums[i%aboveAtOnce][lane])
			}
		}
	}
	for i := range l.Thresholds {
		l.Counts[i] -= l.Counts[i+1]
		l.Sums[i] -= l.Sums[i+1]
	}
}

func aboveRowGeneric(p *aboveSums, x []float32, thresholds *[aboveAtOnce]float32) {
	for i, v := range x {
		lane := i % lanes
		p.total[lane] += v
		for j, t := range thresholds {
			if v > t {
				p.sums[j][lane] += v
				p.counts[j][lane]++
			}
		}
	}
}
