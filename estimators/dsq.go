package estimators

import "fmt"

// DSQ is differentiable soft quantization, Gong et al. 2019, https://arxiv.org/abs/1908.05033, section 3: n + 1 = 2^k
// even levels on a learned interval [l, u], with v = (x - l)/D and D = (u - l)/n:
//
//	q = round(clip(v, 0, n)),  y = l + D*q
//
//	dx = h,  h = STE.Grad(dy, v, q, 0, n)
//	dl = sum of dy*(1 - q/n) - h*(1 - v/n),  du = sum of dy*q/n - h*v/n
//
// The parameters are lower and upper, for the tensor or for each channel, and, if LearnAlpha, the alpha of the
// [SoftStaircase], one for the tensor. The forward pass has hard levels, as the paper's, so alpha's gradient is that of
// the soft staircase, in the clip of alpha to 0.001..0.5. Rounding is half to even (the paper's sign(0) = 1 rounds
// halves up). Where x is NaN, y and the gradients of the parameters are NaN and dx is 0; infinities saturate.
type DSQ struct {
	Bits       int // 1 to 16
	Scales     int // 1, or the number of channels; 0 is 1
	STE        STE // nil is [SoftStaircase] with alpha 0.2
	LearnAlpha bool
}

var dsqSTEs = []string{"dsq", "clipped", "ewgs"}

var dsqLearnAlpha = Option{
	Name: "learn_alpha", Doc: "1 learns the alpha of the soft staircase; 0 holds it, or schedules it", Max: 1,
}

var _ = Register(Method{
	Name:    "dsq",
	Source:  "Gong et al. 2019, arXiv 1908.05033, section 3",
	Doc:     "learned interval, with the gradient of a soft staircase",
	Weights: true, Activations: true, MinBits: 1, MaxBits: maxBits,
	STEs:    dsqSTEs,
	Options: []Option{dsqLearnAlpha, zeroPointOption},
	Is: func(s Spec) Traits {
		t := Traits{Levels: AtOffset, Learned: []string{"lower", "upper"}, Bounds: true, Zero: ZeroLearned, Form: s.stairs(true)}
		if s.on(zeroPointOption) {
			t.Levels = Even
		}
		if s.on(dsqLearnAlpha) {
			t.Learned = append(t.Learned, "alpha")
		}
		return t
	},
	New: func(s Spec) (Estimator, error) {
		learn, err := optionBool(dsqLearnAlpha, s.Options)
		if err != nil {
			return nil, prefixed("dsq", err)
		}
		d := DSQ{Bits: s.Bits, Scales: s.Scales, STE: s.STE, LearnAlpha: learn}
		zero, err := optionBool(zeroPointOption, s.Options)
		if err != nil {
			return nil, prefixed("dsq", err)
		}
		if zero {
			return DSQInteger{d}, d.Validate()
		}
		return d, d.Validate()
	},
})

// DSQInteger is [DSQ] with its levels moved so that 0 is one of them: y = D*(code - z), z = clip(round(-l/D), 0, n).
// The gradients are those of DSQ at the moved levels; the move itself passes them straight through.
type DSQInteger struct{ DSQ }

var (
	_ Estimator = DSQ{}
	_ Integer   = DSQInteger{}
)

// Validate reports bits or an STE that DSQ cannot use.
func (d DSQ) Validate() error {
	err := d.levelRange().Validate()
	if err == nil {
		err = checkSTE(d.STE, dsqSTEs...)
	}
	if err == nil && d.LearnAlpha && !d.soft() {
		err = fmt.Errorf("alpha is learned with the gradient estimator %T; expected dsq, which has one", d.STE)
	}
	return prefixed("dsq", err)
}

func (d DSQ) soft() bool {
	_, soft := d.STE.(SoftStaircase)
	return soft || d.STE == nil
}

func (d DSQ) levelRange() Range { return Range{Bits: d.Bits} }

func (d DSQ) scales() int { return max(d.Scales, 1) }

// Qn is 0.
func (d DSQ) Qn() int { return 0 }

// Qp is n.
func (d DSQ) Qp() int { return d.levelRange().Qp() }

// Params are lower, upper and perhaps alpha.
func (d DSQ) Params() []Learned {
	learned := []Learned{{Name: "lower", Len: d.scales()}, {Name: "upper", Len: d.scales()}}
	if d.LearnAlpha {
		learned = append(learned, Learned{Name: "alpha", Len: 1, Positive: true})
	}
	return learned
}

func (d DSQ) checkParams(p Params) error {
	if d.LearnAlpha {
		return checkParams("parameters", p, d.scales(), d.scales(), 1)
	}
	return checkParams("parameters", p, d.scales(), d.scales())
}

