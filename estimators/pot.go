package estimators

import (
	"fmt"
	"math"
)

// PoT is the quantizer of weights to powers of two, Miyashita et al. 2016, https://arxiv.org/abs/1603.01025, section
// 3.2 (LogQuant):
//
//	y = sign(x) * 2^clip(round(log2|x|), emin, emax),  0 where |x| < 2^(emin-1)
//
//	dx = STE.Grad(dy, v, code, Qn, Qp),  v = x/2^emin
//
// Rounding is on the log scale, so 2^e begins at 2^(e-1/2). The exponents are those that [INQ] takes for the largest
// |x| of the tensor or of each channel, anew in each call: at k bits 2^(k-2) of them (x that is not finite is then an
// error); or they are Fixed. In integers the scale is 2^emin and the codes are 0 and the powers of two up to
// 2^(emax-emin), with both signs; all arithmetic is exact. x has any shape; nothing is learned. With fixed exponents,
// where x is NaN, y is NaN, the code is 0 and dx is 0, and infinities saturate.
type PoT struct {
	Bits       int  // k, 2 to 6; with fixed exponents 2 to 8
	Scales     int  // 1, or the number of channels; 0 is 1
	Fixed      bool // take Emin and Emax
	Emin, Emax int  // at least -126 and at most 127, and 30 apart at most
	STE        STE  // gradient of the rounding; nil is [Identity]
}

var _ Integer = PoT{}

var (
	potSTEs    = []string{"identity", "clipped"}
	potOptions = []Option{
		{Name: "fixed", Doc: "1 takes emin and emax, 0 takes the exponents from the largest weight", Max: 1},
		{Name: "emin", Doc: "exponent of the smallest power of two, with fixed", Default: -6, Min: -126, Max: 127},
		{Name: "emax", Doc: "exponent of the largest power of two, with fixed", Default: 0, Min: -126, Max: 127},
	}
)

var _ = Register(Method{
	Name:    "pot",
	Source:  "Miyashita et al. 2016, arXiv 1603.01025, section 3.2; exponents of Zhou et al. 2017, arXiv 1702.03044",
	Doc:     "powers of two and 0, nearest on a log scale",
	Weights: true, MinBits: 2, MaxBits: 4,
	STEs:    potSTEs,
	Options: potOptions,
	Is:      always(Traits{Levels: Integers}),
	New: func(s Spec) (Estimator, error) {
		o, err := optionValues(potOptions, s.Options)
		q := PoT{
			Bits: s.Bits, Scales: s.Scales, Fixed: o["fixed"] != 0,
			Emin: int(o["emin"]), Emax: int(o["emax"]), STE: s.STE,
		}
		if err == nil {
			err = q.check()
		}
		if err == nil {
			err = checkSTE(s.STE, potSTEs...)
		}
		if err == nil {
			err = checkInt8(q.Bits, q.Qn(), q.Qp())
		}
		return q, prefixed("pot", err)
	},
})

func (q PoT) check() error {
	if q.Fixed && (q.Bits < 2 || q.Bits > 8) {
		return fmt.Errorf("%d bits; expected 2 to 8", q.Bits)
	}
	if !q.Fixed && (q.Bits < 2 || q.Bits > 6) {
		return fmt.Errorf("%d bits; expected 2 to 6", q.Bits)
	}
	if q.Fixed && (q.Emin < -126 || q.Emax > 127 || q.span() < 0 || q.span() > 30) {
		return fmt.Errorf("exponents %d to %d; expected -126 to 127, at most 30 apart", q.Emin, q.Emax)
	}
	if levels := 2*q.span() + 3; levels > 1<<q.Bits {
		return fmt.Errorf("exponents %d to %d make %d levels; expected at most %d at %d bits",
			q.Emin, q.Emax, levels, 1<<q.Bits, q.Bits)
	}
	return nil
}

// span is emax - emin.
func (q PoT) span() int {
	if q.Fixed {
		return q.Emax - q.Emin
	}
	return 1<<max(q.Bits-2, 0) - 1
}

// Params is empty.
func (PoT) Params() []Learned { return nil }

// Init implements [Estimator]; there is nothing to learn.
func (q PoT) Init(p Params, _ []float32) error { return prefixed("pot", checkParams("parameters", p)) }

// Qn is -2^(emax-emin).
func (q PoT) Qn() int { return -q.Qp() }

// Qp is 2^(emax-emin).
func (q PoT) Qp() int { return 1 << max(q.span(), 0) }

// CodeScale implements [Integer]: the scale is 2^emin.
func (q PoT) CodeScale(scale, x []float32, p Params) error {
	emin, err := q.smallest(x, p)
	if err == nil && len(scale) != len(emin) {
		err = fmt.Errorf("a scale of %d elements; expected %d", len(scale), len(emin))
	}
	if err != nil {
		return prefixed("pot", err)
	}
	for c, e := range emin {
		scale[c] = float32(math.Ldexp(1, e))
	}
	return nil
}

// smallest checks the parameters and returns emin, of the tensor or of each channel.
func (q PoT) smallest(x []float32, p Params) ([]int, error) {
	err := q.check()
	if err == nil {
		err = checkParams("parameters", p)
	}
	channels := max(q.Scales, 1)
	if err == nil {
		err = checkChannels("scale", channels, len(x))
	}
	if err != nil {
		return nil, err
	}
	emin := make([]int, channels)
	if q.Fixed {
		for c := range emin {
			emin[c] = q.Emin
		}
		return emin, nil
	}
	largest, err := maxMagnitudes(x, channels)
	for c, s := range largest {
		emin[c], _ = inqExponents(q.Bits, s)
	}
	return emin, err
}

// code is the integer level of x, and 0 for NaN.
func (q PoT) code(x float32, emin int) int32 {
	if x != x {
		return 0
	}
	e, zero := nearestPower(max(x, -x), emin, emin+q.span(), geometricMiddle)
	switch {
	case zero:
		return 0
	case x < 0:
		return -1 << (e - emin)
	}
	return 1 << (e - emin)
}

// Forward implements [Estimator].
func (q PoT) Forward(y, x []float32, p Params) error {
	if y == nil {
		y = []float32{} // a y that is too short, not one that is not wanted
	}
	return q.Quantize(nil, y, x, p)
}

// Quantize implements [Integer].
func (q PoT) Quantize(codes []int32, y, x []float32, p Params) error {
	emin, err := q.smallest(x, p)
	if err == nil {
		err = checkOutputs(codes, y, len(x))
	}
	if err != nil {
		return prefixed("pot", err)
	}
	for i, v := range x {
		e := emin[i%len(emin)]
		code := q.code(v, e)
		if codes != nil {
			codes[i] = code
		}
		if y != nil {
			y[i] = float32(math.Ldexp(float64(code), e))
			if v != v {
				y[i] = v
			}
		}
	}
	return nil
}

// Backward implements [Estimator].
func (q PoT) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	emin, err := q.smallest(x, p)
	if err == nil {
		err = checkGradients(dx, dy, len(x), dp)
	}
	if err != nil {
		return prefixed("pot", err)
	}
	ste := q.STE
	if ste == nil {
		ste = Identity{}
	}
	lo, hi := float32(q.Qn()), float32(q.Qp())
	for i, v := range x {
		e := emin[i%len(emin)]
		g := dy[i]
		dx[i] = 0
		if v == v {
			dx[i] = ste.Grad(g, v/float32(math.Ldexp(1, e)), float32(q.code(v, e)), lo, hi)
		}
	}
	return nil
}
