package estimators

import (
	"errors"
	"fmt"
	"math"

	"github.com/qat-go/qat/internal/random"
)

// LSQ is learned step size quantization, Esser et al. 2020, https://arxiv.org/abs/1902.08153, section 2:
//
//	v = x/s,  code = round(clip(v, Qn, Qp)),  y = s*code
//
//	dx = dy              where Qn <= v <= Qp, else 0
//	ds = gs * sum of dy * (round(v) - v   where Qn <= v <= Qp
//	                       Qn             where v < Qn
//	                       Qp             where v > Qp)
//	gs = 1/sqrt(N*Qp)
//
// all in float32 but for the sums and gs. Its one parameter is the scale s, positive, in the unit of x, for the tensor
// or for each channel. At v = Qn and v = Qp the gradient passes, as through PyTorch's clamp. Where x is NaN, y and the
// gradient of the scale are NaN and dx is 0.
//
// That is the clipped STE. With another one, h = STE.Grad(dy, v, code, Qn, Qp), the chain rule gives
//
//	dx = h,  ds = gs * sum of (dy*code - h*v)
type LSQ struct {
	Range

	// N is the number of elements in gs. 0 means those that share one scale: len(x)/len(scale). Implementations differ;
	// for activations the paper's is the elements of one sample, len(x) divided by the batch size.
	N int

	Scales int // 1, or the number of channels; 0 is 1

	STE STE // gradient of the rounding; nil is [Clipped], the paper's

	random bool // rounds at random: [Stochastic]
	seed   uint64
}

var _ Scaled = LSQ{}

var lsqSTEs = []string{"clipped", "identity", "ewgs", "dsq"}

var _ = Register(Method{
	Name:    "lsq",
	Source:  "Esser et al. 2020, arXiv 1902.08153, section 2",
	Doc:     "uniform levels with a learned scale",
	Weights: true, Activations: true, MinBits: 1, SignedBits: 2, MaxBits: maxBits, Nearest: true,
	STEs: lsqSTEs,
	Is: func(s Spec) Traits {
		t := Traits{Levels: Even, Learned: []string{"scale"}, Starts: true, Form: s.stairs(!s.identity())}
		if s.clipped() {
			t.Form, t.Zero = Plain, ZeroCalibrated
		}
		return t
	},
	New: func(s Spec) (Estimator, error) {
		l := newLSQ(s)
		return l, l.Validate()
	},
})

func newLSQ(s Spec) LSQ { return LSQ{Range: s.Range, N: s.N, Scales: s.Scales, STE: s.STE} }

// Validate reports an STE or a range that LSQ cannot use: gs needs a positive level, so signed needs 2 bits.
func (l LSQ) Validate() error {
	err := l.check()
	if err == nil {
		err = checkSTE(l.STE, lsqSTEs...)
	}
	return prefixed("lsq", err)
}

func (l LSQ) check() error {
	if err := l.Range.Validate(); err != nil {
		return err
	}
	if l.Qp() < 1 {
		return errors.New("signed 1 bit has no positive level; expected 2 bits or more")
	}
	if l.N < 0 {
		return fmt.Errorf("gradient scale with N = %d; expected a number of elements, or 0 for those that share one scale", l.N)
	}
	return nil
}

// levels checks the parameters for n elements and returns the levels of each channel.
func (l LSQ) levels(buf []levels, n int, p Params) ([]levels, error) {
	scale, err := l.scale(p, n)
	if err != nil {
		return nil, err
	}
	ls := channels(buf, len(scale))
	for c, s := range scale {
		ls[c] = evenLevels(l.Qn(), l.Qp(), s)
	}
	return ls, nil
}

func (l LSQ) rounding() rounding {
	return rounding{ste: l.STE, random: l.random, draws: random.New(l.seed)}
}

// Params is the scale.
func (l LSQ) Params() []Learned {
	return []Learned{{Name: "scale", Len: max(l.Scales, 1), Positive: true}}
}

// Init implements [Estimator]: the scale is [LSQ.InitialScale].
func (l LSQ) Init(p Params, x []float32) error {
	if len(p) != 1 {
		return prefixed("lsq", fmt.Errorf("%d parameters; expected one, the scale", len(p)))
	}
	return l.InitialScale(p[0], x)
}

// CodeScale implements [Integer]: it is what is learned.
func (l LSQ) CodeScale(scale, x []float32, p Params) error {
	if len(p) != 1 || len(scale) != len(p[0]) {
		return prefixed("lsq", errors.New("the scale has not the length of the learned one"))
	}
	copy(scale, p[0])
	return nil
}

