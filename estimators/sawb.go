package estimators

import (
	"fmt"
	"math"
)

// SAWB is statistics-aware weight binning, Choi et al. 2018, https://arxiv.org/abs/1807.06964: levels on
// [-a, a] whose end a follows from two statistics of the weights,
//
//	a = c1*sqrt(E[w^2]) + c2*E|w|
//
// with coefficients for each number of levels. The paper's are a line through the best a (least squared error) of six
// distributions: uniform, triangle, normal, Laplace, logistic and von Mises; these are that fit done again (3.125 and
// -2.068 at 2 bits; the authors' code has 3.12 and -2.064). a is at least E|w|, which only weights of almost one
// magnitude reach, and [MinScale].
//
//	y = s*q, q = round(clip(x/s, -n, n)), n = 2^(k-1) - 1, s = a/n     if Narrow: 2^k - 1 levels
//	y = (a/n)*(2q - n), q = round((clip(x, -a, a) + a)*n/(2a)), n = 2^k - 1   else: the paper's 2^k levels, without 0
//
//	dx = STE.Grad(dy, v, q, ...), v what is rounded; a is held constant
//
// Nothing is learned; statistics are of the tensor or of each channel, with sums in float64. Rounding is half to even.
// Weights that are not finite are an error.
type SAWB struct {
	Range      // 2 to 8 bits, Signed
	Scales int // 1, or the number of channels; 0 is 1
	STE    STE // nil is [Identity]
}

// sawbFit has c1 and c2 for 2 to 8 bits: for 2^k levels and for the 2^k - 1 narrow ones.
var sawbFit = [2][7][2]float64{
	{
		{3.125, -2.068}, {7.375, -6.716}, {12.104, -12.060}, {17.110, -17.792},
		{22.311, -23.792}, {27.628, -29.984}, {33.014, -36.318},
	},
	{
		{2.527, -1.615}, {6.946, -6.288}, {11.827, -11.760}, {16.942, -17.604},
		{22.214, -23.682}, {27.575, -29.923}, {32.986, -36.285},
	},
}

var _ Integer = SAWB{}

var sawbSTEs = []string{"identity", "clipped", "ewgs", "dsq"}

var _ = Register(Method{
	Name:    "sawb",
	Source:  "Choi et al. 2018, arXiv 1807.06964",
	Doc:     "uniform levels up to an end that follows from the weights' mean magnitude and mean square",
	Weights: true, MinBits: 2, MaxBits: 8,
	STEs: sawbSTEs,
	Is: func(s Spec) Traits {
		if s.Narrow {
			return Traits{Levels: Even}
		}
		return Traits{Levels: Integers} // odd ones
	},
	New: func(s Spec) (Estimator, error) {
		b := SAWB{Range: s.Range, Scales: s.Scales, STE: s.STE}
		return b, b.Validate()
	},
})

// Validate reports a range or an STE that SAWB cannot use.
func (b SAWB) Validate() error {
	err := b.check()
	if err == nil {
		err = checkSTE(b.STE, sawbSTEs...)
	}
	return prefixed("sawb", err)
}

func (b SAWB) check() error {
	if err := b.Range.Validate(); err != nil {
		return err
	}
	if !b.Signed || b.Bits < 2 || b.Bits > 8 {
		return fmt.Errorf("%d bits, signed %t; expected 2 to 8 bits, signed", b.Bits, b.Signed)
	}
	return nil
}

func (b SAWB) scales() int { return max(b.Scales, 1) }

// Qp is n.
func (b SAWB) Qp() int {
	if b.Narrow {
		return b.Range.Qp()
	}
	return 1<<b.Bits - 1
}

// Qn is -n.
func (b SAWB) Qn() int { return -b.Qp() }

// Params is empty.
func (SAWB) Params() []Learned { return nil }

// Init implements [Estimator]; there is nothing to learn.
func (b SAWB) Init(p Params, _ []float32) error {
	return prefixed("sawb", checkParams("parameters", p))
}

// levels are those that follow from x.
func (b SAWB) levels(x []float32, p Params) ([]levels, error) {
	err := b.check()
	if err == nil {
		err = checkParams("parameters", p)
	}
	if err != nil {
		return nil, prefixed("sawb", err)
	}
	means, err := absMeans(x, b.scales())
	if err != nil {
		return nil, prefixed("sawb", err)
	}
	squares := make([]float64, len(means))
	for i, v := range x {
		squares[i%len(squares)] += float64(v) * float64(v)
	}
	fit := sawbFit[0][b.Bits-2]
	if b.Narrow {
		fit = sawbFit[1][b.Bits-2]
	}
	ls := make([]levels, len(means))
	for c, mean := range means {
		rms := math.Sqrt(squares[c] / float64(max(len(x)/len(ls), 1)))
		end := float32(min(max(float64(fit[0]*rms)+float64(fit[1]*mean), mean, MinScale), math.MaxFloat32))
		ls[c] = evenLevels(b.Qn(), b.Qp(), end/float32(b.Qp()))
		if !b.Narrow {
			ls[c] = oddLevels(b.Bits, end)
		}
	}
	return ls, nil
}

// CodeScale implements [Integer]: the scale is a/n, of the weights x.
func (b SAWB) CodeScale(scale, x []float32, p Params) error {
	ls, err := b.levels(x, p)
	if err == nil {
		err = prefixed("sawb", writeScales(scale, ls))
	}
	return err
}

// Forward implements [Estimator].
func (b SAWB) Forward(y, x []float32, p Params) error { return b.Quantize(nil, wanted(y), x, p) }

// Quantize implements [Integer].
func (b SAWB) Quantize(codes []int32, y, x []float32, p Params) error {
	ls, err := b.levels(x, p)
	if err == nil {
		err = prefixed("sawb", quantizeLevels(codes, y, x, ls, &rounding{}))
	}
	return err
}

// Backward implements [Estimator].
func (b SAWB) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	ls, err := b.levels(x, p)
	if err != nil {
		return err
	}
	if err := checkGradients(dx, dy, len(x), dp); err != nil {
		return prefixed("sawb", err)
	}
	r := rounding{ste: b.STE}
	if r.ste == nil {
		r.ste = Identity{}
	}
	return prefixed("sawb", backwardLevels(dx, nil, x, dy, ls, &r))
}
