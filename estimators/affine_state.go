package estimators

// Scale and zero point of a static quantizer are arrays that training does not update by gradients. A registered method
// starts with s = 1 and z = 0; calibration writes the state, by Update or by another range estimator, and WithState
// puts it in force.

// State implements [Stateful]: scale and zero_point, of as many elements as Scale has.
func (a Affine) State(int) []Learned {
	return []Learned{{Name: "scale", Len: len(a.Scale), Positive: true}, {Name: "zero_point", Len: len(a.Scale)}}
}

// Update implements [Stateful]: it writes the scale and the zero point of the range of x, whatever step is. Unsigned
// levels are those of [NewAffine]; signed ones are symmetric, s = max|x|/Qp and z = 0, as weights are in integer
// networks. Jacob et al. do it at each step for weights; for activations it is a calibration.
func (a Affine) Update(state Params, x []float32, _ Params, _ int) error {
	n := len(a.Scale)
	if err := checkParams("state arrays", state, n, n); err != nil {
		return prefixed("affine", err)
	}
	lo, hi := make([]float32, n), make([]float32, n)
	if err := MinMax(lo, hi, x); err != nil {
		return prefixed("affine", err)
	}
	if a.Signed && a.Qp() > 0 {
		for c := range lo {
			state[0][c], state[1][c] = max(max(-lo[c], hi[c])/float32(a.Qp()), MinScale), 0
		}
		return nil
	}
	calibrated, err := NewAffine(a.Range, lo, hi)
	if err != nil {
		return err
	}
	for c, z := range calibrated.ZeroPoint {
		state[0][c], state[1][c] = calibrated.Scale[c], float32(z)
	}
	return nil
}

// FirstScale implements [Scaled]: that of Update.
func (a Affine) FirstScale(scale, x []float32) error {
	return a.Update(Params{scale, make([]float32, len(scale))}, x, nil, 0)
}

// ScaleGradient implements [Scaled]: the scale does not move by gradients.
func (Affine) ScaleGradient(float32, float64, int) float32 { return 0 }

// WithState implements [Stateful]. The quantizer shares the scale's array. A state of other lengths, a scale that is
// not positive and finite or a zero point that is no level is an error of every later call.
func (a Affine) WithState(state Params) Estimator {
	if len(state) != 2 {
		return Affine{Range: a.Range}
	}
	a.Scale, a.ZeroPoint = state[0], make([]int32, len(state[1]))
	for c, z := range state[1] {
		a.ZeroPoint[c] = int32(z)
	}
	return a
}
