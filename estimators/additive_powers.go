package estimators

import "slices"

// apotCodes are the codes that are not negative, ascending, of each number of bits for them.
var apotCodes = func() (all [9][]int32) {
	for b := range all {
		all[b] = additivePowers(b)
	}
	return all
}()

// additivePowers are the sums of [APoT] of b bits, ascending, as multiples of the smallest power.
func additivePowers(b int) []int32 {
	n, odd := b/2, b%2
	last := max(3*n+odd-1, 0) // the largest exponent, whose power is the unit
	sums := []int32{0}
	add := func(exponents ...int) {
		for _, sum := range slices.Clone(sums) {
			for _, e := range exponents {
				sums = append(sums, sum+1<<(last-e))
			}
		}
	}
	for i := range n {
		add(i, i+n, i+2*n+odd)
	}
	if odd == 1 {
		add(2 * n)
	}
	slices.Sort(sums)
	return sums
}
