package estimators_test

import (
	"math"
	"slices"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// Zhou et al. 2016, equation 12: levels are odd multiples of max/n of the sample, at most a step and a half from dr,
// and right on average.
func TestDoReFaGradients(t *testing.T) {
	const size, seeds = 50, 4000
	dr := floats(2 * size)
	for i := range dr {
		dr[i] = float32(math.Sin(float64(i) * 1.3))
		if i >= size {
			dr[i] *= 100
		}
	}
	for _, bits := range []int{1, 2, 4} {
		n := float64(int(1)<<bits - 1)
		sum := make([]float64, len(dr))
		for seed := range uint64(seeds) {
			out := floats(len(dr))
			if err := (estimators.DoReFaGradients{Bits: bits}).Quantize(out, dr, 2, seed); err != nil {
				t.Fatal(err)
			}
			for i, v := range out {
				m := largest(dr[i/size*size : (i/size+1)*size])
				level := float64(v) / m * n
				odd := math.Abs(math.Mod(level+n+1e-5, 2)) < 1e-4
				if !odd || math.Abs(level) > n+1e-5 || math.Abs(float64(v)-float64(dr[i])) > 2*m/n*1.0001 {
					t.Fatalf("%d bits: %v became %v, the level %v of %v", bits, dr[i], v, level, n)
				}
				sum[i] += float64(v)
			}
		}
		for i, v := range sum {
			m := largest(dr[i/size*size : (i/size+1)*size])
			if off := math.Abs(v/seeds - float64(dr[i])); off > 5*(m/n)/math.Sqrt(seeds) { // a step of 2m/n: deviation at most m/n
				t.Errorf("%d bits: mean of %v is off by %v", bits, dr[i], off)
			}
		}
	}
	once, again, other := floats(len(dr)), slices.Clone(dr), floats(len(dr))
	d := estimators.DoReFaGradients{Bits: 2}
	for seed, out := range map[uint64][]float32{7: once, 8: other} {
		if err := d.Quantize(out, dr, 2, seed); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Quantize(again, again, 2, 7); err != nil || !slices.Equal(once, again) || slices.Equal(once, other) {
		t.Errorf("in place and with the same seed other numbers, or with another seed the same: %v", err)
	}
	if err := d.Quantize(once, floats(len(once)), 2, 7); err != nil || largest(once) != 0 {
		t.Errorf("gradients of 0 became %v, %v", once, err)
	}
	if err := d.Quantize(nil, nil, 1, 7); err != nil {
		t.Error(err)
	}
	nan := []float32{1, float32(math.NaN())}
	for name, err := range map[string]error{
		"0 bits":          estimators.DoReFaGradients{}.Quantize(once, dr, 2, 7),
		"short":           d.Quantize(once[1:], dr, 2, 7),
		"3 samples":       d.Quantize(once, dr, 3, 7),
		"0 samples":       d.Quantize(once, dr, 0, 7),
		"negative number": d.Quantize(once, dr, -2, 7),
		"NaN":             d.Quantize(floats(2), nan, 1, 7),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func largest(x []float32) (m float64) {
	for _, v := range x {
		m = max(m, math.Abs(float64(v)))
	}
	return m
}
