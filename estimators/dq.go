package estimators

import (
	"errors"
	"math"
)

// DQ learns a step size d and a range q_max, from which the bit width follows, Uhlich et al. 2020,
// https://arxiv.org/abs/1905.11452, section 2, case U3:
//
//	y = d*round(clip(x, -q_max, q_max)/d),  from 0 where x is unsigned
//
//	bits = log2(q_max/d + 1), and 1 for the sign;  costs are of ceil(bits)
//
//	dx = dy                        where |x| <= q_max, else 0
//	dd = sum of dy*(y - x)/d       where |x| <= q_max, else 0
//	dq_max = sum of dy*sign(x)     where |x| > q_max, else 0
//
// The paper's clipped x are q_max itself; here, as in the authors' code, they are the multiple of d nearest to it, so that all
// levels are multiples of d. A cost's gradient passes the ceil:
//
//	dd -= dbits*q_max/(d*(q_max + d)*ln 2),  dq_max += dbits/((q_max + d)*ln 2)
//
// and the sums of both are clipped to [-d, d], as in the authors' code. d need not be a power of two. Its parameters are d and
// q_max, of the tensor.
type DQ struct {
	Range // Bits are those that training starts from
}

var _ BitLearner = DQ{}

var _ = Register(Method{
	Name:    "dq",
	Source:  "Uhlich et al. 2020, arXiv 1905.11452, section 2, case U3",
	Doc:     "step size and range are learned, and the bit width that follows from them, for quant.target",
	Weights: true, Activations: true, MinBits: MinLearnedBits, MaxBits: MaxLearnedBits, LearnsBits: true,
	Is: always(Traits{Learned: []string{"step", "range"}, Bounds: true}),
	New: func(s Spec) (Estimator, error) {
		if s.Scales > 1 {
			return nil, prefixed("dq", errors.New("a bit width for each channel; expected one scale for the tensor"))
		}
		d := DQ{s.Range}
		return d, d.Validate()
	},
})

// Validate reports a range that it cannot start from.
func (q DQ) Validate() error {
	return prefixed("dq", errors.Join(q.Range.Validate(), checkLearnedBits(q.Bits)))
}

// Params are the step size d and the range q_max.
func (q DQ) Params() []Learned {
	return []Learned{{Name: "step", Len: 1, Positive: true}, {Name: "range", Len: 1, Positive: true}}
}

// Init implements [Estimator]: d is LSQ's scale, and q_max its largest level of Bits.
func (q DQ) Init(p Params, x []float32) error {
	err := checkParams("parameters", p, 1, 1)
	if err == nil {
		err = (LSQ{Range: q.Range}).InitialScale(p[0], x)
	}
	if err == nil {
		p[1][0] = p[0][0] * float32(q.Qp())
	}
	return prefixed("dq", err)
}

// ends checks the parameters for n elements and returns the range in the unit of x.
func (q DQ) ends(n int, p Params) (lo, hi float32, err error) {
	if err = q.Validate(); err == nil {
		err = checkParams("parameters", p, 1, 1)
	}
	if err == nil {
		err = errors.Join(checkScale(p[0], n), checkScale(p[1], n))
	}
	if err != nil {
		return 0, 0, prefixed("dq", err)
	}
	if hi = p[1][0]; q.Signed {
		lo = -hi
	}
	return lo, hi, nil
}

// Forward implements [Estimator].
func (q DQ) Forward(y, x []float32, p Params) error {
	lo, hi, err := q.ends(len(x), p)
	if err == nil {
		err = prefixed("dq", checkLength("y", len(y), len(x)))
	}
	if err != nil {
		return err
	}
	d := p[0][0]
	for i, v := range x {
		y[i] = d * float32(math.RoundToEven(float64(min(max(v, lo), hi)/d)))
	}
	return nil
}

// Backward implements [Estimator].
func (q DQ) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	lo, hi, err := q.ends(len(x), p)
	if err == nil {
		err = prefixed("dq", checkGradients(dx, dy, len(x), dp, 1, 1))
	}
	if err != nil {
		return err
	}
	d := p[0][0]
	step, ends := 0.0, 0.0
	for i, v := range x {
		g := dy[i]
		switch {
		case v < lo:
			dx[i] = 0
			if q.Signed {
				ends -= float64(g)
			}
		case v > hi:
			dx[i] = 0
			ends += float64(g)
		case v != v:
			dx[i] = 0
			step += float64(v)
		default:
			dx[i] = g
			v /= d
			step += float64(g) * float64(float32(math.RoundToEven(float64(v)))-v) // exact: at most 24 and 24 bits
		}
	}
	dp[0][0], dp[1][0] = float32(step), float32(ends)
	return nil
}

// LearnedBits implements [BitLearner]: before rounding up.
func (q DQ) LearnedBits(p Params) float64 {
	if !p.are(1, 1) {
		return MinLearnedBits
	}
	bits := math.Log2(float64(p[1][0])/float64(p[0][0]) + 1)
	if q.Signed {
		bits++
	}
	return boundBits(bits)
}

// CostBits implements [BitLearner]: the whole number of bits that the levels take.
func (q DQ) CostBits(p Params) float64 {
	const rounding = 1e-6 // 15 steps are 4 bits, whatever float32 makes of their quotient
	return boundBits(math.Ceil(q.LearnedBits(p) - rounding))
}

// AddCost implements [BitLearner].
func (q DQ) AddCost(dp, p Params, dbits float64) {
	if !dp.are(1, 1) || !p.are(1, 1) {
		return
	}
	d, end := float64(p[0][0]), float64(p[1][0])
	step := float64(dp[0][0]) - dbits*end/(d*(end+d)*math.Ln2)
	ends := float64(dp[1][0]) + dbits/((end+d)*math.Ln2)
	dp[0][0], dp[1][0] = float32(min(max(step, -d), d)), float32(min(max(ends, -d), d))
}

// Bound implements [BitLearner]: the range is brought to that of the nearest bits.
func (q DQ) Bound(p Params) {
	if !p.are(1, 1) {
		return
	}
	steps := func(bits float64) float64 {
		if q.Signed {
			bits--
		}
		return math.Exp2(bits) - 1
	}
	d := float64(p[0][0])
	p[1][0] = float32(min(max(float64(p[1][0]), d*steps(MinLearnedBits)), d*steps(MaxLearnedBits)))
}

// FixedScale implements [BitLearner]: the largest level is the range.
func (q DQ) FixedScale(scale []float32, p Params, bits int) {
	r := q.Range
	r.Bits = bits
	if !p.are(len(scale), 1) {
		return
	}
	scale[0] = max(p[1][0]/float32(r.Qp()), MinScale)
}
