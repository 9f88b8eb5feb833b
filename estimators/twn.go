package estimators

import "math"

// TWN is the quantizer of weights of ternary weight networks, Li et al. 2016, https://arxiv.org/abs/1605.04711, section
// 2:
//
//	D = 0.7*mean|x|,  code = 1 where x > D, -1 where x < -D, else 0
//	a = mean|x| of the elements where the code is not 0,  y = a*code
//
//	dx = STE.Grad(dy, x/a, code, -1, 1), dx = dy in the paper
//
// so the codes are -1, 0 and 1, and a is the scale, of the tensor or of each channel; the paper has one for a layer. D
// and a are taken anew in each call, in float64, and are constant in the gradient. a is at least [MinScale], which
// all-zero data gets. Nothing is learned. x that is not finite has no mean and is an error.
type TWN struct {
	Scales int // 1, or the number of channels; 0 is 1
	STE    STE // [Identity] or [Clipped]; nil is Identity

	unitLevels
}

var _ Integer = TWN{}

var twnSTEs = []string{"identity", "clipped"}

var _ = Register(Method{
	Name:    "twn",
	Source:  "Li et al. 2016, arXiv 1605.04711, section 2",
	Doc:     "three levels of weights: 0 below 0.7 of the mean magnitude, and the mean magnitude of the rest",
	Weights: true, MinBits: 2, MaxBits: 2,
	STEs: twnSTEs,
	Is:   always(Traits{Levels: Integers}),
	New: func(s Spec) (Estimator, error) {
		ste, err := steFor(s, 2, twnSTEs)
		return TWN{Scales: s.Scales, STE: ste}, prefixed("twn", err)
	},
})

// ternary is -1, 0 or 1: the sign of x if its magnitude is above the threshold.
func ternary(x float32, threshold float64) int32 {
	switch {
	case float64(x) > threshold:
		return 1
	case float64(x) < -threshold:
		return -1
	}
	return 0
}

// statistics are D and a of each scale.
func (t TWN) statistics(x []float32) (thresholds []float64, scale []float32, err error) {
	thresholds, err = absMeans(x, max(t.Scales, 1))
	if err != nil {
		return nil, nil, err
	}
	for c := range thresholds {
		thresholds[c] *= 0.7
	}
	totals, counts := make([]float64, len(thresholds)), make([]int, len(thresholds))
	for i := 0; i < len(x); i += len(thresholds) {
		for c, threshold := range thresholds {
			if v := x[i+c]; ternary(v, threshold) != 0 {
				totals[c] += math.Abs(float64(v))
				counts[c]++
			}
		}
	}
	scale = make([]float32, len(thresholds))
	for c, total := range totals {
		scale[c] = max(float32(total/float64(max(counts[c], 1))), MinScale)
	}
	return thresholds, scale, nil
}

// CodeScale implements [Integer]: the scale is a.
func (t TWN) CodeScale(scale, x []float32, _ Params) error {
	_, a, err := t.statistics(x)
	if err == nil {
		err = copyScale(scale, a)
	}
	return prefixed("twn", err)
}

// Forward implements [Estimator].
func (t TWN) Forward(y, x []float32, p Params) error { return t.Quantize(nil, wanted(y), x, p) }

// Quantize implements [Integer].
func (t TWN) Quantize(codes []int32, y, x []float32, p Params) error {
	thresholds, scale, err := t.statistics(x)
	if err == nil {
		err = t.checkForward(codes, y, p, len(x))
	}
	if err != nil {
		return prefixed("twn", err)
	}
	for i := 0; i < len(x); i += len(scale) {
		for c, a := range scale {
			code := ternary(x[i+c], thresholds[c])
			if codes != nil {
				codes[i+c] = code
			}
			if y != nil {
				y[i+c] = a * float32(code)
			}
		}
	}
	return nil
}

// Backward implements [Estimator].
func (t TWN) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	thresholds, scale, err := t.statistics(x)
	if err == nil {
		err = t.checkBackward(dx, dp, x, dy, p)
	}
	if err != nil {
		return prefixed("twn", err)
	}
	ste := t.STE
	if ste == nil {
		ste = Identity{}
	}
	for i := 0; i < len(x); i += len(scale) {
		for c, a := range scale {
			code := ternary(x[i+c], thresholds[c])
			dx[i+c] = ste.Grad(dy[i+c], x[i+c]/a, float32(code), -1, 1)
		}
	}
	return nil
}
