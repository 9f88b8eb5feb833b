package estimators

import (
	"fmt"
	"math"
)

// DoReFaWeights is the quantizer of weights of DoReFa-Net, Zhou et al. 2016, https://arxiv.org/abs/1606.06160, section
// 2. For 1 bit, where E is the mean over the tensor,
//
//	y = sign(x)*E|x|, sign(0) = +1,  dx = dy
//
// and for k > 1 bits, with n = 2^k - 1 and t = tanh(x)/max|tanh(x)|,
//
//	y = 2*q - 1, q = round(n*(t/2 + 1/2))/n
//	dx = h*(1 - tanh(x)^2)/max|tanh(x)|,  h = STE.Grad(dy, v, n*q, 0, n), v what is rounded
//
// with the maximum held constant, so y is in [-1, 1] whatever the size of x. The outputs are odd integers 2i - n times
// 1/n, and -1 and 1 times E|x| for 1 bit. Statistics are of the tensor, as in the paper, or of each channel. Nothing is
// learned. Rounding is half to even; weights that are not finite are an error; where all weights are 0, dx = h.
type DoReFaWeights struct {
	Bits   int // 1 to 16
	Scales int // 1, or the number of channels; 0 is 1
	STE    STE // for more than 1 bit; nil is [Clipped], which is the identity here, as t is inside the range
}

// DoReFaActivations is the quantizer of activations of DoReFa-Net, section 2, with n = 2^k - 1:
//
//	y = round(n*clip(x, 0, 1))/n,  dx = STE.Grad(dy, n*x, n*y, 0, n): dy where 0 <= x <= 1, else 0
//
// It learns nothing. Rounding is half to even; where x is NaN, y is NaN and dx is 0; infinities saturate.
type DoReFaActivations struct{ unit }

// NewDoReFaActivations returns the quantizer to 2^bits levels, 1 to 16 bits; a nil STE is [Clipped].
func NewDoReFaActivations(bits int, ste STE) (DoReFaActivations, error) {
	a := DoReFaActivations{unit{Range: Range{Bits: bits}, method: "dorefa", ste: ste}}
	err := a.check(nil)
	if err == nil {
		err = checkSTE(ste, dorefaSTEs...)
	}
	return a, prefixed("dorefa", err)
}

var (
	_ Integer = DoReFaWeights{}
	_ Scaled  = DoReFaActivations{}
)

var dorefaSTEs = []string{"clipped", "ewgs", "dsq"}

var _ = Register(Method{
	Name:    "dorefa",
	Source:  "Zhou et al. 2016, arXiv 1606.06160, section 2",
	Doc:     "weights through tanh to [-1, 1], activations clipped to [0, 1], uniform levels",
	Weights: true, Activations: true, MinBits: 1, MaxBits: maxBits,
	STEs: dorefaSTEs,
	Is: func(s Spec) Traits {
		switch {
		case !s.Weights:
			return s.unit(false)
		case s.Bits == 1:
			return Traits{Levels: Signs}
		}
		return Traits{Levels: Integers} // odd ones, of tanh(x)
	},
	New: func(s Spec) (Estimator, error) {
		if !s.Weights {
			return NewDoReFaActivations(s.Bits, s.STE)
		}
		w := DoReFaWeights{Bits: s.Bits, Scales: s.Scales, STE: s.STE}
		return w, w.Validate()
	},
})

// Validate reports bits or an STE that the quantizer cannot use.
func (w DoReFaWeights) Validate() error {
	err := Range{Bits: w.Bits}.Validate()
	if err == nil {
		err = checkSTE(w.STE, dorefaSTEs...)
	}
	if err == nil && w.Bits == 1 && checkSTE(w.STE, "clipped") != nil {
		err = fmt.Errorf("the gradient estimator %T for 1 bit, which passes it unchanged; expected clipped", w.STE)
	}
	return prefixed("dorefa", err)
}

func (w DoReFaWeights) scales() int { return max(w.Scales, 1) }

