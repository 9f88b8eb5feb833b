package layers

import (
	"fmt"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/graph"
)

// observed is what a calibration has seen of a tensor.
type observed struct {
	values   []float32           // all of it, for starts that want it whole
	observer estimators.Observer // for the others
	batches  int
	passed   func(elements int) // is called after each batch; nil: nobody listens
}

// awaits stops the run of an operation at a quantizer without a scale, which finds one from x. relu tells that x stands for
// max(x, 0).
func (q *Quantizer) awaits(x []float32, relu bool) error {
	if relu || q.fromZero() {
		x = aboveNegative(x)
	}
	if i := graph.FirstNotFinite(x); i >= 0 { // not every method looks
		return fmt.Errorf("cannot calibrate: %w", &graph.NotFiniteError{What: fmt.Sprintf("element %d of its input", i), Value: float64(x[i])})
	}
	return &uncalibrated{q.stored, x}
}

// aboveNegative is max(x, 0), with NaN as it is.
func aboveNegative(x []float32) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = v
		if v < 0 {
			y[i] = 0
		}
	}
	return y
}

// Observe takes in a batch of what a quantizer of activations without a scale is for; after as many as its calibration wants it
// has one.
func (q *Quantizer) Observe(x []float32) error {
	switch {
	case q == nil || q.Scale == nil:
		return errNoQuantizer
	case q.Calibrated():
		return nil
	case q.fromZero():
		x = aboveNegative(x)
	}
	return q.calibrateActivation(x)
}

// Values writes what codes of x stand for, as in evaluation: y may be x. Weights are given whole, activations images at a time.
func (q *Quantizer) Values(y, x []float32) error {
	switch {
	case q == nil || q.Scale == nil:
		return errNoQuantizer
	case !q.Calibrated():
		return fmt.Errorf("%s: %w", q.Name, &uncalibrated{})
	}
	est, err := q.estimator(false, 0)
	if err == nil {
		err = est.Forward(y, x, q.params())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", q.Name, err)
	}
	return nil
}

// calibrateActivation takes in a batch of what is to be quantized. After the last one that the calibration wants it
// sets the first levels.
func (q *Quantizer) calibrateActivation(x []float32) error {
	if q.observed.passed != nil {
		defer q.observed.passed(len(x))
	}
	err := q.observe(x)
	q.observed.batches++
	if err == nil && q.observed.batches >= q.spec.CalibrationBatches {
		err = q.finish()
	}
	if err != nil {
		return fmt.Errorf("%s: cannot calibrate: %w", q.Name, err)
	}
	return nil
}

// CalibrateWeights sets the first levels of the tensor, or of each output channel, from the weights w (..., C).
func (q *Quantizer) CalibrateWeights(w []float32) error {
	if q == nil || q.Scale == nil {
		return errNoQuantizer
	}
	if err := q.observe(w); err != nil {
		return err
	}
	return q.finish()
}

// symmetric tells that real zero has a fixed code, in the middle: of weights, which have no zero point, and of signed
// activations but for methods that learn where it is.
func (q *Quantizer) symmetric() bool {
	return q.ZeroPoint == nil || q.Signed() && q.is.Zero != estimators.ZeroLearned
}

// fromZero tells that a plain quantizer has no level below 0, so that calibration need not look there.
func (q *Quantizer) fromZero() bool {
	return q.plain() && !q.Signed() && q.is.Zero == estimators.ZeroIsZero
}

// keepsValues tells that the first levels are found on all values at once.
func (q *Quantizer) keepsValues() bool {
	return q.spec.Calibration == configs.CalibrateLSQ || q.spec.Calibration == configs.CalibrateAuto && !q.is.Static // which starts by itself
}

func (q *Quantizer) observe(x []float32) error {
	o := &q.observed
	if q.keepsValues() {
		if o.values == nil {
			o.values = make([]float32, 0, max(q.spec.CalibrationBatches, 1)*len(x))
		}
		o.values = append(o.values, x...)
		return nil
	}
	if o.observer == nil {
		var err error
		if o.observer, err = q.spec.NewObserver(q.levelRange(), q.symmetric(), len(q.Scale.Data())); err != nil {
			return err
		}
	}
	return o.observer.Observe(x)
}

// finish sets the first levels from what was observed, which it forgets.
func (q *Quantizer) finish() error {
	o := q.observed
	q.observed = observed{}
	n := len(q.Scale.Data())
	switch {
	case o.observer != nil:
		lo, hi := make([]float32, n), make([]float32, n)
		if err := o.observer.Range(lo, hi); err != nil {
			return err
		}
		a, err := estimators.NewCalibrated(q.levelRange(), q.symmetric(), lo, hi)
		if err != nil {
			return err
		}
		return q.begin(nil, &a)
	case q.spec.Calibration == configs.CalibrateLSQ:
		a := estimators.Affine{Range: q.levelRange(), Scale: make([]float32, n), ZeroPoint: make([]int32, n)}
		if err := (estimators.LSQ{Range: q.levelRange()}).InitialScale(a.Scale, o.values); err != nil {
			return err
		}
		return q.begin(nil, &a)
	}
	return q.begin(o.values, nil)
}
