package estimators_test

import (
	"math"
	"strings"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// The scale is that of Bhalgat et al. 2020 for the mean and deviation of all x, and stays exact where the mean is far
// from 0.
func TestThreeSigma(t *testing.T) {
	for _, shift := range []float64{0, -2, 1000} {
		x := normals(3000, 17, shift, 0.25)
		mean, square := 0.0, 0.0
		for _, v := range x {
			mean += float64(v) / float64(len(x))
		}
		for _, v := range x {
			square += math.Pow(float64(v)-mean, 2) / float64(len(x))
		}
		for i := range 4 {
			narrow, symmetric := i&1 != 0, i&2 != 0
			s := estimators.CalibrationSpec{Range: estimators.Range{Bits: 4, Signed: true, Narrow: narrow}, Symmetric: symmetric}
			want := max(math.Abs(mean-3*math.Sqrt(square)), math.Abs(mean+3*math.Sqrt(square))) / 8
			lo, hi := calibrate(t, observer(t, "lsq_plus", s), 1, x[:7], x[7:2000], x[2000:])
			a, err := estimators.NewCalibrated(s.Range, symmetric, lo, hi)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(float64(a.Scale[0])-want) > 1e-6*want || a.ZeroPoint[0] != 0 {
				t.Errorf("mean %v, %+v: scale %v, zero point %v; want %v, 0", shift, s, a.Scale[0], a.ZeroPoint[0], want)
			}
		}
	}
	c, err := estimators.CalibrationNamed("lsq_plus")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.New(estimators.CalibrationSpec{Range: estimators.Range{Bits: 4}}); err == nil ||
		!strings.Contains(err.Error(), "unsigned") {
		t.Errorf("unsigned: %v", err)
	}
	huge := observer(t, "lsq_plus", signed8)
	if err := huge.Observe([]float32{math.MaxFloat32, -math.MaxFloat32}); err != nil {
		t.Fatal(err)
	}
	if huge.Range([]float32{0}, []float32{0}) == nil {
		t.Error("a scale beyond float32: no error")
	}
}
