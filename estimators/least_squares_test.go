package estimators

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestSolveSymmetric(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for k := 1; k <= 8; k++ {
		// a = m m^T + 1 and b = a x.
		m, want := make([][]float64, k), make([]float64, k)
		for i := range m {
			want[i] = rng.NormFloat64()
			m[i] = make([]float64, k)
			for j := range m[i] {
				m[i][j] = rng.NormFloat64()
			}
		}
		a, b := make([][]float64, k), make([]float64, k)
		for i := range a {
			a[i] = make([]float64, k)
			for j := range a[i] {
				if i == j {
					a[i][j] = 1
				}
				for h := range k {
					a[i][j] += m[i][h] * m[j][h]
				}
				b[i] += a[i][j] * want[j]
			}
		}
		solveSymmetric(a, b)
		for i := range want {
			if math.Abs(b[i]-want[i]) > 1e-10 {
				t.Errorf("%d unknowns: number %d is %v, want %v", k, i, b[i], want[i])
			}
		}
	}
}
