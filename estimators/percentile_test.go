package estimators_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// The percentiles of sorted x.
func TestPercentile(t *testing.T) {
	for _, n := range []int{1, 10, 999, 20000} {
		x := normals(n, uint64(n), 0.3, 2)
		x[0] = 1e6 // an outlier costs no resolution
		sorted, magnitudes := slices.Clone(x), make([]float32, n)
		for i, v := range x {
			magnitudes[i] = max(v, -v)
		}
		slices.Sort(sorted)
		slices.Sort(magnitudes)
		for _, p := range []float64{50, 90, 99, 99.99, 100} {
			for _, symmetric := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d of %d, symmetric %v", int(p), n, symmetric), func(t *testing.T) {
					s := signed8
					s.Options, s.Symmetric = estimators.Options{"percentile": p}, symmetric
					lo, hi := calibrate(t, observer(t, "percentile", s), 1, x)
					rank := int(math.Ceil(p * float64(n) / 100))
					wantLo, wantHi := sorted[n-rank], sorted[rank-1]
					if symmetric {
						wantLo, wantHi = -magnitudes[rank-1], magnitudes[rank-1]
					}
					for _, d := range [][2]float32{{lo[0], wantLo}, {hi[0], wantHi}} {
						if math.Abs(float64(d[0]-d[1])) > math.Abs(float64(d[1]))*0x1p-11 || rank == n && d[0] != d[1] {
							t.Errorf("[%v, %v], want [%v, %v]", lo[0], hi[0], wantLo, wantHi)
						}
					}
				})
			}
		}
	}
}
