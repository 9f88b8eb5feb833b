package layers

import (
	"fmt"
	"hash/fnv"
	"math"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/graph"
)

// clock is where training stands: what schedules and random numbers depend on.
type clock struct {
	seed     uint64
	step     int
	progress float64 // from 0 to 1
	steady   bool    // the network is measured, not trained: nothing draws, and states stay
}

// seedOf is the seed of what draws at random under a name in this step.
func (c *clock) seedOf(name string) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, c.seed, name, c.step)
	return h.Sum64()
}

// count sets N for training activations of a shape.
func (q *Quantizer) count(shape tensor.Shape) {
	q.place.N = q.elements(shape.TotalSize(), shape[0], shape[len(shape)-1])
}

// estimator returns the method as it is now. draw numbers what draws at random in a step; in evaluation nothing does.
func (q *Quantizer) estimator(train bool, draw int) (estimators.Estimator, error) {
	if q.Learned() && q.place.Weights { // no schedule changes it, and all else is given from the start
		return q.first, nil
	}
	est, err := q.spec.NewEstimator(q.place, q.clock.progress)
	if err != nil {
		return nil, err
	}
	if s, ok := est.(estimators.Stateful); ok {
		est = s.WithState(q.stateData())
	}
	return q.drawing(est, train, draw), nil
}

// drawing returns the estimator with the seed of a draw, if it draws at random.
func (q *Quantizer) drawing(est estimators.Estimator, train bool, draw int) estimators.Estimator {
	if !q.is.Random || !train || q.clock.steady {
		return est
	}
	if c := q.context; c != nil && !q.place.Weights {
		draw += c.First
	}
	return est.(estimators.Random).Seeded(q.clock.seedOf(q.Name) + uint64(draw))
}

func (q *Quantizer) params() estimators.Params {
	p := make(estimators.Params, len(q.learned))
	for i, l := range q.learned {
		p[i] = l.Data()
	}
	return p
}

// stateData is the state: of a static method the scale and the zero points, 0 of what is signed.
func (q *Quantizer) stateData() estimators.Params {
	if q.is.Static {
		zero := make([]float32, len(q.Scale.Data()))
		if q.ZeroPoint != nil && !q.Signed() {
			copy(zero, q.ZeroPoint.Data())
		}
		return estimators.Params{q.Scale.Data(), zero}
	}
	p := make(estimators.Params, len(q.state))
	for i, b := range q.state {
		p[i] = b.Data()
	}
	return p
}

// integer returns the estimator as one whose outputs are integers that a byte holds, or nil. Codes of weights have no zero
// point.
func (q *Quantizer) integer(est estimators.Estimator) estimators.Integer {
	i, ok := est.(estimators.Integer)
	switch {
	case !ok:
		return nil
	case q.place.Weights && (q.is.Zero == estimators.ZeroLearned || i.Qn() < math.MinInt8 || i.Qp() > math.MaxInt8):
		return nil
	case !q.place.Weights && (i.Qp()-min(i.Qn(), 0) > math.MaxUint8):
		return nil
	}
	return i
}

// integral tells that the quantizer gives codes, in training or in evaluation; those with noise do not in training.
func (q *Quantizer) integral(train bool) bool {
	return !(q.is.Noisy && train) && q.is.Levels.IsInteger() && q.integer(q.first) != nil
}

// even tells that the codes are what an integer network has: y = scale*(code - zero_point), and the nearest code for each x.
func (q *Quantizer) even() bool {
	return q.is.Levels == estimators.Even && q.integral(false) && (q.plain() || !q.spec.Narrow)
}

// shift is what codes of activations are stored with: code + shift >= 0.
func (q *Quantizer) shift() int {
	switch i := q.integer(q.first); {
	case q.plain() && q.Signed():
		return 1 << (q.Bits() - 1) // a narrow range leaves the code 0 unused
	case i == nil:
		return 0
	default:
		return -min(i.Qn(), 0)
	}
}

// largest is the largest code of activations, as stored: that of a sign is 2, since -1 and 1 are stored as 0 and 2.
func (q *Quantizer) largest() uint8 {
	if i := q.integer(q.first); i != nil {
		return uint8(i.Qp() + q.shift())
	}
	return math.MaxUint8
}

// codeBits is the number of bits that hold the codes of weights: some methods
// have levels that are not consecutive. -1 and 1 take one.
func (q *Quantizer) codeBits() int {
	i := q.integer(q.first)
	if q.Bits() == 1 && i.Qn() == -1 && i.Qp() == 1 {
		return 1
	}
	r := estimators.Range{Bits: q.Bits(), Signed: true}
	for r.Qn() > i.Qn() || r.Qp() < i.Qp() {
		r.Bits++
	}
	return r.Bits
}

