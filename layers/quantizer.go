package layers

import (
	"math"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/networks"
)

// Quantizer turns one tensor of a network into codes of a few bits. The math
// is that of package estimators. Uniform levels with a clipped gradient, lsq,
// pact, dorefa and wrpn on activations, run on the kernels, which compute the
// same; what else there is runs as its method does.
//
// Scales are per tensor, or per output channel for weights. Activations are
// stored as uint8, so a signed range is shifted by ZeroPoint.
type Quantizer struct {
	Name      string // of the tensor, for instance "layer1.0.conv1.weight"
	Estimator configs.Estimator
	estimators.Range
	// Scale is the step between codes: (1), or (C) per output channel; 0 before
	// calibration. Methods that learn something else derive it.
	Scale *Array
	// ZeroPoint is the code of real zero, an array of one for checkpoints; nil
	// for weights, which are symmetric.
	ZeroPoint *Array

	n        configs.GradN
	spec     configs.TensorSpec
	observed observed
	fixed    bool // the input picture, whose range is known without data
	clip     *clip
	method   *method // instead of what is here
	atOffset bool    // its codes are for a convolution only: see grid
}

// newQuantizer returns a quantizer without a scale: the first batch, or a
// checkpoint, sets it.
func newQuantizer(name string, spec configs.TensorSpec, signed bool, scales int) *Quantizer {
	q := &Quantizer{
		Name: name, Estimator: spec.Estimator, Range: estimators.Range{Bits: int(spec.Bits), Signed: signed, Narrow: signed && spec.Narrow},
		Scale: newLearned(name+"_quantizer.scale", networks.ScalesGroup, scales), n: spec.N, spec: spec,
	}
	q.Scale.Floor, q.Scale.least = estimators.MinScale, 0 // not calibrated yet
	return q
}

// ownGradient tells that the gradient is the one that lsq and its like have on the kernels.
func ownGradient(spec configs.TensorSpec) bool {
	return spec.STE == configs.STEAuto || spec.STE == "clipped"
}

// newActivationQuantizer returns the quantizer of a tensor (..., channels).
func newActivationQuantizer(name string, spec configs.TensorSpec, signed bool, channels int) (*Quantizer, error) {
	q := newQuantizer(name, spec, signed, 1)
	q.ZeroPoint = newUpdated(name+"_quantizer.zero_point", 1)
	q.ZeroPoint.least, q.ZeroPoint.most = 0, math.MaxUint8
	shift := 0
	if signed {
		shift = int(1) << (q.Bits - 1)
	}
	own := ownGradient(spec) && !spec.Scheduled()
	switch {
	case own && (spec.Estimator == configs.LSQ || spec.Estimator == configs.Affine):
	case own && !signed && clips[spec.Estimator] != nil:
		var err error
		if q.clip, err = clips[spec.Estimator](q, spec); err != nil {
			return nil, err
		}
	default:
		if m, err := estimators.MethodNamed(string(spec.Estimator)); err != nil || !m.Channels {
			channels = 1
		}
		m, err := newMethod(name, spec, configs.Place{Signed: signed, Scales: channels}, 0)
		if err != nil {
			return nil, err
		}
		q.method, shift = m, m.shift()
		q.Scale.Name = name + "_quantizer.step" // parameters may have its name
	}
	q.ZeroPoint.Data()[0] = float32(shift)
	return q, nil
}

// arrays lists what a store holds of the quantizer.
func (q *Quantizer) arrays() []*Array {
	all := []*Array{q.Scale}
	if q.ZeroPoint != nil {
		all = append(all, q.ZeroPoint)
	}
	if m := q.method; m != nil {
		if all = append(append(all, m.learned...), m.state...); m.updates != nil {
			all = append(all, m.updates)
		}
	}
	return all
}

// zeroPoint is the code of real zero.
func (q *Quantizer) zeroPoint() uint8 { return uint8(q.ZeroPoint.Data()[0]) }

// thresholds is the number of what is learned for each channel beside the scale.
func (q *Quantizer) thresholds() int {
	if q.method == nil || q.method.place.Scales == len(q.Scale.Data()) {
		return 0
	}
	return q.method.place.Scales
}

// Calibrated tells that the quantizer has a scale.
func (q *Quantizer) Calibrated() bool { return q.Scale.Data()[0] != 0 }

// Learned tells that training learns the scale.
func (q *Quantizer) Learned() bool {
	switch {
	case q.fixed || q.method != nil:
		return false
	case q.clip != nil:
		return q.clip.learned
	}
	return q.Estimator == configs.LSQ
}

