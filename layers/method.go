package layers

import (
	"fmt"
	"hash/fnv"
	"math"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/networks"
)

// method is a quantizer that runs on package estimators alone, as every method can; those with kernels do without it.
type method struct {
	spec    configs.TensorSpec
	place   configs.Place
	first   estimators.Estimator // at the start of training: for what no schedule changes
	learned []*Array
	state   []*Array
	updates *Array // how many times the state was updated, an array of one
	clock   *clock
	name    string
}

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

// newMethod returns the method of the tensor called name, which has size elements if it is a weight.
func newMethod(name string, spec configs.TensorSpec, place configs.Place, size int) (*method, error) {
	est, err := spec.NewEstimator(place, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	m := &method{spec: spec, place: place, first: est, clock: &clock{}, name: name}
	for _, l := range est.Params() {
		p := newLearned(name+"_quantizer."+l.Name, networks.ScalesGroup, l.Len)
		if l.Positive {
			p.Floor = estimators.MinScale
		}
		m.learned = append(m.learned, p)
	}
	if s, ok := est.(estimators.Stateful); ok {
		for _, l := range s.State(size) {
			m.state = append(m.state, newUpdated(name+"_quantizer."+l.Name, l.Len))
		}
		m.updates = newUpdated(name+"_quantizer.updates", 1)
	}
	return m, nil
}

// count sets N for training activations of a shape.
func (q *Quantizer) count(shape tensor.Shape) {
	q.method.place.N = q.elements(shape.TotalSize(), shape[0], shape[len(shape)-1])
}

// estimator returns the method as it is now. draw numbers what draws at random in a step; in evaluation nothing does.
func (m *method) estimator(train bool, draw int) (estimators.Estimator, error) {
	est, err := m.spec.NewEstimator(m.place, m.clock.progress)
	if err != nil {
		return nil, err
	}
	if s, ok := est.(estimators.Stateful); ok {
		est = s.WithState(m.buffers())
	}
	return m.drawing(est, train, draw), nil
}

// drawing returns the estimator with the seed of a draw, if it draws at random.
func (m *method) drawing(est estimators.Estimator, train bool, draw int) estimators.Estimator {
	r, ok := est.(estimators.Random)
	if !ok || !train || m.clock.steady {
		return est
	}
	return r.Seeded(m.clock.seedOf(m.name) + uint64(draw))
}

func (m *method) params() estimators.Params {
	p := make(estimators.Params, len(m.learned))
	for i, l := range m.learned {
		p[i] = l.Data()
	}
	return p
}

func (m *method) buffers() estimators.Params {
	p := make(estimators.Params, len(m.state))
	for i, b := range m.state {
		p[i] = b.Data()
	}
	return p
}

// update moves the arrays that do not follow gradients.
func (m *method) update(x []float32) error {
	est, err := m.spec.NewEstimator(m.place, m.clock.progress)
	if err != nil {
		return err
	}
	s, ok := est.(estimators.Stateful)
	if !ok || m.clock.steady && m.updates.Data()[0] > 0 {
		return nil
	}
	if err := s.Update(m.buffers(), x, m.params(), int(m.updates.Data()[0])); err != nil {
		return err
	}
	m.updates.Data()[0]++
	return nil
}

// integer returns the estimator as one whose outputs are integers that a byte holds, or nil.
func (m *method) integer(est estimators.Estimator) estimators.Integer {
	i, ok := est.(estimators.Integer)
	switch {
	case !ok:
		return nil
	case m.place.Weights && (i.Qn() < math.MinInt8 || i.Qp() > math.MaxInt8):
		return nil
	case !m.place.Weights && (i.Qp()-min(i.Qn(), 0) > math.MaxUint8):
		return nil
	}
	return i
}

// integral tells that the method gives codes; those with noise do not in training.
func (m *method) integral(train bool) bool {
	_, noisy := m.first.(estimators.Noisy)
	return !(noisy && train) && m.integer(m.first) != nil
}

// shift is what codes of activations are stored with: code + shift >= 0.
func (m *method) shift() int {
	if i := m.integer(m.first); i != nil {
		return -min(i.Qn(), 0)
	}
	return 0
}

// largest is the largest code of activations, as stored: that of a sign is 2, since -1 and 1 are stored as 0 and 2.
func (m *method) largest() uint8 {
	if i := m.integer(m.first); i != nil {
		return uint8(i.Qp() - min(i.Qn(), 0))
	}
	return math.MaxUint8
}

// prepare starts the parameters from x, if that has not been done, and brings the state and the quantizer's scale up to
// date. A scale that is not 0 marks what is prepared.
func (q *Quantizer) prepare(train bool, x []float32) error {
	if !q.Calibrated() {
		if !train {
			return fmt.Errorf("the quantizer has no parameters; train or calibrate the network first")
		}
		return q.CalibrateWeights(x)
	}
	if train {
		if err := q.method.update(x); err != nil {
			return err
		}
	}
	return q.measure(x)
}

// start writes the first parameters, from x or, if the method starts from levels, at those.
func (m *method) start(x []float32, levels *estimators.Affine) error {
	est, err := m.spec.NewEstimator(m.place, m.clock.progress)
	switch {
	case err != nil || len(m.learned) == 0:
		return err
	case levels == nil:
		return est.Init(m.params(), x)
	}
	s, ok := est.(estimators.Startable)
	if !ok {
		return fmt.Errorf("%s starts in its own way; expected calibration: auto", m.spec.Estimator)
	}
	return s.Start(m.params(), *levels)
}

// measure writes the scale of the codes of x.
func (q *Quantizer) measure(x []float32) error {
	est, err := q.method.estimator(false, 0)
	if err != nil {
		return err
	}
	s := q.Scale.Data()
	if st, ok := est.(estimators.Stepped); ok && q.ZeroPoint != nil {
		levels, _, err := st.Staircase(q.method.params())
		if err != nil {
			return err
		}
		q.ZeroPoint.Data()[0] = float32(levels.Zero + q.method.shift())
	}
	if i := q.method.integer(est); i != nil {
		return i.Step(s, x, q.method.params())
	}
	for c := range s {
		s[c] = 1
	}
	return nil
}

// penalize adds what a method's own penalty on its parameters gives their gradients.
func (m *method) penalize(est estimators.Estimator, dp estimators.Params) {
	e, ok := est.(estimators.Penalized)
	if !ok {
		return
	}
	for i, d := range e.Decay() {
		for j, v := range m.learned[i].Data() {
			dp[i][j] += float32(d) * v
		}
	}
}

// integral tells that the quantizer gives codes, in training or in evaluation.
func (q *Quantizer) integral(train bool) bool { return q.method == nil || q.method.integral(train) }

// refresh brings the scale of weights that derives from them up to date.
func (q *Quantizer) refresh(w []float32) error {
	if q.method == nil {
		return nil
	}
	return q.measure(w)
}

// codeBits is the number of bits that hold the codes of weights: some methods
// have levels that are not consecutive. -1 and 1 take one.
func (q *Quantizer) codeBits() int {
	if q.method == nil {
		return q.Bits
	}
	i := q.method.integer(q.method.first)
	if q.Bits == 1 && i.Qn() == -1 && i.Qp() == 1 {
		return 1
	}
	r := estimators.Range{Bits: q.Bits, Signed: true}
	for r.Qn() > i.Qn() || r.Qp() < i.Qp() {
		r.Bits++
	}
	return r.Bits
}