// uncalibrated stops a run at a quantizer without a scale, which nobody finds in evaluation.
type uncalibrated struct {
	q *Quantizer
	x []float32 // what it is to quantize, whole; nil: the operation does not see it
}

func (*uncalibrated) Error() string {
	return "the quantizer has no scale; train or calibrate the network first"
}

// update brings the quantizer up to date with x, weights or activations that it sees whole: in training it moves what does
// not follow gradients.
func (q *Quantizer) update(train bool, x []float32) error {
	q.load()
	switch {
	case !q.Calibrated():
		if !train {
			return &uncalibrated{}
		}
		return q.awaits(x, false)
	case (!train || q.frozen) && q.is.Static:
		return nil
	case train:
		if err := q.updateState(x); err != nil {
			return err
		}
	}
	return q.rescale(x)
}

// updateActivations is update where the operation may see parts of x, all of which whole returns, for calibration. An
// operation that updates the state runs ahead of this one: see methodState.
func (q *Quantizer) updateActivations(train bool, k *graph.Call, relu bool, whole func() []float32) error {
	if !train || q.updates == nil {
		q.load()
	}
	switch {
	case q.Calibrated():
		return q.rescale(nil)
	case !train || k.Fused:
		return &uncalibrated{}
	}
	return q.awaits(whole(), relu)
}

// updateState moves the arrays that do not follow gradients.
func (q *Quantizer) updateState(x []float32) error {
	if q.updates == nil || q.stays() && q.updates.Data()[0] > 0 {
		return nil
	}
	est, err := q.spec.NewEstimator(q.place, q.clock.progress)
	if err != nil {
		return err
	}
	if err := est.(estimators.Stateful).Update(q.stateData(), x, q.params(), int(q.updates.Data()[0])); err != nil {
		return err
	}
	q.updates.Data()[0]++
	return nil
}

// rescale writes the scale, and the zero point, that derive from x or from the method's arrays.
func (q *Quantizer) rescale(x []float32) error {
	switch {
	case q.is.Static && q.place.Weights:
		return q.CalibrateWeights(x)
	case q.plain():
		return nil
	}
	est, err := q.estimator(false, 0)
	if err != nil {
		return err
	}
	s, i := q.Scale.Data(), q.integer(est)
	if i == nil {
		for c := range s {
			s[c] = 1
		}
		return nil
	}
	if q.is.Zero == estimators.ZeroLearned && q.ZeroPoint != nil {
		zero := []int32{0}
		if err := i.Quantize(zero, nil, []float32{0}, q.params()); err != nil {
			return err
		}
		q.ZeroPoint.Data()[0] = float32(int(zero[0]) + q.shift())
	}
	if err := i.CodeScale(s, x, q.params()); err != nil {
		return err
	}
	for c, v := range s {
		if !(v > 0 && v <= math.MaxFloat32) { // 0 says that there is no scale yet
			return fmt.Errorf("%s gives the scale %v (%d of %d); wanted positive, finite ones", q.Estimator(), v, c, len(s))
		}
	}
	return nil
}

// begin writes the first parameters, from x or, if there are some, at calibrated levels.
func (q *Quantizer) begin(x []float32, levels *estimators.Affine) error {
	if q.plain() {
		if levels == nil {
			return q.first.(estimators.Scaled).FirstScale(q.Scale.Data(), x)
		}
		copy(q.Scale.Data(), levels.Scale)
		if q.ZeroPoint != nil && !q.Signed() {
			q.ZeroPoint.Data()[0] = float32(levels.ZeroPoint[0])
		}
		return nil
	}
	est, err := q.spec.NewEstimator(q.place, q.clock.progress)
	switch {
	case err != nil || len(q.learned) == 0:
	case levels == nil:
		err = est.Init(q.params(), x)
	case !q.is.Starts:
		err = fmt.Errorf("%s starts in its own way; expected calibration: auto", q.spec.Estimator)
	default:
		err = est.(estimators.Startable).Start(q.params(), *levels)
	}
	if err == nil {
		err = q.updateState(x)
	}
	if err == nil {
		err = q.rescale(x)
	}
	return err
}

// penalize adds what a method's own penalty on its parameters gives their gradients.
func (q *Quantizer) penalize(est estimators.Estimator, dp estimators.Params) {
	e, ok := est.(estimators.Penalized)
	if !ok {
		return
	}
	for i, d := range e.Decay() {
		for j, v := range q.learned[i].Data() {
			dp[i][j] += float32(q.share()*d) * v
		}
	}
}