// fused tells that the kernels compute the quantizer, also in one pass with
// others.
func (q *Quantizer) fused() bool {
	return q != nil && q.method == nil && !q.fixed
}

// absorbsReLU tells that quantizing x or max(x, 0) is the same: what follows a
// ReLU gets the zero point 0.
func (q *Quantizer) absorbsReLU() bool { return !q.Signed }

// step returns the quantizer of activations as the kernels take it: levels
// relative to real zero.
func (q *Quantizer) step(scale float32) kernels.Step {
	s := kernels.Step{Scale: scale, ZeroPoint: q.zeroPoint(), Flat: q.clip != nil}
	shift := float32(0)
	if !q.Signed {
		shift = q.ZeroPoint.Data()[0]
	}
	s.Qn, s.Qp = float32(q.Qn())-shift, float32(q.Qp())-shift
	if q.Estimator == configs.Affine {
		s.Qn, s.Qp = roundsTo(s.Qn, -1), roundsTo(s.Qp, 1)
	}
	return s
}

// aboveZero is the least v = x/s of what is quantized behind a ReLU: the gradient of max(x, 0) at 0 is 0, and residual sums
// of codes often are 0. It rounds to 0, and is no denormal number when gradients are multiplied by it.
const aboveZero = 0x1p-40

// stepBehind is step for max(x, 0) if relu, given x.
func (q *Quantizer) stepBehind(relu bool, scale float32) kernels.Step {
	s := q.step(scale)
	if relu {
		s.Qn = max(s.Qn, aboveZero)
	}
	return s
}

// roundsTo is the farthest v, in a direction, that rounds to an integer. What affine clips to lies there: its gradient
// passes all that rounds to a level, and the code is the same.
func roundsTo(level, direction float32) float32 {
	v := level + direction/2
	if math.RoundToEven(float64(v)) != float64(level) {
		v = math.Nextafter32(v, level)
	}
	return v
}

// lsq and affine return the quantizer as package estimators takes it; n is
// LSQ's number of elements.
func (q *Quantizer) lsq(n int) estimators.LSQ { return estimators.LSQ{Range: q.Range, N: n} }

func (q *Quantizer) affine() estimators.Affine {
	a := estimators.Affine{Range: q.Range, Scale: q.Scale.Data(), ZeroPoint: make([]int32, len(q.Scale.Data()))}
	if q.ZeroPoint != nil && !q.Signed {
		a.ZeroPoint[0] = int32(q.zeroPoint())
	}
	return a
}

// uniform returns the estimator with its learned parameters.
func (q *Quantizer) uniform(n int) (estimators.Integer, estimators.Params) {
	if q.Estimator == configs.Affine {
		return q.affine(), nil
	}
	return q.lsq(n), estimators.Params{q.Scale.Data()}
}

// scaleGradient returns the gradient of a fused quantizer's scale from the sum
// that the kernels give; n is LSQ's number of elements.
func (q *Quantizer) scaleGradient(sum float64, n int) float32 {
	switch {
	case q.clip != nil:
		return q.clip.gradient(q.Scale.Data()[0], sum)
	case !q.Learned():
		return 0
	}
	return float32(sum * q.lsq(n).GradientScale(0))
}

// setRange fixes scale and zero point for reals in [lo, hi]; a signed range is
// symmetric.
func (q *Quantizer) setRange(lo, hi float32) error {
	if q.Signed {
		q.Scale.Data()[0] = max(max(-lo, hi)/float32(q.Qp()), estimators.MinScale)
		return nil
	}
	a, err := estimators.NewAffine(q.Range, []float32{lo}, []float32{hi})
	if err != nil {
		return err
	}
	q.Scale.Data()[0], q.ZeroPoint.Data()[0] = a.Scale[0], float32(a.ZeroPoint[0])
	return nil
}

// elements returns the count N of LSQ's gradient scale 1/sqrt(N*Qp) by the key
// n: elements of the whole tensor, of one picture, or of one channel; by
// default all that share the scale, for activations in one picture. pictures
// is 0 for weights.
func (q *Quantizer) elements(size, pictures, channels int) int {
	switch {
	case q.n == configs.NPerTensor:
		return size
	case q.n == configs.NPerSample || q.n == configs.NAuto && pictures > 0:
		return size / pictures
	case q.n == configs.NPerChannel:
		return size / channels
	}
	return size / len(q.Scale.Data())
}
