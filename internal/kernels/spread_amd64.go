//go:build !noasm

package kernels

// spread is what each channel has, repeated until whole vectors hold whole pixels: so vector kernels take channels that are
// no multiple of 16, several pixels as one.
type spread [512]float32

// spreads returns how many pixels of c channels are taken as one, and how many of n elements that covers.
func spreads(n, c int) (pixels, covered int) {
	pixels = 1
	for pixels*c%lanes != 0 {
		pixels *= 2
	}
	period := pixels * c
	if level == generic || period > len(spread{}) || n < 2*period {
		return 0, 0
	}
	return pixels, n / period * period
}

// over repeats x for each of the pixels.
func (s *spread) over(x []float32, pixels int) []float32 {
	for p := range pixels {
		copy(s[p*len(x):], x)
	}
	return s[:pixels*len(x)]
}
