package estimators

import "errors"

// unit is the quantizer of activations to the 2^k levels from 0 to 1, or of weights to the 2^k - 1 levels from -1 to 1:
// a static scale of 1/n, n = 2^k - 1 or 2^(k-1) - 1, and v = x/s:
//
//	code = round(clip(v, Qn, Qp)),  y = code/n
//	dx = STE.Grad(dy, v, code, Qn, Qp)
//
// It learns nothing.
type unit struct {
	Range
	method string
	ste    STE // nil is Clipped
}

// unit are the traits of the levels from 0 to 1, or of weights from -1 to 1: plain where the tensor has these signs.
func (s Spec) unit(signed bool) Traits {
	t := Traits{Levels: Even}
	if s.clipped() && !s.Weights && s.Signed == signed {
		t.Form, t.Pass = Plain, PassFlat
	}
	return t
}

// Params is empty.
func (unit) Params() []Learned { return nil }

// Init implements [Estimator]; there is nothing to learn.
func (u unit) Init(p Params, _ []float32) error { return prefixed(u.method, u.check(p)) }

func (u unit) check(p Params) error {
	if err := u.Range.Validate(); err != nil {
		return err
	}
	if u.Qp() < 1 {
		return errors.New("signed 1 bit has no positive level; expected 2 bits or more")
	}
	return checkParams("parameters", p)
}

func (u unit) levels() levels { return evenLevels(u.Qn(), u.Qp(), 1/float32(u.Qp())) }

// CodeScale implements [Integer]: the scale is 1/n.
func (u unit) CodeScale(scale, _ []float32, p Params) error {
	err := u.check(p)
	for c := range scale {
		scale[c] = u.levels().scale
	}
	return prefixed(u.method, err)
}

// FirstScale implements [Scaled]: 1/n.
func (u unit) FirstScale(scale, _ []float32) error { return u.CodeScale(scale, nil, nil) }

// ScaleGradient implements [Scaled]: the scale does not move.
func (unit) ScaleGradient(float32, float64, int) float32 { return 0 }

// Forward implements [Estimator].
func (u unit) Forward(y, x []float32, p Params) error { return u.Quantize(nil, wanted(y), x, p) }

// Quantize implements [Integer].
func (u unit) Quantize(codes []int32, y, x []float32, p Params) error {
	err := u.check(p)
	if err == nil {
		ls := [1]levels{u.levels()}
		err = quantizeLevels(codes, y, x, ls[:], &rounding{})
	}
	return prefixed(u.method, err)
}

// Backward implements [Estimator].
func (u unit) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	err := u.check(p)
	if err == nil {
		err = checkGradients(dx, dy, len(x), dp)
	}
	if err == nil {
		ls, r := [1]levels{u.levels()}, rounding{ste: u.ste}
		err = backwardLevels(dx, nil, x, dy, ls[:], &r)
	}
	return prefixed(u.method, err)
}
