package estimators

import "math"

// Penalized is an estimator whose method adds an L2 penalty on parameters to the loss.
type Penalized interface {
	Estimator

	// Decay returns the coefficient d of each parameter p: the loss has d/2 * sum of p^2 more, p's gradient d*p.
	// Backward does not include it.
	Decay() []float64
}

// PACT is parameterized clipping activation, Choi et al. 2018, https://arxiv.org/abs/1805.06085, section 3: a ReLU with
// a learned clip a, and n + 1 = 2^k even levels below it, with s = a/n and v = x/s:
//
//	q = round(clip(v, 0, n)),  y = s*q
//
//	dx = STE.Grad(dy, v, q, 0, n) where 0 < x < a, else 0
//	da = sum of dy where x >= a
//
// The parameter is alpha (positive), a in the unit of x, for the tensor or for each channel. As in the paper, a's
// gradient is that of the clip alone: rounding passes straight through. Its L2 penalty is part of the method
// ([Penalized]). For weights, which the paper leaves to DoReFa, it has no sense. Rounding is half to even; where x is
// NaN, y is NaN and dx 0; infinities saturate.
type PACT struct {
	Bits   int // 1 to 16
	Scales int // 1, or the number of channels; 0 is 1
	STE    STE // nil is [Clipped]

	L2      float64 // coefficient of the penalty, at least 0
	Initial float32 // alpha to start from; 0 is the largest x of the first batch
}

var (
	_ Scaled    = PACT{}
	_ Penalized = PACT{}
)

var pactSTEs = []string{"clipped", "ewgs", "dsq"}

var (
	// The paper gives the penalty the coefficient of the weight decay; this is that of its ResNet-20 on CIFAR-10.
	pactDecay = Option{Name: "decay", Doc: "coefficient d of the penalty d/2*alpha^2", Default: 0.0002, Max: 1000}

	pactInitial = Option{
		Name: "initial_alpha", Doc: "alpha to start from; 0 is the largest x of the first batch", Default: 10, Max: 1e6,
	}
)

var _ = Register(Method{
	Name:        "pact",
	Source:      "Choi et al. 2018, arXiv 1805.06085, section 3",
	Doc:         "uniform levels from 0 to a learned clip",
	Activations: true, MinBits: 1, MaxBits: maxBits,
	STEs:    pactSTEs,
	Options: []Option{pactDecay, pactInitial},
	Is: func(s Spec) Traits {
		t := Traits{Levels: Even, Learned: []string{"alpha"}, Bounds: true, Starts: true}
		if s.clipped() && !s.Signed {
			t.Form, t.Pass = Plain, PassFlat
		}
		return t
	},
	New: func(s Spec) (Estimator, error) {
		decay, err := pactDecay.value(s.Options)
		if err != nil {
			return nil, prefixed("pact", err)
		}
		initial, err := pactInitial.value(s.Options)
		if err != nil {
			return nil, prefixed("pact", err)
		}
		p := PACT{Bits: s.Bits, Scales: s.Scales, STE: s.STE, L2: decay, Initial: float32(initial)}
		return p, p.Validate()
	},
})

// Validate reports bits or an STE that PACT cannot use.
func (a PACT) Validate() error {
	err := a.levelRange().Validate()
	if err == nil {
		err = checkSTE(a.STE, pactSTEs...)
	}
	if err == nil {
		err = pactDecay.check(a.L2)
	}
	if err == nil {
		err = pactInitial.check(float64(a.Initial))
	}
	return prefixed("pact", err)
}

func (a PACT) levelRange() Range { return Range{Bits: a.Bits} }

func (a PACT) scales() int { return max(a.Scales, 1) }

// Qn is 0.
func (a PACT) Qn() int { return 0 }

// Qp is n.
func (a PACT) Qp() int { return a.levelRange().Qp() }

// Params is alpha.
func (a PACT) Params() []Learned {
	return []Learned{{Name: "alpha", Len: a.scales(), Positive: true}}
}

