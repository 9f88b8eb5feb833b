package estimators

import (
	"fmt"
	"math"
)

// APoT is additive powers-of-two quantization, Li et al. 2020, https://arxiv.org/abs/1909.13144, sections 2.2 and 2.3:
//
//	v = x/s,  q = nearest(clip(v, Qn, Qp)),  y = s*q,  s = a/Qp
//
//	dx = STE.Grad(dy, v, q, Qn, Qp)
//	da = 1/Qp * sum of dy*q - STE.Grad(dy, v, q, Qn, Qp)*v
//
// which with the clipped STE is the paper's equation 8: da = sum of dy * (y - x)/a inside the range, and of dy times
// the sign of x outside. a is the learned clipping threshold, positive, for the tensor or for each channel. The codes q
// are the sums of n terms, term i one of 0, 2^-i, 2^-(i+n), 2^-(i+2n), as multiples of the smallest power of two
// (equation 5, n = b/2). For odd b there is one more term, 0 or 2^-2n, and the last power of term i is 2^-(i+2n+1). Of
// k bits, b = k when unsigned; signed weights have one bit for the sign, and b = k-1 for the magnitude. The nearest
// code has the smaller magnitude at a tie. Qp is 4, 10, 48, 100, 448 at b = 2 to 6, and 1 at b = 1.
//
// With Normalize, for weights, x is first centred and divided by its deviation over the tensor (section 2.4),
//
//	x' = (x - mean)/(deviation + 1e-5)
//
// and y is the quantized x': it is in units of the deviation, and what follows, batch norm, takes up the factor. Mean
// and deviation are constant in the gradient, as in the authors' code for CIFAR: dx = dx'/(deviation + 1e-5). x that is
// not finite has no mean and is an error. Without Normalize, where x is NaN, y and da are NaN, the code is 0 and dx is
// 0, and infinities saturate.
type APoT struct {
	Bits      int // k; 1 to 8 unsigned, 2 to 8 signed
	Signed    bool
	Normalize bool
	Scales    int     // 1, or the number of channels; 0 is 1
	Clip      float32 // a at the start; 0 is the authors' 3 for normalized x and 6 for other x
	STE       STE     // gradient of the rounding; nil is [Clipped]
}

var _ Integer = APoT{}

var (
	apotSTEs    = []string{"clipped", "identity"}
	apotOptions = []Option{{
		Name: "clip", Doc: "clipping threshold at the start; 0 is 3 deviations for weights and 6 for activations", Max: 1000,
	}}
)

var _ = Register(Method{
	Name:    "apot",
	Source:  "Li et al. 2020, arXiv 1909.13144, section 2",
	Doc:     "sums of powers of two with a learned clipping threshold; weights are normalized",
	Weights: true, Activations: true, MinBits: 2, MaxBits: 6,
	STEs:    apotSTEs,
	Options: apotOptions,
	Is: func(s Spec) Traits {
		levels := 1 << s.Bits
		if s.Signed {
			levels-- // one 0 for both signs
		}
		return Traits{Levels: Integers, Learned: []string{"alpha"}, Bounds: true, Form: s.stairs(s.clipped() && levels <= MaxStairs)}
	},
	New: func(s Spec) (Estimator, error) {
		o, err := optionValues(apotOptions, s.Options)
		q := APoT{
			Bits: s.Bits, Signed: s.Signed, Normalize: s.Weights, Scales: s.Scales, Clip: float32(o["clip"]), STE: s.STE,
		}
		if err == nil {
			err = q.check()
		}
		if err == nil && s.Weights && !s.Signed {
			err = fmt.Errorf("unsigned weights; expected signed, as normalized weights have both signs")
		}
		if err == nil {
			err = checkSTE(s.STE, apotSTEs...)
		}
		if err == nil {
			err = checkInt8(q.Bits, q.Qn(), q.Qp())
		}
		return q, prefixed("apot", err)
	},
})

func (q APoT) check() error {
	smallest := 1
	if q.Signed {
		smallest = 2
	}
	if q.Bits < smallest || q.Bits > 8 {
		return fmt.Errorf("%d bits; expected %d to 8", q.Bits, smallest)
	}
	if !(q.Clip >= 0 && q.Clip <= math.MaxFloat32) {
		return fmt.Errorf("clipping threshold %v; expected a positive number, or 0", q.Clip)
	}
	return nil
}

// magnitudeBits is b.
func (q APoT) magnitudeBits() int {
	if q.Signed {
		return q.Bits - 1
	}
	return q.Bits
}

// magnitudes are the codes that are not negative, ascending. They must not be changed.
func (q APoT) magnitudes() []int32 { return apotCodes[min(max(q.magnitudeBits(), 0), 8)] }

// Params is the clipping threshold.
func (q APoT) Params() []Learned {
	return []Learned{{Name: "alpha", Len: max(q.Scales, 1), Positive: true}}
}

