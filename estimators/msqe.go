package estimators

// MSQE is the mean squared quantization error of a layer's weights as a penalty, Choi et al. 2018,
// https://arxiv.org/abs/1809.00095, section 3.2:
//
//	loss = lambda/N * sum of (w - w')^2,  dw = 2*lambda/N * (w - w')
//
// with w' the level nearest to w, s*round(clip(w/s, Qn, Qp)), held constant, and N the number of weights of the layer.
// (The paper's N is that of the network; the two differ by the layer's share of it.)
type MSQE struct {
	Lambda float64
}

var _ = registerRegularizer(RegularizerKind{
	Name:    "msqe",
	Source:  "Choi et al. 2018, arXiv 1809.00095, section 3.2",
	Doc:     "the mean squared quantization error",
	Options: []Option{lambda},
	MinBits: 2,
	New: func(o Options) (Regularizer, error) {
		o, err := optionValues([]Option{lambda}, o)
		return MSQE{o["lambda"]}, prefixed("msqe", err)
	},
})

// Penalty implements [Regularizer].
func (m MSQE) Penalty(dw, w []float32, scale []float32, r Range) (loss float64, err error) {
	if err := checkPenalty("msqe", m.Lambda, dw, w, scale, r); err != nil {
		return 0, err
	}
	n := float64(max(len(w), 1))
	for i, v := range w {
		d := float64(v) - nearestLevel(v, scale[i%len(scale)], r)
		loss += float64(d * d)
		dw[i] = float32(float64(dw[i]) + float64(2*m.Lambda/n*d))
	}
	return m.Lambda / n * loss, nil
}
