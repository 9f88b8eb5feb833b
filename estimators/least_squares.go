package estimators

import "math"

// solveSymmetric replaces b by the solution of a*x = b, for a symmetric positive definite a, of which it spoils the
// lower half: Cholesky's factors and two substitutions.
func solveSymmetric(a [][]float64, b []float64) {
	for j := range a {
		for h := range j {
			for i := range h {
				a[j][h] -= float64(a[j][i] * a[h][i])
			}
			a[j][h] /= a[h][h]
			a[j][j] -= float64(a[j][h] * a[j][h])
		}
		a[j][j] = math.Sqrt(a[j][j])
		for h := range j {
			b[j] -= float64(a[j][h] * b[h])
		}
		b[j] /= a[j][j]
	}
	for j := len(a) - 1; j >= 0; j-- {
		for h := j + 1; h < len(a); h++ {
			b[j] -= float64(a[h][j] * b[h])
		}
		b[j] /= a[j][j]
	}
}
