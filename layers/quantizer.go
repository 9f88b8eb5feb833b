package layers

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/networks"
)

// Quantizer turns one tensor of a network into codes of a few bits. The math is that of package estimators: what a method
// declares ([estimators.Traits]) says what is learned and what computes it.
//
// Of a plain method the scale of the codes is all there is: the kernels of [kernels.Uniform] compute it. Others have
// arrays of their own, from which the scale derives; they run on the kernels of a staircase, or as their functions do.
//
// Scales are per tensor, or per output channel for weights. Activations are stored as uint8, so a signed range is shifted
// by ZeroPoint.
type Quantizer struct {
	Name string // of the tensor, for instance "layer1.0.conv1.weight"
	// Scale is that of the codes: (1), or (C) per output channel; 0 before calibration.
	Scale *Array
	// ZeroPoint is the code of real zero, an array of one for checkpoints; nil for weights.
	ZeroPoint *Array

	spec    configs.TensorSpec
	place   configs.Place
	is      estimators.Traits
	first   estimators.Estimator // at the start of training: for what no schedule changes
	learned []*Array             // by gradients: the scale, if the method is plain
	state   []*Array
	updates *Array // how many times the state was updated, an array of one; nil without state
	clock   *clock

	// Of a quantizer that is bound to a context: what it is bound from, whose arrays its own derive from.
	context *Context
	stored  *Quantizer

	observed observed
	fixed    bool // the input picture, whose range is known without data
	atOffset bool // its codes are for a convolution only: see grid
	frozen   bool // see Network.Freeze
}

