package estimators_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// Weights of methods with Nearest have the codes that regularizers take them to have.
func TestNearestMethodsRoundToTheNearestLevel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, 300)
	for i := range x {
		x[i] = float32(rng.NormFloat64() * 0.7)
	}
	x[0] = 0
	n := 0
	for _, m := range estimators.Methods() {
		for bits := max(m.MinBits, 1); m.Nearest && bits <= min(m.MaxBits, 8); bits++ {
			for _, narrow := range []bool{false, true} {
				est, err := m.New(estimators.Spec{Range: estimators.Range{Bits: bits, Signed: true, Narrow: narrow}, Scales: 1, Weights: true})
				if err != nil || m.Name == "affine" && bits == 1 { // configs refuse that
					continue
				}
				p := estimators.Params{}
				for _, l := range est.Params() {
					p = append(p, make([]float32, l.Len))
				}
				if err := est.Init(p, x); err != nil {
					t.Fatal(m.Name, err)
				}
				q, scale, codes := est.(estimators.Integer), []float32{0}, make([]int32, len(x))
				if err := q.CodeScale(scale, x, p); err != nil {
					t.Fatal(m.Name, err)
				}
				if err := q.Quantize(codes, nil, x, p); err != nil {
					t.Fatal(m.Name, err)
				}
				n++
				for i, v := range x {
					want := int32(math.RoundToEven(min(max(float64(v/scale[0]), float64(q.Qn())), float64(q.Qp()))))
					if bits == 1 {
						if want = 1; v < 0 {
							want = -1
						}
					}
					if codes[i] != want {
						t.Fatalf("%s, %d bits, narrow %v: %v has the code %d, the nearest is %d of scale %v", m.Name, bits, narrow, v, codes[i], want, scale[0])
					}
				}
				// The range that layers make of the integers is the method's.
				r := estimators.Range{Bits: bits, Signed: true, Narrow: q.Qn() == -q.Qp()}
				if bits > 1 && (r.Qn() != q.Qn() || r.Qp() != q.Qp()) {
					t.Errorf("%s, %d bits: levels %d to %d, a range has %d to %d", m.Name, bits, q.Qn(), q.Qp(), r.Qn(), r.Qp())
				}
			}
		}
	}
	if n < 80 {
		t.Errorf("%d cases; are methods without Nearest?", n)
	}
}
