package estimators_test

import (
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// plainEntropy is the algorithm of Migacz's slides on sorted out numbers: a threshold from its histogram.
func plainEntropy(x []float32, levels int, signed bool) float64 {
	end := 0.0
	magnitudes := make([]float64, len(x))
	for i, v := range x {
		magnitudes[i] = max(float64(v), 0)
		if signed {
			magnitudes[i] = math.Abs(float64(v))
		}
		end = max(end, magnitudes[i])
	}
	bins := make([]float64, 2048)
	for _, m := range magnitudes {
		bins[min(int(m/end*2048), 2047)]++
	}
	bins[0] = bins[1]
	best, least := 0, math.Inf(1)
	for i := levels; i <= 2048; i++ {
		p := append([]float64(nil), bins[:i]...)
		for _, outlier := range bins[i:] {
			p[i-1] += outlier
		}
		q := make([]float64, i)
		for g := range levels {
			from, to := g*i/levels, (g+1)*i/levels
			sum, occupied := 0.0, 0.0
			for j := from; j < to; j++ {
				sum += bins[j]
				if bins[j] > 0 {
					occupied++
				}
			}
			for j := from; j < to; j++ {
				if bins[j] > 0 {
					q[j] = sum / occupied
				}
			}
		}
		sumP, sumQ := 0.0, 0.0
		for j := range p {
			sumP += p[j]
			sumQ += q[j]
		}
		d := 0.0
		for j := range p {
			if p[j] > 0 && q[j] == 0 {
				d = math.Inf(1)
			} else if p[j] > 0 {
				d += p[j] / sumP * math.Log(p[j]/sumP/(q[j]/sumQ))
			}
		}
		if d <= least {
			best, least = i, d
		}
	}
	return end * float64(best) / 2048
}

func TestEntropy(t *testing.T) {
	x := append(normals(100000, 13, 0.1, 1), 20)
	for _, r := range []estimators.Range{{Bits: 8, Signed: true}, {Bits: 6, Signed: true}, {Bits: 4}, {Bits: 8}} {
		levels := 1 << r.Bits
		if r.Signed {
			levels /= 2
		}
		lo, hi := calibrate(t, observer(t, "entropy", estimators.CalibrationSpec{Range: r}), 1, x)
		// Moving x into the bins' middles may move the threshold by some of the 2048 bins.
		if want := plainEntropy(x, levels, r.Signed); math.Abs(float64(hi[0])-want) > 0.03*want {
			t.Errorf("%+v: the threshold is %v, want about %v", r, hi[0], want)
		}
		if r.Signed && lo[0] != -hi[0] || !r.Signed && lo[0] != 0 {
			t.Errorf("%+v: range [%v, %v]", r, lo[0], hi[0])
		}
		if hi[0] > 10 {
			t.Errorf("%+v: the outlier is inside [%v, %v]", r, lo[0], hi[0])
		}
	}
	// Even x loses least where nothing is left out.
	even := make([]float32, 50000)
	for i := range even {
		even[i] = float32(i) / 50000
	}
	unsigned8 := estimators.CalibrationSpec{Range: estimators.Range{Bits: 8}}
	if _, hi := calibrate(t, observer(t, "entropy", unsigned8), 1, even); hi[0] < 0.99 {
		t.Errorf("even x up to 1: the threshold is %v", hi[0])
	}
	c, err := estimators.CalibrationNamed("entropy")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.New(estimators.CalibrationSpec{Range: estimators.Range{Bits: 16}}); err == nil {
		t.Error("more levels than bins: no error")
	}
}
