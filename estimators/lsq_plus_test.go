package estimators_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/estimators/estimatortest"
)

func init() { goldenMethods["lsq_plus"] = goldenLSQPlus }

func goldenLSQPlus(t *testing.T, c goldenCase, p goldenParams) {
	e := estimators.LSQPlus{Range: estimators.Range{Bits: p.Bits, Signed: p.Signed}}
	compareGolden(t, e, c, estimators.Params{scales(t, p.S), p.Offset}, c.Ds, c.Doffset)
}

// lsqPlusGradient is the derivative of y = s*q((x-b)/s) + b with the STE for that of q, times 1/sqrt(n*qp); for the
// clipped STE it is Bhalgat et al. 2020, section 3. Without an offset, b is 0 and has no gradient.
func lsqPlusGradient(scale, offset []float32, qn, qp, n float64, ste roundingGradient) func(x, dy []float64) ([]float64, [][]float64) {
	return func(x, dy []float64) ([]float64, [][]float64) {
		dx, ds, db := make([]float64, len(x)), make([]float64, len(scale)), make([]float64, len(offset))
		for i := range x {
			c := i % len(scale)
			s, b := float64(scale[c]), 0.0
			if len(offset) > 0 {
				b = float64(offset[c])
			}
			v := (x[i] - b) / s
			q := math.RoundToEven(clip(v, qn, qp))
			dx[i] = ste(dy[i]*s, v, q, qn, qp) / s
			ds[c] += (dy[i]*q - dx[i]*v) / math.Sqrt(n*qp)
			if len(offset) > 0 {
				db[c] += (dy[i] - dx[i]) / math.Sqrt(n*qp)
			}
		}
		if len(offset) == 0 {
			return dx, [][]float64{ds}
		}
		return dx, [][]float64{ds, db}
	}
}

func TestLSQPlus(t *testing.T) {
	var cases []estimatortest.Case
	add := func(r estimators.Range, n int, s roundingSTE, scale, offset []float32) {
		e := estimators.LSQPlus{Range: r, N: n, Scales: len(scale), STE: s.ste}
		if n == 0 {
			n = 100 // what the suite has in a channel
		}
		c := estimatortest.Case{
			Name: fmt.Sprint(r, s.name, scale, offset), Estimator: e, Params: estimators.Params{scale, offset}, Bits: r.Bits, Idempotent: true,
			Gradient: lsqPlusGradient(scale, offset, float64(r.Qn()), float64(r.Qp()), float64(n), s.grad),
		}
		for ch, s := range scale {
			c.Grids = append(c.Grids, evenGrid(r.Qn(), r.Qp(), float64(s), float64(offset[ch])))
		}
		cases = append(cases, c)
	}
	add(estimators.Range{Bits: 1}, 0, clippedSTE, []float32{0.5}, []float32{-0.2})
	for _, bits := range []int{2, 3, 4} {
		add(estimators.Range{Bits: bits}, 0, clippedSTE, []float32{0.3}, []float32{-0.7})
		add(estimators.Range{Bits: bits, Signed: true}, 25, clippedSTE, []float32{0.3}, []float32{0.1})
	}
	add(estimators.Range{Bits: 8}, 0, clippedSTE, []float32{0.125}, []float32{-3})
	add(estimators.Range{Bits: 3}, 0, identitySTE, []float32{0.3}, []float32{-0.7})
	add(estimators.Range{Bits: 3}, 0, ewgsSTE(0.1), []float32{0.3}, []float32{-0.7})
	add(estimators.Range{Bits: 3}, 0, dsqSTE(0.2), []float32{0.5}, []float32{-0.75})
	add(estimators.Range{Bits: 4}, 0, clippedSTE, []float32{0.1, 3, 0.004}, []float32{-0.7, 0, 0.01})
	estimatortest.Run(t, cases...)
}

// The integer form has the levels of LSQ+, moved so that 0 is one of them.
func TestLSQPlusInteger(t *testing.T) {
	var cases []estimatortest.Case
	for _, tt := range []struct {
		r       estimators.Range
		b, s, z float64
	}{
		{estimators.Range{Bits: 2}, -0.2, 0.5, 0}, {estimators.Range{Bits: 2}, -0.3, 0.5, 1}, {estimators.Range{Bits: 3}, -7, 0.5, 7},
		{estimators.Range{Bits: 3}, 2, 0.5, 0}, {estimators.Range{Bits: 3, Signed: true}, -1.1, 0.5, 2},
	} {
		qn, qp := tt.r.Qn(), tt.r.Qp()
		scale := []float32{float32(tt.s)}
		cases = append(cases, estimatortest.Case{
			Name: fmt.Sprint(tt), Estimator: estimators.LSQPlusInteger{LSQPlus: estimators.LSQPlus{Range: tt.r}},
			Params: estimators.Params{scale, {float32(tt.b)}}, Bits: tt.r.Bits, Idempotent: true,
			Grids:    [][]float64{evenGrid(qn, qp, tt.s, -tt.z*tt.s)},
			Gradient: lsqPlusGradient(scale, []float32{float32(-tt.z * tt.s)}, float64(qn), float64(qp), 100, clippedSTE.grad),
		})
	}
	estimatortest.Run(t, cases...)
}

