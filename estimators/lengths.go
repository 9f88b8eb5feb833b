package estimators

import (
	"errors"
	"fmt"
)

// checkParams reports parameters, or state arrays, that have not the lengths.
func checkParams(what string, p Params, lengths ...int) error {
	if len(p) != len(lengths) {
		return fmt.Errorf("%d %s; expected %d", len(p), what, len(lengths))
	}
	for i, n := range lengths {
		if len(p[i]) != n {
			return fmt.Errorf("%d elements in %d of the %s; expected %d", len(p[i]), i, what, n)
		}
	}
	return nil
}

// checkOutputs reports codes or values that are wanted, not nil, and have not one element for each of n.
func checkOutputs(codes []int32, y []float32, n int) error {
	var err error
	if codes != nil {
		err = checkLength("codes", len(codes), n)
	}
	if err == nil && y != nil {
		err = checkLength("y", len(y), n)
	}
	return err
}

// checkGradients reports the arguments of a Backward that have not one element for each of n or for each parameter.
func checkGradients(dx, dy []float32, n int, dp Params, lengths ...int) error {
	err := errors.Join(checkLength("dx", len(dx), n), checkLength("dy", len(dy), n))
	if err == nil {
		err = checkParams("gradients of parameters", dp, lengths...)
	}
	return err
}
