// Package dyadic is the arithmetic of the target dyadic: codes, int32 sums and shifts, and nothing that is a
// floating-point number. TestIntegersOnly reads this package's source and proves it.
//
// A layer's sums are exact in int32. A multiplier is M*2^-Shift with an int32 M (Jacob
// et al. 2018, https://arxiv.org/abs/1712.05877, section 2.2; Yao et al. 2021, HAWQ-V3,
// https://arxiv.org/abs/2011.10680), and a product is rounded in 64-bit integers:
//
//	code = clamp(roundHalfEven(acc*M*2^-Shift) + ZeroPoint, Lo, Hi)
//
// Package integer derives the multipliers from a network's scales, and puts the layers together. Sums and shortcuts are
// those of both targets.
package dyadic