// LSQ with another STE than the clipped one is the derivative of y = s*q(x/s).
func TestLSQWithSTE(t *testing.T) {
	var cases []estimatortest.Case
	for _, s := range []roundingSTE{clippedSTE, identitySTE, ewgsSTE(0.1), dsqSTE(0.2)} {
		for _, scale := range [][]float32{{0.25}, {0.1, 3, 0.004}} {
			r := estimators.Range{Bits: 3, Signed: true}
			c := estimatortest.Case{
				Name: fmt.Sprint(s.name, scale), Estimator: estimators.LSQ{Range: r, Scales: len(scale), STE: s.ste},
				Params: estimators.Params{scale}, Bits: 3, Idempotent: true,
				Gradient: lsqPlusGradient(scale, nil, -4, 3, 100, s.grad),
			}
			for _, s := range scale {
				c.Grids = append(c.Grids, evenGrid(-4, 3, float64(s), 0))
			}
			cases = append(cases, c)
		}
	}
	estimatortest.Run(t, cases...)
}

func TestLSQPlusMethod(t *testing.T) {
	r := estimators.Range{Bits: 3, Signed: true}
	if e, ok := newMethod(t, "lsq_plus", estimators.Spec{Range: r, Weights: true}).(estimators.LSQPlusWeights); !ok || e.Range != r {
		t.Errorf("of weights: %#v", e)
	}
	spec := estimators.Spec{Range: estimators.Range{Bits: 3}, N: 5}
	if e, ok := newMethod(t, "lsq_plus", spec).(estimators.LSQPlus); !ok || e.N != 5 {
		t.Errorf("of activations: %#v", e)
	}
	spec.Options = estimators.Options{"zero_point": 1}
	if _, ok := newMethod(t, "lsq_plus", spec).(estimators.Integer); !ok {
		t.Error("with a zero point, the method is not for integer networks")
	}
}

// Bhalgat et al. 2020, section 3: max(|mean - 3 deviations|, |mean + 3 deviations|)/2^(k-1).
func TestLSQPlusWeightsInit(t *testing.T) {
	e := estimators.LSQPlusWeights{LSQ: estimators.LSQ{Range: estimators.Range{Bits: 3, Signed: true}, Scales: 2}}
	p := estimators.Params{{0, 0}}
	if err := e.Init(p, []float32{-1, 0, -2, 0, -3, 0}); err != nil {
		t.Fatal(err)
	}
	compareClose(t, "scale", p[0], []float64{(2 + 3*math.Sqrt(2.0/3)) / 4, estimators.MinScale})
	for name, x := range map[string][]float32{"empty": {}, "NaN": {1, float32(math.NaN())}, "odd": {1}} {
		if e.Init(p, x) == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// The fitted scale and offset are those that data on levels was made with; on other data no near ones have less error.
func TestLSQPlusInit(t *testing.T) {
	e := estimators.LSQPlus{Range: estimators.Range{Bits: 3}}
	x := floats(1000)
	for i := range x {
		x[i] = float32(i%8)*0.3 - 0.7
	}
	p := estimators.Params{{0}, {0}}
	if err := e.Init(p, x); err != nil {
		t.Fatal(err)
	}
	compareClose(t, "scale", p[0], []float64{0.3})
	compareClose(t, "offset", p[1], []float64{-0.7})

	for i := range x { // a swish of normal x, nearly
		u := 3 * math.Sin(float64(i)*1.7)
		x[i] = float32(u * u * u / 9 / (1 + math.Exp(-u)))
	}
	if err := e.Init(p, x); err != nil {
		t.Fatal(err)
	}
	y := floats(len(x))
	least := lsqPlusError(t, e, y, x, p)
	for _, factor := range []float32{0.9, 0.97, 1.03, 1.1} {
		if got := lsqPlusError(t, e, y, x, estimators.Params{{p[0][0] * factor}, p[1]}); got < least {
			t.Errorf("error %v at %v times the scale; %v at the scale", got, factor, least)
		}
		if got := lsqPlusError(t, e, y, x, estimators.Params{p[0], {p[1][0] + (factor-1)*p[0][0]*3}}); got < least {
			t.Errorf("error %v at the offset and %v scales; %v at the offset", got, factor-1, least)
		}
	}
	for name, x := range map[string][]float32{"empty": {}, "Inf": {1, float32(math.Inf(1))}} {
		if e.Init(p, x) == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := e.Init(p, []float32{2, 2, 2}); err != nil || !(p[0][0] > 0) {
		t.Errorf("constant x: scale %v, %v", p[0], err)
	}
}

func lsqPlusError(t *testing.T, e estimators.Estimator, y, x []float32, p estimators.Params) (sum float64) {
	t.Helper()
	if err := e.Forward(y, x, p); err != nil {
		t.Fatal(err)
	}
	for i := range x {
		sum += float64(y[i]-x[i]) * float64(y[i]-x[i])
	}
	return sum
}
