package estimators

import "math"

// lloydHalfGaussian are the m levels of the quantizer with the least mean square error on the positive half of a
// standard normal distribution, ascending: each is the mean of the distribution between two thresholds, and the
// thresholds lie halfway between levels, with 0 below the lowest one (Lloyd 1982,
// https://doi.org/10.1109/TIT.1982.1056489). Newton's method solves the two conditions, as Lloyd's iterations take of
// the order of m^2 steps. The distribution is log-concave, so there is one solution.
func lloydHalfGaussian(m int) []float64 {
	q := make([]float64, m)
	for i := range q {
		// Where the density of levels is the cube root of that of x, which is right for large m.
		q[i] = math.Sqrt(3) * math.Sqrt2 * math.Erfinv((float64(i)+0.5)/float64(m))
	}
	lower, diagonal, upper, residual := make([]float64, m), make([]float64, m), make([]float64, m), make([]float64, m)
	for range 50 {
		for i := range q {
			a, b := 0.0, math.Inf(1)
			if i > 0 {
				a = (q[i-1] + q[i]) / 2
			}
			if i+1 < m {
				b = (q[i] + q[i+1]) / 2
			}
			p, mean := normalMass(a, b)
			residual[i] = q[i] - mean
			diagonal[i], lower[i], upper[i] = 1, 0, 0
			if i > 0 {
				d := normalDensity(a) * (mean - a) / p / 2 // half of d(mean)/da
				diagonal[i] -= d
				lower[i] = -d
			}
			if i+1 < m {
				d := normalDensity(b) * (b - mean) / p / 2
				diagonal[i] -= d
				upper[i] = -d
			}
		}
		change := 0.0
		solveTridiagonal(lower, diagonal, upper, residual)
		for i, d := range residual {
			q[i] -= d
			change = max(change, math.Abs(d))
		}
		if change < 1e-14 {
			break
		}
	}
	return q
}

// uniformHalfGaussian is the scale d of the m levels d, 2d, ..., m*d with the least mean square error on the positive
// half of a standard normal distribution, when x up to 3d/2 has the level d, x up to 5d/2 the level 2d, and so on.
func uniformHalfGaussian(m int) float64 {
	// The derivative of the error grows from negative to positive; the thresholds add nothing to it, as x there is as far
	// from both levels.
	slope := func(d float64) float64 {
		sum := 0.0
		for i := 1; i <= m; i++ {
			a, b := 0.0, math.Inf(1)
			if i > 1 {
				a = (float64(i) - 0.5) * d
			}
			if i < m {
				b = (float64(i) + 0.5) * d
			}
			p, mean := normalMass(a, b)
			sum += float64(i) * p * (float64(i)*d - mean)
		}
		return sum
	}
	lo, hi := 0.0, 2.0
	for range 60 {
		if d := (lo + hi) / 2; slope(d) < 0 {
			lo = d
		} else {
			hi = d
		}
	}
	return (lo + hi) / 2
}

func normalDensity(x float64) float64 { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }

// normalMass is the probability of a standard normal variable in [a, b], 0 <= a < b, and its mean there. Where none is
// left in float64, the mean is a.
func normalMass(a, b float64) (p, mean float64) {
	p = (math.Erfc(a/math.Sqrt2) - math.Erfc(b/math.Sqrt2)) / 2
	if p <= 0 {
		return 0, a
	}
	return p, (normalDensity(a) - normalDensity(b)) / p
}

// solveTridiagonal replaces the right side by the solution and spoils the diagonal. The matrix is diagonally dominant,
// so that no pivoting is needed.
func solveTridiagonal(lower, diagonal, upper, right []float64) {
	for i := 1; i < len(right); i++ {
		f := lower[i] / diagonal[i-1]
		diagonal[i] -= f * upper[i-1]
		right[i] -= f * right[i-1]
	}
	for i := len(right) - 1; i >= 0; i-- {
		if i+1 < len(right) {
			right[i] -= upper[i] * right[i+1]
		}
		right[i] /= diagonal[i]
	}
}
