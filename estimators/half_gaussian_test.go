package estimators

import (
	"math"
	"testing"
)

// Max 1960, https://doi.org/10.1109/TIT.1960.1057548, table I, has the optimal levels of a normal distribution; for 2m
// levels, the m positive ones are those of its half. 0.453 and 1.510 are the first levels of HWGQ too, and 0.538 is its
// even scale (the authors' networks).
func TestLloydHalfGaussian(t *testing.T) {
	for _, want := range [][]float64{
		{0.7980},
		{0.4528, 1.510},
		{0.3177, 1.000, 1.894},
		{0.2451, 0.7560, 1.344, 2.152},
		{0.1457, 0.4413, 0.7505, 1.086, 1.468, 1.939, 2.625},
	} {
		for i, got := range lloydHalfGaussian(len(want)) {
			if math.Abs(got-want[i]) > 6e-4 {
				t.Errorf("%d levels: level %d is %v, want %v", len(want), i, got, want[i])
			}
		}
	}
}

// Lloyd's two conditions, with the means from a sum over small steps.
func TestLloydConditions(t *testing.T) {
	for _, m := range []int{1, 3, 15, 63, 255} {
		q := lloydHalfGaussian(m)
		for i := 0; i < m; i += max(1, m/5) {
			a, b := 0.0, 12.0
			if i > 0 {
				a = (q[i-1] + q[i]) / 2
			}
			if i+1 < m {
				b = (q[i] + q[i+1]) / 2
			}
			const n = 20000
			mass, moment := 0.0, 0.0
			for j := range n {
				x := a + (b-a)*(float64(j)+0.5)/n
				d := math.Exp(-x * x / 2)
				mass, moment = mass+d, moment+d*x
			}
			if mean := moment / mass; math.Abs(q[i]-mean) > 1e-6 {
				t.Errorf("%d levels: level %d is %v, and the mean of x there %v", m, i, q[i], mean)
			}
		}
	}
}

// The scale has no less error than those beside it, and that of HWGQ at 2 bits.
func TestUniformHalfGaussian(t *testing.T) {
	if d := uniformHalfGaussian(3); math.Abs(d-0.5388) > 1e-4 {
		t.Errorf("3 levels: the scale is %v, want 0.538", d)
	}
	for _, m := range []int{1, 3, 7, 15, 255} {
		mse := func(d float64) float64 {
			const n = 400000
			sum := 0.0
			for j := range n {
				x := 8 * (float64(j) + 0.5) / n
				level := d * min(max(math.Ceil(x/d-0.5), 1), float64(m))
				sum += math.Exp(-x*x/2) * (x - level) * (x - level)
			}
			return sum
		}
		d := uniformHalfGaussian(m)
		if e := mse(d); e > mse(d*1.01) || e > mse(d*0.99) {
			t.Errorf("%d levels: a scale near %v has less error", m, d)
		}
	}
}
