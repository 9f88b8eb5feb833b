package estimators

// Startable is an estimator whose learned parameters can start from calibrated levels instead of [Estimator.Init].
type Startable interface {
	Estimator

	// Start writes the parameters with which the largest level is that of the calibrated ones, s*(Qp - z), and so is
	// the smallest one if the method can place it. a has the range and the number of scales of the estimator.
	Start(p Params, a Affine) error
}

var (
	_ Startable = LSQ{}
	_ Startable = LSQPlus{}
	_ Startable = PACT{}
)

// Start implements [Startable]: the scale is s, or s*(Qp - z)/Qp where the calibrated levels have a zero point.
func (l LSQ) Start(p Params, a Affine) error {
	err := a.check()
	if err == nil {
		err = checkParams("parameters", p, len(a.Scale))
	}
	if err != nil {
		return prefixed("lsq", err)
	}
	for c, s := range a.Scale {
		if z := a.ZeroPoint[c]; z != 0 {
			s *= float32(a.Qp()-int(z)) / float32(a.Qp())
		}
		p[0][c] = max(s, MinScale)
	}
	return nil
}

// Start implements [Startable]: s is the scale and -s*z the offset.
func (l LSQPlus) Start(p Params, a Affine) error {
	err := a.check()
	if err == nil {
		err = checkParams("parameters", p, len(a.Scale), len(a.Scale))
	}
	if err != nil {
		return prefixed("lsq_plus", err)
	}
	for c, s := range a.Scale {
		p[0][c], p[1][c] = s, s*float32(-a.ZeroPoint[c])
	}
	return nil
}

// Start implements [Startable]: alpha is the largest level, s*(Qp - z).
func (p PACT) Start(params Params, a Affine) error {
	err := a.check()
	if err == nil {
		err = checkParams("parameters", params, len(a.Scale))
	}
	if err != nil {
		return prefixed("pact", err)
	}
	for c, s := range a.Scale {
		params[0][c] = max(s*float32(a.Qp()-int(a.ZeroPoint[c])), MinScale)
	}
	return nil
}
