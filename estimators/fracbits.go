package estimators

import (
	"errors"
	"math"
)

// FracBits has a fractional bit width that is learned, Yang and Jin 2021, https://arxiv.org/abs/2007.02017, section 3: between
// the levels of two whole numbers of bits it interpolates,
//
//	y = (1-f)*q_k(x) + f*q_k+1(x),  k = floor(bits),  f = bits - k
//
//	dbits = sum of dy*(q_k+1(x) - q_k(x))
//
// which for a whole number of bits is q_k. The paper's q_k are DoReFa's for weights, which have no code 0, and PACT's for
// activations. Here they are those of [LSQ] for both, so that they run in integers. All have the largest level of the one scale s
// that is learned, of the Bits that training starts from:
//
//	q_k(x) = s_k*round(clip(x/s_k, Qn_k, Qp_k)),  s_k = s*Qp/Qp_k
//
//	dx = (1-f)*dx_k + f*dx_k+1,  ds = (1-f)*ds_k*Qp/Qp_k + f*ds_k+1*Qp/Qp_k+1
//
// with LSQ's dx_k and ds_k, and its gs for all of them that of Bits. Its parameters are the scale, for the tensor or for each
// channel, and bits.
type FracBits struct {
	Range      // Bits are those that training starts from
	N      int // as LSQ's
	Scales int // 1, or the number of channels; 0 is 1
}

var _ BitLearner = FracBits{}

var _ = Register(Method{
	Name:    "fracbits",
	Source:  "Yang and Jin 2021, arXiv 2007.02017, section 3",
	Doc:     "interpolates between LSQ's levels of two bit widths; the fractional bit width is learned for quant.target",
	Weights: true, Activations: true, MinBits: MinLearnedBits, MaxBits: MaxLearnedBits, LearnsBits: true,
	Is: always(Traits{Learned: []string{"scale", "bits"}}),
	New: func(s Spec) (Estimator, error) {
		f := FracBits{Range: s.Range, N: s.N, Scales: s.Scales}
		return f, f.Validate()
	},
})

// Validate reports a range that it cannot start from.
func (f FracBits) Validate() error {
	return prefixed("fracbits", errors.Join(f.Range.Validate(), checkLearnedBits(f.Bits)))
}

// Params are the scale and the bit width.
func (f FracBits) Params() []Learned {
	return []Learned{{Name: "scale", Len: max(f.Scales, 1), Positive: true}, {Name: "bits", Len: 1, Positive: true}}
}

// Init implements [Estimator]: LSQ's scale, and Bits.
func (f FracBits) Init(p Params, x []float32) error {
	if err := checkParams("parameters", p, max(f.Scales, 1), 1); err != nil {
		return prefixed("fracbits", err)
	}
	p[1][0] = float32(f.Bits)
	return prefixed("fracbits", f.lsq().InitialScale(p[0], x))
}

func (f FracBits) lsq() LSQ { return LSQ{Range: f.Range, N: f.N, Scales: f.Scales} }

// fraction are the levels of one of the two bit widths.
type fraction struct {
	share  float32 // of the output
	ratio  float32 // of its scale to the learned one
	qn, qp float32
}

// fractions checks the parameters for n elements and returns the levels below and above.
func (f FracBits) fractions(n int, p Params) (two [2]fraction, err error) {
	if err = f.Validate(); err == nil {
		err = checkParams("parameters", p, max(f.Scales, 1), 1)
	}
	if err == nil {
		err = errors.Join(checkScale(p[0], n), checkBits(p[1]))
	}
	if err != nil {
		return two, err
	}
	bits := f.LearnedBits(p)
	below := min(math.Floor(bits), MaxLearnedBits-1)
	above := float32(bits - below)
	for i, share := range []float32{1 - above, above} {
		r := f.Range
		r.Bits = int(below) + i
		two[i] = fraction{share, float32(float64(f.Qp()) / float64(r.Qp())), float32(r.Qn()), float32(r.Qp())}
	}
	return two, nil
}

// Forward implements [Estimator].
func (f FracBits) Forward(y, x []float32, p Params) error {
	two, err := f.fractions(len(x), p)
	if err == nil {
		err = checkLength("y", len(y), len(x))
	}
	if err != nil {
		return prefixed("fracbits", err)
	}
	for i := 0; i < len(x); i += len(p[0]) {
		for c, s := range p[0] {
			a, _, _ := two[0].quantize(x[i+c], s)
			b, _, _ := two[1].quantize(x[i+c], s)
			y[i+c] = float32(two[0].share*a) + float32(two[1].share*b) // not fused, on any processor
		}
	}
	return nil
}

// quantize returns the value of x, its slope in the learned scale, and whether x is in the range.
func (l *fraction) quantize(x, scale float32) (y, slope float32, inside bool) {
	s := scale * l.ratio
	v := x / s
	switch {
	case v < l.qn:
		return s * l.qn, l.ratio * l.qn, false
	case v > l.qp:
		return s * l.qp, l.ratio * l.qp, false
	}
	q := float32(math.RoundToEven(float64(v)))
	return s * q, l.ratio * (q - v), v == v
}

// Backward implements [Estimator].
func (f FracBits) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	two, err := f.fractions(len(x), p)
	if err == nil {
		err = checkGradients(dx, dy, len(x), dp, len(p[0]), 1)
	}
	if err != nil {
		return prefixed("fracbits", err)
	}
	var one [1]float64
	sums, bits := channels(one[:], len(p[0])), 0.0
	for i := 0; i < len(x); i += len(p[0]) {
		for c, s := range p[0] {
			g, passed := dy[i+c], float32(0)
			a, slopeA, inA := two[0].quantize(x[i+c], s)
			b, slopeB, inB := two[1].quantize(x[i+c], s)
			if inA {
				passed += two[0].share
			}
			if inB {
				passed += two[1].share
			}
			dx[i+c] = passed * g
			// The products of two float32 are exact in float64, so fusing them with the additions changes nothing.
			sums[c] += float64(g) * float64(float32(two[0].share*slopeA)+float32(two[1].share*slopeB))
			bits += float64(g) * float64(b-a)
		}
	}
	gs := f.lsq().GradientScale(len(x) / len(p[0]))
	for c, sum := range sums {
		dp[0][c] = float32(gs * sum)
	}
	dp[1][0] = float32(bits)
	return nil
}

// LearnedBits implements [BitLearner].
func (f FracBits) LearnedBits(p Params) float64 {
	if !p.are(max(f.Scales, 1), 1) {
		return MinLearnedBits
	}
	return boundBits(float64(p[1][0]))
}

// CostBits implements [BitLearner]: costs are linear between two numbers of bits, as outputs are.
func (f FracBits) CostBits(p Params) float64 { return f.LearnedBits(p) }

// AddCost implements [BitLearner].
func (f FracBits) AddCost(dp, _ Params, dbits float64) {
	if dp.are(max(f.Scales, 1), 1) {
		dp[1][0] += float32(dbits)
	}
}

// Bound implements [BitLearner].
func (f FracBits) Bound(p Params) {
	if p.are(max(f.Scales, 1), 1) {
		p[1][0] = float32(f.LearnedBits(p))
	}
}

// FixedScale implements [BitLearner]: the largest level stays.
func (f FracBits) FixedScale(scale []float32, p Params, bits int) {
	r := f.Range
	r.Bits = bits
	if !p.are(len(scale), 1) {
		return
	}
	for c, s := range p[0] {
		scale[c] = max(s*float32(float64(f.Qp())/float64(r.Qp())), MinScale)
	}
}
