package estimators

import "math"

// ProxQuant is the proximal operator of a W-shaped penalty, Bai et al. 2019, https://arxiv.org/abs/1810.00861, sections
// 3.1 and 3.2 and appendix A: after each update of the optimizer,
//
//	w <- w' + sign(w - w') * max(|w - w'| - lambda*s, 0)
//
// which minimises 1/2*(x - w)^2 + lambda*s*|x - w'| over x, with w' the level nearest to w. The paper's binary levels,
// -1 and 1, are those of a range of 1 bit here, -s and s, whatever its sign; w = 0 goes to s. Ternary levels are a
// signed, narrow range of 2 bits. lambda counts in the unit of s, so that at s = 1 it is the paper's; at 1/2 or more every
// weight inside the range is at its level after a projection. The paper lets lambda grow with the number of updates
// (section 3.3).
//
// The authors' code for ternary and more levels has a quadratic penalty in place of the absolute value:
// w <- (w + lambda*w')/(1 + lambda). NaN stays NaN, and infinities become a level only in the limit: they stay.
type ProxQuant struct {
	Lambda float64
}

var proxQuantOptions = []Option{{Name: "lambda", Doc: "length of the move, in scales", Max: 1e6}}

var _ = registerRegularizer(RegularizerKind{
	Name:    "prox_quant",
	Source:  "Bai et al. 2019, arXiv 1810.00861, section 3",
	Doc:     "moves weights towards their level after each update",
	Options: proxQuantOptions,
	MinBits: 1,
	NewProjector: func(o Options) (Projector, error) {
		o, err := optionValues(proxQuantOptions, o)
		return ProxQuant{o["lambda"]}, prefixed("prox_quant", err)
	},
})

// State is empty.
func (ProxQuant) State(int) []Learned { return nil }

// Project implements [Projector].
func (q ProxQuant) Project(w []float32, state Params, scale []float32, r Range, _ int) error {
	err := checkLambda(q.Lambda)
	if err == nil {
		err = r.Validate()
	}
	if err == nil {
		err = checkParams("state arrays", state)
	}
	if err == nil {
		err = checkScale(scale, len(w))
	}
	if err != nil {
		return prefixed("prox_quant", err)
	}
	for i, v := range w {
		s := scale[i%len(scale)]
		level := q.level(v, s, r)
		d := float64(v) - level
		if d-d != 0 { // NaN for NaN and the infinities
			continue
		}
		w[i] = float32(level + math.Copysign(max(math.Abs(d)-float64(q.Lambda*float64(s)), 0), d))
	}
	return nil
}

// level is the level nearest to w.
func (q ProxQuant) level(w, s float32, r Range) float64 {
	if r.Bits == 1 {
		if w < 0 {
			return -float64(s)
		}
		return float64(s)
	}
	return nearestLevel(w, s, r)
}
