package estimators_test

import (
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// surrogate is a gradient estimator of a sign with its definition: the function whose derivative it is, and the
// derivative in closed form.
type surrogate struct {
	name       string
	ste        estimators.STE
	function   func(v float64) float64
	derivative func(v float64) float64
	kinks      []float64 // where the function has no derivative
}

// surrogates are the gradients that fit a sign.
func surrogates() []surrogate {
	return []surrogate{
		{
			"identity", estimators.Identity{},
			func(v float64) float64 { return v },
			func(float64) float64 { return 1 }, nil,
		},
		{
			"clipped", estimators.Clipped{},
			func(v float64) float64 { return min(max(v, -1), 1) },
			func(v float64) float64 { return indicator(-1 <= v && v <= 1) }, []float64{-1, 1},
		},
		approxSign(), swishSign(5), swishSign(0.7), ede(0.1), ede(1), ede(10),
		reste(1, 1.5), reste(3, 1.5), reste(2, 0.625),
	}
}

func indicator(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// testSurrogate compares the estimator with its closed form and with differences of its function, on [-3, 3].
func testSurrogate(t *testing.T, s surrogate) {
	t.Helper()
	const h = 1e-6
	for i := range 6001 {
		v := float32(i-3000) / 1000
		q := float32(1)
		if v < 0 {
			q = -1
		}
		for _, g := range []float32{1, -2.5} {
			got := float64(s.ste.Grad(g, v, q, -1, 1))
			if want := float64(g) * s.derivative(float64(v)); !within(got, want, 1e-6) {
				t.Errorf("%s: dv = %v at v = %v, dq = %v; want %v", s.name, got, v, g, want)
			}
			if s.atKink(float64(v)) {
				continue
			}
			want := float64(g) * (s.function(float64(v)+h) - s.function(float64(v)-h)) / (2 * h)
			if !within(got, want, 1e-4) {
				t.Errorf("%s: dv = %v at v = %v, dq = %v; differences of the function give %v", s.name, got, v, g, want)
			}
		}
	}
}

func (s surrogate) atKink(v float64) bool {
	for _, k := range s.kinks {
		if math.Abs(v-k) < 1e-4 {
			return true
		}
	}
	return false
}

func within(got, want, tolerance float64) bool {
	return math.Abs(got-want) <= tolerance*max(math.Abs(want), 1)
}

// testOutside checks v where a surrogate of the sign is flat, or no number.
func testOutside(t *testing.T, ste estimators.STE) {
	t.Helper()
	inf := math.Inf(1)
	for _, v := range []float64{inf, -inf, math.NaN(), 1e30, -1e30, math.MaxFloat32} {
		if got := ste.Grad(2, float32(v), 1, -1, 1); got != 0 {
			t.Errorf("%T: dv = %v at v = %v; want 0", ste, got, v)
		}
	}
}

// testOptions checks that the defaults are those expected, that values reach the STE and that bad ones are errors.
func testOptions(t *testing.T, name string, standard, other estimators.STE, given estimators.Options,
	bad ...estimators.Options,
) {
	t.Helper()
	kind, err := estimators.STENamed(name)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := kind.New(nil); err != nil || got != standard {
		t.Errorf("%s without options: %#v, %v; want %#v", name, got, err, standard)
	}
	if got, err := kind.New(given); err != nil || got != other {
		t.Errorf("%s with %v: %#v, %v; want %#v", name, given, got, err, other)
	}
	for _, options := range bad {
		if _, err := kind.New(options); err == nil {
			t.Errorf("%s with %v: no error", name, options)
		}
	}
}