// newQuantizer returns the quantizer of a tensor, which has size elements if it holds weights, without a scale: the first
// batch, or a checkpoint, sets it.
func newQuantizer(name string, spec configs.TensorSpec, place configs.Place, size int) (*Quantizer, error) {
	is, err := spec.Traits(place)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	est, err := spec.NewEstimator(place, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	scales := 1
	if place.Weights {
		scales = place.Scales
	}
	q := &Quantizer{Name: name, spec: spec, place: place, is: is, first: est, clock: &clock{}}
	q.Scale = newLearned(name+"_quantizer.scale", networks.ScalesGroup, scales)
	q.Scale.Floor, q.Scale.least = estimators.MinScale, 0 // not calibrated yet
	if q.plain() {
		if len(is.Learned) > 0 {
			q.learned = []*Array{q.Scale}
		}
		return q, nil
	}
	q.Scale.Name = name + "_quantizer.code_scale" // parameters may be called scale, and be another
	for _, l := range est.Params() {
		p := newLearned(name+"_quantizer."+l.Name, networks.ScalesGroup, l.Len)
		if l.Positive {
			p.Floor = estimators.MinScale
		}
		q.learned = append(q.learned, p)
	}
	if s, ok := est.(estimators.Stateful); ok {
		for _, l := range s.State(size) {
			q.state = append(q.state, newUpdated(name+"_quantizer."+l.Name, l.Len))
		}
		q.updates = newUpdated(name+"_quantizer.updates", 1)
	}
	for _, a := range append(q.learned, q.state...) {
		switch own, _ := strings.CutPrefix(a.Name, name+"_quantizer."); own {
		case "code_scale", "zero_point", "updates":
			return nil, fmt.Errorf("%s: method %s has an array %q, the name of one that every quantizer has; wanted another name", name, spec.Estimator, own)
		}
	}
	return q, nil
}

// newActivationQuantizer returns the quantizer of a tensor (..., channels).
func newActivationQuantizer(name string, spec configs.TensorSpec, signed bool, channels int) (*Quantizer, error) {
	if m, err := estimators.MethodNamed(string(spec.Estimator)); err != nil || !m.Channels {
		channels = 1
	}
	q, err := newQuantizer(name, spec, configs.Place{Signed: signed, Scales: channels}, 0)
	if err != nil {
		return nil, err
	}
	q.ZeroPoint = newUpdated(name+"_quantizer.zero_point", 1)
	q.ZeroPoint.least, q.ZeroPoint.most = 0, math.MaxUint8
	q.ZeroPoint.Data()[0] = float32(q.shift())
	return q, nil
}

// newWeightQuantizer returns a quantizer with one scale, or one an output channel.
func newWeightQuantizer(w *Array, spec configs.TensorSpec) (*Quantizer, error) {
	shape := w.Value.Shape()
	size, channels := shape.TotalSize(), shape[len(shape)-1]
	place := configs.Place{Weights: true, Signed: true, Scales: 1}
	if spec.Granularity == configs.PerChannel {
		place.Scales = channels
	}
	place.N = elements(spec.N, place.Scales, size, 0, channels)
	return newQuantizer(w.Name, spec, place, size)
}

// errNoQuantizer is that of a quantizer that no function made.
var errNoQuantizer = errors.New("there is no quantizer; want one of a Network")

// made reports a quantizer that no function made, and one without weights to quantize.
func (q *Quantizer) made(w *Array) error {
	switch {
	case q == nil || q.Scale == nil:
		return errNoQuantizer
	case w == nil || w.Value == nil:
		return fmt.Errorf("%s: there are no weights to quantize", q.Name)
	}
	return nil
}

// Estimator is the method, Bits, Signed and Narrow the range of its codes.
func (q *Quantizer) Estimator() configs.Estimator { return q.spec.Estimator }

// Bits is the number of bits of a code: of one that learns it the nearest whole number of those that it costs.
func (q *Quantizer) Bits() int {
	if q.learnsBits() && q.Calibrated() {
		return int(math.RoundToEven(costBits(q)))
	}
	return int(q.spec.Bits)
}

// Signed tells that the levels have both signs.
func (q *Quantizer) Signed() bool { return q.place.Signed }

func (q *Quantizer) levelRange() estimators.Range { return q.spec.Range(q.place.Signed) }

// plain tells that the scale of the codes is all there is. A schedule moves what a method has beside it.
func (q *Quantizer) plain() bool { return q.is.Form == estimators.Plain && !q.spec.Scheduled() }

// fused tells that the kernels of a plain quantizer compute it, also in one pass with others.
func (q *Quantizer) fused() bool { return q != nil && q.plain() && !q.fixed }

// stairs tells that the kernels of a staircase compute it.
func (q *Quantizer) stairs() bool { return q.is.Form == estimators.Stairs }

// arrays lists what a store holds of the quantizer.
func (q *Quantizer) arrays() []*Array {
	all := []*Array{q.Scale}
	if q.ZeroPoint != nil {
		all = append(all, q.ZeroPoint)
	}
	if !q.plain() { // of which the scale is all there is
		all = append(all, q.learned...)
	}
	if all = append(all, q.state...); q.updates != nil {
		all = append(all, q.updates)
	}
	return all
}

// zeroPoint is the code of real zero.
func (q *Quantizer) zeroPoint() uint8 { return uint8(q.ZeroPoint.Data()[0]) }

// thresholds is the number of what is learned for each channel beside the scale.
func (q *Quantizer) thresholds() int {
	if q.place.Scales == len(q.Scale.Data()) {
		return 0
	}
	return q.place.Scales
}

// Calibrated tells that the quantizer has a scale.
func (q *Quantizer) Calibrated() bool { return q.Scale != nil && q.Scale.Data()[0] != 0 }

// Learned tells that gradients train the scale itself.
func (q *Quantizer) Learned() bool { return q.plain() && len(q.learned) > 0 }

// absorbsReLU tells that quantizing x or max(x, 0) is the same: what follows a
// ReLU gets the zero point 0.
func (q *Quantizer) absorbsReLU() bool { return !q.Signed() }

// uniform returns a plain quantizer of activations as the kernels take it: levels relative to real zero.
func (q *Quantizer) uniform(scale float32) kernels.Uniform {
	s := kernels.Uniform{Scale: scale, ZeroPoint: q.zeroPoint(), Flat: q.is.Pass == estimators.PassFlat}
	shift, r := float32(0), q.levelRange()
	if !r.Signed {
		shift = q.ZeroPoint.Data()[0]
	}
	s.Qn, s.Qp = float32(r.Qn())-shift, float32(r.Qp())-shift
	if q.is.Pass == estimators.PassRounded {
		s.Qn, s.Qp = roundsTo(s.Qn, -1), roundsTo(s.Qp, 1)
	}
	return s
}

// aboveZero is the least v = x/s of what is quantized behind a ReLU: the gradient of max(x, 0) at 0 is 0, and residual sums
// of codes often are 0. It rounds to 0, and is no denormal number when gradients are multiplied by it.
const aboveZero = 0x1p-40

// uniformBehind is uniform for max(x, 0) if relu, given x.
func (q *Quantizer) uniformBehind(relu bool, scale float32) kernels.Uniform {
	s := q.uniform(scale)
	if relu {
		s.Qn = max(s.Qn, aboveZero)
	}
	return s
}

// roundsTo is the farthest v, in a direction, that rounds to an integer: where [estimators.PassRounded] clips, with the
// same code.
func roundsTo(level, direction float32) float32 {
	v := level + direction/2
	if math.RoundToEven(float64(v)) != float64(level) {
		v = math.Nextafter32(v, level)
	}
	return v
}

// scaleGradient returns the gradient of a plain quantizer's scale from the sum that the kernels give; n is LSQ's number of
// elements.
func (q *Quantizer) scaleGradient(sum float64, n int) float32 {
	est, scale := q.first.(estimators.Scaled), q.Scale.Data()[0]
	g := est.ScaleGradient(scale, sum, n)
	if share := q.share(); share != 1 { // of what decays the scale, too
		g -= float32(1-share) * est.ScaleGradient(scale, 0, n)
	}
	return g
}

// setRange fixes scale and zero point for reals in [lo, hi]; a signed range is
// symmetric.
func (q *Quantizer) setRange(lo, hi float32) error {
	if r := q.levelRange(); r.Signed {
		q.Scale.Data()[0] = max(max(-lo, hi)/float32(r.Qp()), estimators.MinScale)
		return nil
	}
	a, err := estimators.NewAffine(q.levelRange(), []float32{lo}, []float32{hi})
	if err != nil {
		return err
	}
	q.Scale.Data()[0], q.ZeroPoint.Data()[0] = a.Scale[0], float32(a.ZeroPoint[0])
	return nil
}

// elements is that of an activation of the size, in so many pictures; of a piece of a batch it is that of the batch.
func (q *Quantizer) elements(size, pictures, channels int) int {
	if c := q.context; c != nil {
		size, pictures = size/pictures*c.batch(pictures), c.batch(pictures)
	}
	return elements(q.spec.N, len(q.Scale.Data()), size, pictures, channels)
}

// elements returns the count N of LSQ's gradient scale 1/sqrt(N*Qp) by the key
// n: elements of the whole tensor, of one picture, or of one channel; by
// default all that share one of the scales, for activations in one picture. pictures
// is 0 for weights.
func elements(n configs.GradN, scales, size, pictures, channels int) int {
	switch {
	case n == configs.NPerTensor:
		return size
	case n == configs.NPerSample || n == configs.NAuto && pictures > 0:
		return size / pictures
	case n == configs.NPerChannel:
		return size / channels
	}
	return size / scales
}