// Init implements [Estimator]: the interval has the least squared error on x; the paper gives none. alpha is the STE's.
func (d DSQ) Init(p Params, x []float32) error {
	err := d.Validate()
	if err == nil {
		err = prefixed("dsq", d.checkParams(p))
	}
	if err != nil {
		return err
	}
	n := float32(d.Qp())
	if err := fitLevels(p[1], p[0], x, 0, n); err != nil {
		return prefixed("dsq", err)
	}
	for c, s := range p[1] {
		p[1][c] = p[0][c] + s*n
	}
	if d.LearnAlpha {
		p[2][0] = float32(d.staircase(nil).alpha)
	}
	return nil
}

// staircase is the STE with its alpha, or with the learned one.
func (d DSQ) staircase(p Params) SoftStaircase {
	switch s, given := d.STE.(SoftStaircase); {
	case len(p) > 2:
		return softStaircase(min(max(float64(p[2][0]), dsqAlpha.Min), dsqAlpha.Max))
	case given:
		return s
	}
	return softStaircase(dsqAlpha.Default)
}

func (d DSQ) rounding(p Params) rounding {
	switch {
	case d.LearnAlpha:
		return rounding{ste: d.staircase(p)}
	case d.STE == nil:
		return rounding{ste: standardStaircase}
	}
	return rounding{ste: d.STE}
}

// levels checks the parameters for n elements of x; zero moves the levels to a zero point.
func (d DSQ) levels(buf []levels, n int, p Params, zero bool) ([]levels, error) {
	err := d.levelRange().Validate()
	if err == nil {
		err = d.checkParams(p)
	}
	if err == nil {
		err = checkChannels("lower", len(p[0]), n)
	}
	if err == nil {
		err = checkInterval(p[0], p[1])
	}
	if err == nil && d.LearnAlpha {
		err = checkFiniteParam("alpha", p[2])
	}
	if err != nil {
		return nil, prefixed("dsq", err)
	}
	ls := channels(buf, len(p[0]))
	for c, l := range p[0] {
		ls[c] = evenLevels(0, d.Qp(), intervalScale(l, p[1][c], float32(d.Qp())))
		ls[c].b, ls[c].base = l, l
		if zero {
			ls[c] = zeroPointLevels(ls[c])
		}
	}
	return ls, nil
}

// Forward implements [Estimator].
func (d DSQ) Forward(y, x []float32, p Params) error { return d.quantize(nil, wanted(y), x, p, false) }

// Backward implements [Estimator].
func (d DSQ) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	return d.backward(dx, dp, x, dy, p, false)
}

// Forward implements [Estimator].
func (d DSQInteger) Forward(y, x []float32, p Params) error {
	return d.quantize(nil, wanted(y), x, p, true)
}

// Quantize implements [Integer].
func (d DSQInteger) Quantize(codes []int32, y, x []float32, p Params) error {
	return d.quantize(codes, y, x, p, true)
}

// CodeScale implements [Integer]: the scale is D.
func (d DSQInteger) CodeScale(scale, _ []float32, p Params) error {
	var one [1]levels
	ls, err := d.levels(one[:], 0, p, true)
	if err == nil {
		err = prefixed("dsq", writeScales(scale, ls))
	}
	return err
}

// Backward implements [Estimator].
func (d DSQInteger) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	return d.backward(dx, dp, x, dy, p, true)
}

func (d DSQ) quantize(codes []int32, y, x []float32, p Params, zero bool) error {
	var one [1]levels
	ls, err := d.levels(one[:], len(x), p, zero)
	if err == nil {
		err = prefixed("dsq", quantizeLevels(codes, y, x, ls, &rounding{}))
	}
	return err
}

func (d DSQ) backward(dx []float32, dp Params, x, dy []float32, p Params, zero bool) error {
	var one [1]levels
	var oneSum [1]sums
	ls, err := d.levels(one[:], len(x), p, zero)
	if err != nil {
		return err
	}
	if d.LearnAlpha {
		err = checkGradients(dx, dy, len(x), dp, len(ls), len(ls), 1)
	} else {
		err = checkGradients(dx, dy, len(x), dp, len(ls), len(ls))
	}
	if err != nil {
		return prefixed("dsq", err)
	}
	if d.LearnAlpha {
		dp[2][0] = float32(d.alphaGradient(x, dy, ls, p))
	}
	total, r := channels(oneSum[:], len(ls)), d.rounding(p)
	if err := backwardLevels(dx, total, x, dy, ls, &r); err != nil {
		return prefixed("dsq", err)
	}
	for c, t := range total {
		d.gradients(dp, c, t)
	}
	return nil
}

// alphaGradient is the sum of dy times the derivative of the soft y in alpha.
func (d DSQ) alphaGradient(x, dy []float32, ls []levels, p Params) (sum float64) {
	s := d.staircase(p)
	for i, g := range dy {
		l := &ls[i%len(ls)]
		if v := (x[i] - l.b) / l.s; l.lo <= v && v <= l.hi {
			sum += float64(float64(g) * float64(l.s) * s.byAlpha(v))
		}
	}
	return sum
}