// Forward implements [Estimator].
func (l LSQ) Forward(y, x []float32, p Params) error { return l.Quantize(nil, wanted(y), x, p) }

// Quantize implements [Integer].
func (l LSQ) Quantize(codes []int32, y, x []float32, p Params) error {
	var one [1]levels
	ls, err := l.levels(one[:], len(x), p)
	if err == nil {
		r := l.rounding()
		err = quantizeLevels(codes, y, x, ls, &r)
	}
	return prefixed("lsq", err)
}

// Backward implements [Estimator].
func (l LSQ) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	var one [1]levels
	ls, err := l.levels(one[:], len(x), p)
	if err == nil {
		err = checkGradients(dx, dy, len(x), dp, len(ls))
	}
	if err != nil {
		return prefixed("lsq", err)
	}
	r := l.rounding()
	if r.passing() == passClipped && !r.random {
		l.backwardClipped(dx, dp[0], x, dy, p[0])
		return nil
	}
	var oneSum [1]sums
	total := channels(oneSum[:], len(ls))
	if err := backwardLevels(dx, total, x, dy, ls, &r); err != nil {
		return prefixed("lsq", err)
	}
	gs := l.GradientScale(len(x) / len(ls))
	for c, t := range total {
		dp[0][c] = float32(gs * t.scale())
	}
	return nil
}

// backwardClipped is the paper's gradient.
func (l LSQ) backwardClipped(dx, dscale, x, dy, scale []float32) {
	qn, qp := float32(l.Qn()), float32(l.Qp())
	var one [1]float64
	sums := channels(one[:], len(scale))
	for i := 0; i < len(x); i += len(scale) {
		for c, s := range scale {
			v, g := x[i+c]/s, dy[i+c]
			var slope float32 // of y in s
			switch {
			case v < qn:
				slope, dx[i+c] = qn, 0
			case v > qp:
				slope, dx[i+c] = qp, 0
			case v != v:
				slope, dx[i+c] = v, 0
			default:
				slope, dx[i+c] = float32(math.RoundToEven(float64(v)))-v, g
			}
			// The product of two float32 is exact in float64, so fusing it with the addition changes nothing.
			sums[c] += float64(g) * float64(slope)
		}
	}
	gs := l.GradientScale(len(x) / len(scale))
	for c, sum := range sums {
		dscale[c] = float32(gs * sum)
	}
}

// GradientScale is gs = 1/sqrt(N*Qp) where n elements share one scale, in float64; it is 0 without any element.
func (l LSQ) GradientScale(n int) float64 {
	if l.N > 0 {
		n = l.N
	}
	if n == 0 {
		return 0
	}
	return 1 / math.Sqrt(float64(n)*float64(l.Qp()))
}

// InitialScale writes the scale that training starts from, for the tensor or for each channel of x:
//
//	s = 2 * mean|x| / sqrt(Qp)
//
// (section 2.1), with the sum in float64. It is at least [MinScale], which all-zero data gets. For activations, x is
// the first training batch. It is an error if x is empty or not finite.
func (l LSQ) InitialScale(scale, x []float32) error {
	err := l.check()
	if err == nil {
		err = checkChannels("scale", len(scale), len(x))
	}
	if err == nil && len(x) == 0 {
		err = errors.New("no elements to take the initial scale from")
	}
	if err != nil {
		return prefixed("lsq", err)
	}
	sums := make([]float64, len(scale))
	for i, v := range x {
		sums[i%len(scale)] += math.Abs(float64(v))
	}
	n := float64(len(x) / len(scale))
	for c, sum := range sums {
		s := 2 * sum / n / math.Sqrt(float64(l.Qp()))
		if !(s <= math.MaxFloat32) {
			return fmt.Errorf("lsq: mean|x| of channel %d is %v; expected finite x", c, sum/n)
		}
		scale[c] = max(float32(s), MinScale)
	}
	return nil
}

// FirstScale implements [Scaled].
func (l LSQ) FirstScale(scale, x []float32) error { return l.InitialScale(scale, x) }

// ScaleGradient implements [Scaled].
func (l LSQ) ScaleGradient(_ float32, sum float64, n int) float32 {
	return float32(sum * l.GradientScale(n))
}

// scale checks the range and the parameters for n elements and returns the scale.
func (l LSQ) scale(p Params, n int) ([]float32, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	if len(p) != 1 {
		return nil, fmt.Errorf("%d parameters; expected one, the scale", len(p))
	}
	return p[0], checkScale(p[0], n)
}
