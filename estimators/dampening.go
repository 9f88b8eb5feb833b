package estimators

// Dampening is the oscillation dampening of Nagel et al. 2022, https://arxiv.org/abs/2203.11086, section 4.1 (equation
// 6): it pulls the weights to the centres of their bins,
//
//	loss = lambda * sum of (w' - clip(w, s*Qn, s*Qp))^2
//	dw = 2*lambda*(w - w') where s*Qn <= w <= s*Qp, else 0
//
// with w' the level nearest to w, held constant, so weights beyond the range are left to the loss of the network. The
// paper raises lambda from 0 along a cosine.
type Dampening struct {
	Lambda float64
}

var _ = registerRegularizer(RegularizerKind{
	Name:    "dampening",
	Source:  "Nagel et al. 2022, arXiv 2203.11086, section 4.1",
	Doc:     "the squared distance from the centre of the bin, inside the range",
	Options: []Option{lambda},
	MinBits: 2,
	New: func(o Options) (Regularizer, error) {
		o, err := optionValues([]Option{lambda}, o)
		return Dampening{o["lambda"]}, prefixed("dampening", err)
	},
})

// Penalty implements [Regularizer].
func (d Dampening) Penalty(dw, w []float32, scale []float32, r Range) (loss float64, err error) {
	if err := checkPenalty("dampening", d.Lambda, dw, w, scale, r); err != nil {
		return 0, err
	}
	for i, v := range w {
		s := scale[i%len(scale)]
		x, lo, hi := float64(v), float64(s)*float64(r.Qn()), float64(s)*float64(r.Qp())
		if x < lo || x > hi {
			continue // the clipped weight is the level itself
		}
		e := x - nearestLevel(v, s, r)
		loss += float64(e * e)
		dw[i] = float32(float64(dw[i]) + float64(2*d.Lambda*e))
	}
	return d.Lambda * loss, nil
}