// Qn is -n.
func (w DoReFaWeights) Qn() int { return -w.Qp() }

// Qp is n.
func (w DoReFaWeights) Qp() int { return 1<<w.Bits - 1 }

// Params is empty.
func (DoReFaWeights) Params() []Learned { return nil }

// Init implements [Estimator]; there is nothing to learn.
func (w DoReFaWeights) Init(p Params, _ []float32) error {
	return prefixed("dorefa", checkParams("parameters", p))
}

// statistics are E|x| for 1 bit, else max|tanh(x)|, of each channel.
func (w DoReFaWeights) statistics(x []float32, p Params) ([]float64, error) {
	err := Range{Bits: w.Bits}.Validate()
	if err == nil {
		err = checkParams("parameters", p)
	}
	if err != nil {
		return nil, err
	}
	if w.Bits == 1 {
		return absMeans(x, w.scales())
	}
	stats, err := absMaxima(x, w.scales())
	for c, largest := range stats { // the largest x has the largest tanh
		stats[c] = math.Tanh(largest)
	}
	return stats, err
}

// levels are those of a channel with that statistic.
func (w DoReFaWeights) levels(statistic float64) levels {
	if w.Bits > 1 {
		return oddLevels(w.Bits, 1)
	}
	return oddLevels(1, max(float32(statistic), MinScale))
}

// normalized is t, or for 1 bit a value whose nearest level is that of the sign of x.
func (w DoReFaWeights) normalized(x float32, statistic float64) float32 {
	switch {
	case w.Bits == 1 && x < 0:
		return -math.MaxFloat32
	case w.Bits == 1:
		return math.MaxFloat32
	case statistic == 0:
		return 0
	}
	return float32(math.Tanh(float64(x)) / statistic)
}

// CodeScale implements [Integer]: the scale is 1/n, or E|x| for 1 bit.
func (w DoReFaWeights) CodeScale(scale, x []float32, p Params) error {
	stats, err := w.statistics(x, p)
	if err == nil && len(scale) != len(stats) {
		err = fmt.Errorf("a scale of %d elements; expected %d", len(scale), len(stats))
	}
	if err != nil {
		return prefixed("dorefa", err)
	}
	for c, s := range stats {
		scale[c] = w.levels(s).scale
	}
	return nil
}

// Forward implements [Estimator].
func (w DoReFaWeights) Forward(y, x []float32, p Params) error {
	return w.Quantize(nil, wanted(y), x, p)
}

// Quantize implements [Integer].
func (w DoReFaWeights) Quantize(codes []int32, y, x []float32, p Params) error {
	stats, err := w.statistics(x, p)
	if err == nil {
		err = checkOutputs(codes, y, len(x))
	}
	if err != nil {
		return prefixed("dorefa", err)
	}
	for c, s := range stats {
		l, r := w.levels(s), rounding{}
		for i := c; i < len(x); i += len(stats) {
			code, value := l.quantize(w.normalized(x[i], s), &r, i)
			if codes != nil {
				codes[i] = code
			}
			if y != nil {
				y[i] = value
			}
		}
	}
	return nil
}

// Backward implements [Estimator].
func (w DoReFaWeights) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	stats, err := w.statistics(x, p)
	if err == nil {
		err = checkGradients(dx, dy, len(x), dp)
	}
	if err != nil {
		return prefixed("dorefa", err)
	}
	if w.Bits == 1 {
		copy(dx, dy)
		return nil
	}
	r := rounding{ste: w.STE}
	how := r.passing()
	for c, s := range stats {
		l := w.levels(s)
		for i := c; i < len(x); i += len(stats) {
			h := dy[i]
			if how != passClipped { // t is always inside
				v := min(max((w.normalized(x[i], s)-l.b)/l.s, 0), l.hi)
				h = r.grad(how, h, v, r.round(v, i), &l)
			}
			if t := math.Tanh(float64(x[i])); s > 0 {
				h = float32(float64(h) * (1 - float64(t*t)) / s)
			}
			dx[i] = h
		}
	}
	return nil
}
