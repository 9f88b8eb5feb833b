package estimators

// unitLevels is what the quantizers share whose codes are -1, 1 and, if they are ternary, 0, and which learn nothing.
type unitLevels struct {
	method string // the name in errors of a method that is built on another one's type
}

// Params is empty.
func (unitLevels) Params() []Learned { return nil }

// Init implements [Estimator]; there is nothing to learn.
func (u unitLevels) Init(p Params, _ []float32) error {
	return u.prefixed("binary", checkParams("parameters", p))
}

// Qn is -1.
func (unitLevels) Qn() int { return -1 }

// Qp is 1.
func (unitLevels) Qp() int { return 1 }

// prefixed says which method an error comes from: the one that is built on the type, else the type's own.
func (u unitLevels) prefixed(own string, err error) error {
	if u.method != "" {
		own = u.method
	}
	return prefixed(own, err)
}

// checkForward reports parameters, and outputs for n elements that have another length.
func (unitLevels) checkForward(codes []int32, y []float32, p Params, n int) error {
	if err := checkParams("parameters", p); err != nil {
		return err
	}
	return checkOutputs(codes, y, n)
}

// checkBackward reports parameters, gradients of them, and gradients that have not the length of x.
func (unitLevels) checkBackward(dx []float32, dp Params, x, dy []float32, p Params) error {
	if err := checkParams("parameters", p); err != nil {
		return err
	}
	return checkGradients(dx, dy, len(x), dp)
}