// Decay implements [Penalized].
func (a PACT) Decay() []float64 { return []float64{a.L2} }

// Init implements [Estimator]: alpha is Initial or, if that is 0, the largest x.
func (a PACT) Init(p Params, x []float32) error {
	err := a.Validate()
	if err == nil {
		err = prefixed("pact", checkParams("parameters", p, a.scales()))
	}
	if err != nil {
		return err
	}
	if a.Initial == 0 {
		if err := MinMax(make([]float32, a.scales()), p[0], x); err != nil {
			return prefixed("pact", err)
		}
	}
	for c := range p[0] {
		if a.Initial != 0 {
			p[0][c] = a.Initial
		}
		p[0][c] = max(p[0][c], MinScale)
	}
	return nil
}

// levels checks the parameters for n elements of x.
func (a PACT) levels(buf []levels, n int, p Params) ([]levels, error) {
	err := a.levelRange().Validate()
	if err == nil {
		err = checkParams("parameters", p, a.scales())
	}
	if err == nil {
		err = checkScale(p[0], n)
	}
	if err != nil {
		return nil, prefixed("pact", err)
	}
	ls := channels(buf, len(p[0]))
	for c, alpha := range p[0] {
		ls[c] = evenLevels(0, a.Qp(), max(alpha/float32(a.Qp()), math.SmallestNonzeroFloat32))
	}
	return ls, nil
}

// FirstScale implements [Scaled]: s = a/n.
func (a PACT) FirstScale(scale, x []float32) error {
	err := a.Init(Params{scale}, x)
	for c := range scale {
		scale[c] /= float32(a.Qp())
	}
	return err
}

// ScaleGradient implements [Scaled]. The sum is n*da; descent on s = a/n with
//
//	ds = (da + L2*a)/n
//
// moves it as descent with da and the penalty moves a.
func (a PACT) ScaleGradient(scale float32, sum float64, _ int) float32 {
	n := float64(a.Qp())
	return float32(sum/(n*n) + a.L2*float64(scale))
}

// CodeScale implements [Integer]: the scale is a/n.
func (a PACT) CodeScale(scale, _ []float32, p Params) error {
	var one [1]levels
	ls, err := a.levels(one[:], 0, p)
	if err == nil {
		err = prefixed("pact", writeScales(scale, ls))
	}
	return err
}

// Forward implements [Estimator].
func (a PACT) Forward(y, x []float32, p Params) error { return a.Quantize(nil, wanted(y), x, p) }

// Quantize implements [Integer].
func (a PACT) Quantize(codes []int32, y, x []float32, p Params) error {
	var one [1]levels
	ls, err := a.levels(one[:], len(x), p)
	if err == nil {
		err = prefixed("pact", quantizeLevels(codes, y, x, ls, &rounding{}))
	}
	return err
}

// Backward implements [Estimator].
func (a PACT) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	var one [1]levels
	ls, err := a.levels(one[:], len(x), p)
	if err != nil {
		return err
	}
	if err := checkGradients(dx, dy, len(x), dp, len(ls)); err != nil {
		return prefixed("pact", err)
	}
	var oneSum [1]float64
	total := channels(oneSum[:], len(ls))
	r := rounding{ste: a.STE}
	how := r.passing()
	for i := 0; i < len(x); i += len(ls) {
		for c, alpha := range p[0] {
			v, g, l := x[i+c], dy[i+c], &ls[c]
			switch {
			case v >= alpha:
				total[c] += float64(g)
				dx[i+c] = 0
			case !(v > 0):
				dx[i+c] = 0
			case how == passClipped:
				dx[i+c] = g
			default:
				q := r.round(min(v/l.s, l.hi), i)
				dx[i+c] = r.grad(how, g, v/l.s, q, l)
			}
		}
	}
	for c, sum := range total {
		dp[0][c] = float32(sum)
	}
	return nil
}