// Init implements [Estimator]: a is [APoT.Clip].
func (q APoT) Init(p Params, _ []float32) error {
	err := q.check()
	if err == nil {
		err = checkParams("parameters", p, max(q.Scales, 1))
	}
	if err != nil {
		return prefixed("apot", err)
	}
	clip := q.Clip
	switch {
	case clip > 0:
	case q.Normalize:
		clip = 3
	default:
		clip = 6
	}
	for c := range p[0] {
		p[0][c] = clip
	}
	return nil
}

// Qn is the smallest code.
func (q APoT) Qn() int {
	if q.Signed {
		return -q.Qp()
	}
	return 0
}

// Qp is the largest code, 2^(3n) - 2^(2n) for b = 2n.
func (q APoT) Qp() int {
	m := q.magnitudes()
	return int(m[len(m)-1])
}

// CodeScale implements [Integer]: the scale is a/Qp.
func (q APoT) CodeScale(scale, _ []float32, p Params) error {
	s, err := q.scales(p, 0)
	if err == nil && len(scale) != len(s) {
		err = fmt.Errorf("a scale of %d elements; expected %d", len(scale), len(s))
	}
	if err != nil {
		return prefixed("apot", err)
	}
	copy(scale, s)
	return nil
}

// scales checks the parameters for n elements and returns a/Qp.
func (q APoT) scales(p Params, n int) ([]float32, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	if err := checkParams("parameters", p, max(q.Scales, 1)); err != nil {
		return nil, err
	}
	scale, qp := make([]float32, len(p[0])), float32(q.Qp())
	for c, a := range p[0] {
		scale[c] = a / qp
	}
	return scale, checkScale(scale, n)
}

// codeTable has the codes as its levels, without those below 0.
func (q APoT) codeTable() (levelTable, error) {
	m := q.magnitudes()
	levels := make([]float32, len(m))
	for i, code := range m {
		levels[i] = float32(code)
	}
	return newLevelTable(levels)
}

// code is the integer level of v, and 0 for NaN.
func (q APoT) code(v float32, t *levelTable) int32 {
	if !q.Signed {
		return int32(t.levels[t.find(v)])
	}
	// Weights have either sign: a branch on it would go wrong half of the time.
	const sign = 1 << 31
	bits := math.Float32bits(v)
	level := t.levels[t.find(math.Float32frombits(bits&^sign))]
	return int32(math.Float32frombits(math.Float32bits(level) | bits&sign))
}

// Forward implements [Estimator].
func (q APoT) Forward(y, x []float32, p Params) error {
	if y == nil {
		y = []float32{} // a y that is too short, not one that is not wanted
	}
	return q.Quantize(nil, y, x, p)
}

// Quantize implements [Integer].
func (q APoT) Quantize(codes []int32, y, x []float32, p Params) error {
	scale, err := q.scales(p, len(x))
	if err == nil {
		err = checkOutputs(codes, y, len(x))
	}
	if err != nil {
		return prefixed("apot", err)
	}
	if q.Normalize {
		x, _, err = normalizedWeights(x)
	}
	if err != nil {
		return prefixed("apot", err)
	}
	t, err := q.codeTable()
	if err != nil {
		return prefixed("apot", err)
	}
	for i, v := range x {
		s := scale[i%len(scale)]
		code := q.code(v/s, &t)
		if codes != nil {
			codes[i] = code
		}
		if y != nil {
			y[i] = float32(code) * s
			if v != v {
				y[i] = v
			}
		}
	}
	return nil
}

// Backward implements [Estimator].
func (q APoT) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	scale, err := q.scales(p, len(x))
	if err == nil {
		err = checkGradients(dx, dy, len(x), dp, len(scale))
	}
	if err != nil {
		return prefixed("apot", err)
	}
	divisor := 1.0
	if q.Normalize {
		x, divisor, err = normalizedWeights(x)
	}
	if err != nil {
		return prefixed("apot", err)
	}
	t, err := q.codeTable()
	if err != nil {
		return prefixed("apot", err)
	}
	ste := q.STE
	if ste == nil {
		ste = Clipped{}
	}
	lo, hi := float32(q.Qn()), float32(q.Qp())
	sums := make([]float64, len(scale))
	for i, w := range x {
		c := i % len(scale)
		v, g := w/scale[c], dy[i]
		if v != v {
			dx[i] = 0
			sums[c] = math.NaN()
			continue
		}
		code := float32(q.code(v, &t))
		h := ste.Grad(g, v, code, lo, hi)
		sums[c] += float64(g) * float64(code)
		if h != 0 { // 0 times an infinite v is not 0
			sums[c] -= float64(h) * float64(v)
		}
		dx[i] = float32(float64(h) / divisor)
	}
	for c, sum := range sums {
		dp[0][c] = float32(sum / float64(hi))
	}
	return nil
}
