package estimators

import (
	"errors"
	"fmt"
	"math"

	"github.com/qat-go/qat/internal/registry"
)

// Regularizer is a penalty on the weights of a layer.
type Regularizer interface {
	// Penalty returns the penalty of the weights w and adds its gradient to dw. The levels of the weights are the scale,
	// of the tensor or of each channel, times the integers of the range; they are constant in the gradient. It is an
	// error if w is not finite. Sums run in the order of w in float64.
	Penalty(dw, w []float32, scale []float32, r Range) (loss float64, err error)
}

// Projector changes the weights of a layer after each update of the optimizer.
type Projector interface {
	// State describes the arrays that it keeps for n weights. Checkpoints have them.
	State(n int) []Learned

	// Project changes w and the arrays; step is how many calls went before, so 0 initialises the arrays.
	Project(w []float32, state Params, scale []float32, r Range, step int) error
}

// RegularizerKind is a regularizer or a projector that a config can name. It has one of New and NewProjector.
type RegularizerKind struct {
	Name, Source, Doc string
	Options           []Option
	MinBits           int // of the weights whose levels it looks at, those of a method with Nearest; 0 if it looks at none
	New               func(o Options) (Regularizer, error)
	NewProjector      func(o Options) (Projector, error)
}

var regularizers = registry.Registry[RegularizerKind]{Kind: "regularizer", Name: func(k RegularizerKind) string { return k.Name }}

func registerRegularizer(k RegularizerKind) string { return regularizers.Add(k) }

// Regularizers returns all regularizers by name.
func Regularizers() []RegularizerKind { return regularizers.All() }

// RegularizerNamed returns the regularizer of that name.
func RegularizerNamed(name string) (RegularizerKind, error) { return named(&regularizers, name) }

// lambda is the option of the penalties' strength.
var lambda = Option{Name: "lambda", Doc: "factor of the penalty", Default: 1, Max: math.MaxFloat32}

// checkLambda reports a strength that no penalty has.
func checkLambda(l float64) error {
	if !(l >= 0 && l <= math.MaxFloat32) {
		return fmt.Errorf("lambda is %v; expected a number from 0", l)
	}
	return nil
}

// checkPenalty reports the strength, and weights, gradients or levels that the penalty of a method cannot have. Without
// weights there is none.
func checkPenalty(method string, lambda float64, dw, w, scale []float32, r Range) error {
	err := checkLambda(lambda)
	if err == nil {
		err = errors.Join(r.Validate(), checkLength("dw", len(dw), len(w)))
	}
	if err == nil {
		err = checkScale(scale, len(w))
	}
	if err == nil && len(w) > 0 {
		err = checkStatistics(w)
	}
	return prefixed(method, err)
}

// nearestLevel is the level of w in the range of a scale s, in float64.
func nearestLevel(w, s float32, r Range) float64 {
	return float64(s) * clampRound(w/s, float64(r.Qn()), float64(r.Qp()))
}
