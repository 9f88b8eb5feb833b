package estimators

import "math"

// Sin2 is the sinusoidal regularizer of WaveQ, Elthakeb et al. 2020, https://arxiv.org/abs/2003.00146, section 3, for a
// fixed number of bits:
//
//	loss = lambda/2^k * sum of sin^2(pi*w/s),  dw = lambda/2^k * pi/s * sin(2*pi*w/s)
//
// so that its minima are the multiples of the scale s. The paper's weights are in [-1, 1] and its scale is 1/(2^k - 1);
// its k is learned too, with a penalty of its own, which is a matter of mixed precision and not done here. The waves go
// on outside the range of the levels.
type Sin2 struct {
	Lambda float64
}

var _ = registerRegularizer(RegularizerKind{
	Name:    "sin2",
	Source:  "Elthakeb et al. 2020, arXiv 2003.00146, section 3",
	Doc:     "a sine wave with its minima at the levels",
	Options: []Option{lambda},
	MinBits: 2,
	New: func(o Options) (Regularizer, error) {
		o, err := optionValues([]Option{lambda}, o)
		return Sin2{o["lambda"]}, prefixed("sin2", err)
	},
})

// Penalty implements [Regularizer].
func (p Sin2) Penalty(dw, w []float32, scale []float32, r Range) (loss float64, err error) {
	if err := checkPenalty("sin2", p.Lambda, dw, w, scale, r); err != nil {
		return 0, err
	}
	factor := math.Ldexp(p.Lambda, -r.Bits)
	for i, v := range w {
		s := float64(scale[i%len(scale)])
		// The distance to the nearest multiple has the same sine, and keeps its digits where w/s is large.
		turn := math.Remainder(float64(v), s) / s
		sin, cos := math.Sincos(math.Pi * turn)
		loss += float64(sin * sin)
		dw[i] = float32(float64(dw[i]) + float64(factor*math.Pi/s*2*sin*cos))
	}
	return factor * loss, nil
}
