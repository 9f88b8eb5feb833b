package layers

import (
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/networks"
)

// NotIntegerError tells what keeps a network from running in integers.
type NotIntegerError struct {
	Causes []Cause // at least one
}

// Cause is a reason with all layers that it holds for.
type Cause struct {
	Layers []string // in order of execution
	Reason string   // and what cures it
}

// Error implements error: one line.
func (e *NotIntegerError) Error() string {
	var all []string
	for _, c := range e.Causes {
		all = append(all, c.String())
	}
	return strings.Join(all, "; ")
}

// String is a sentence that names a few of the layers.
func (c Cause) String() string { return c.names() + " cannot run in integers: " + c.Reason }

// names has a few of the layers.
func (c Cause) names() string {
	const most = 3
	names := strings.Join(c.Layers[:min(len(c.Layers), most)], ", ")
	if more := len(c.Layers) - most; more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	return names
}

// add notes reasons of a layer.
func (e *NotIntegerError) add(layer string, reasons ...string) {
	e.Causes = noted(e.Causes, layer, reasons...)
}

// noted adds reasons of a layer to causes.
func noted(causes []Cause, layer string, reasons ...string) []Cause {
	for _, reason := range reasons {
		i := slices.IndexFunc(causes, func(c Cause) bool { return c.Reason == reason })
		if i < 0 {
			i = len(causes)
			causes = append(causes, Cause{Reason: reason})
		}
		if !slices.Contains(causes[i].Layers, layer) { // a block may have several sums
			causes[i].Layers = append(causes[i].Layers, layer)
		}
	}
	return causes
}

// IntegerForm tells whether the network runs in integers once it is trained or calibrated; the error is a
// *NotIntegerError if not. It depends on what the config says and on no scale: [Network.Lower] asks the same.
func (n *Network) IntegerForm() error {
	if err := n.made(); err != nil {
		return err
	}
	if n.learnsBits() {
		return n.wholeForm()
	}
	e := &NotIntegerError{}
	var lacks *UntrainableError
	if errors.As(n.Trainable(), &lacks) {
		for _, c := range lacks.Causes {
			e.Causes = append(e.Causes, Cause{c.Layers, c.Reason + " cannot be trained yet"})
		}
		return e
	}
	if n.streamReasons(e); len(e.Causes) > 0 && e.Causes[0].Reason == floatStream {
		return e // all there is to say
	}
	stream := e.Causes
	e.Causes = nil
	for _, l := range n.weighted() {
		e.add(l.Name, operandReasons(l.weights, l.input)...)
	}
	e.Causes = append(e.Causes, stream...)
	n.flatReads(e)
	if len(e.Causes) == 0 {
		n.floatSteps(e)
	}
	if len(e.Causes) == 0 {
		return nil
	}
	return e
}

// operandReasons says why a layer's weights and input are none of an integer network.
func operandReasons(weights, input *Quantizer) (reasons []string) {
	switch {
	case weights == nil && input == nil:
		return []string{"weights and input are left in floating point (bits: fp)"}
	case weights == nil:
		reasons = append(reasons, "the weights are left in floating point (bits: fp)")
	case input == nil:
		reasons = append(reasons, "the input is left in floating point (bits: fp)")
	}
	for _, q := range []*Quantizer{weights, input} {
		if q == nil {
			continue
		}
		if reason := q.notInteger(); reason != "" {
			reasons = append(reasons, reason+q.cure())
		}
	}
	return reasons
}

// Why a residual stream is none of an integer network.
const (
	floatStream = "its sums keep real values, as those of model.block bireal and reactnet and add with real: true do; only sums of codes have an integer form"
	fpStream    = "the residual stream is left in floating point (quant.residual: fp)"
)

// streamReasons notes why residual sums are none of an integer network, by the names of their blocks; its quantizers are
// affine or lsq.
func (n *Network) streamReasons(e *NotIntegerError) {
	for _, l := range n.layers {
		sum, ok := l.Op.(networks.Add)
		switch {
		case !ok:
		case sum.Real:
			e.add(strings.TrimSuffix(l.Name, path.Ext(l.Name)), floatStream)
		case slices.Contains(l.Inputs, networks.Input):
			e.add(l.Name, imagesRead)
		case n.layer(l.Inputs[0]).output == nil:
			if len(e.Causes) == 0 { // the stream starts with the first weights
				e.add(n.LayerNames()[0], fpStream)
			}
			e.add(blockOf(l.Name), fpStream)
		}
	}
}

// notInteger says why the levels of the quantizer are none of an integer network, or "".
func (q *Quantizer) notInteger() string {
	if q.learnsBits() { // which ends with levels of LSQ
		return ""
	}
	what, lo, hi := fmt.Sprintf("the levels of %s weights", q.Estimator()), math.MinInt8, math.MaxInt8
	if q.ZeroPoint != nil {
		what, lo, hi = fmt.Sprintf("the levels of %s activations", q.Estimator()), 0, math.MaxUint8
	}
	if !q.is.Levels.IsInteger() {
		return what + " are not a scale times integers"
	}
	if q.place.Weights && q.is.Zero == estimators.ZeroLearned {
		return what + " have a zero point, and weights of an integer network have none"
	}
	if i := q.first.(estimators.Integer); q.integer(i) == nil {
		return fmt.Sprintf("%s are a scale times %d to %d, and codes are bytes, %d to %d", what, i.Qn(), i.Qp(), lo, hi)
	}
	switch {
	case q.ZeroPoint == nil || q.even():
		return ""
	case q.thresholds() > 0:
		return what + " have no integer form"
	case q.is.Levels == estimators.Rescaled:
		return what + " are rounded with another scale or offset than their codes have"
	case q.is.Levels != estimators.Even:
		return what + " are not those of rounding to the nearest multiple of a scale"
	}
	return what + " have no integer form where they are narrow"
}

// cure names a key with which the quantizer has an integer form, if one does.
func (q *Quantizer) cure() string {
	spec := q.spec
	m, err := estimators.MethodNamed(string(q.Estimator()))
	if err != nil {
		return ""
	}
	try := func(s configs.TensorSpec) bool {
		at := q.place
		at.Signed = at.Weights || at.Signed && s.Signed != configs.SignedFalse
		c, err := newQuantizer("", s, at, 1)
		if err == nil {
			c.ZeroPoint = q.ZeroPoint
		}
		return err == nil && c.notInteger() == ""
	}
	for _, o := range m.Options {
		s := spec
		s.Options = append(slices.Clone(spec.Options), configs.Setting{Name: o.Name, Value: estimators.Schedule{Kind: estimators.Constant, From: 1, To: 1}})
		if o.Max == 1 && !slices.ContainsFunc(spec.Options, func(g configs.Setting) bool { return g.Name == o.Name }) && try(s) {
			return fmt.Sprintf("; with options: {%s: 1} they are", o.Name)
		}
	}
	s := spec
	if s.Narrow = !s.Narrow; try(s) {
		return fmt.Sprintf("; with narrow: %t they have one", s.Narrow)
	}
	s = spec
	if s.Signed = configs.SignedFalse; q.ZeroPoint != nil && try(s) {
		return "; with signed: false they have one"
	}
	s = spec
	for s.Bits--; int(s.Bits) >= m.MinBits; s.Bits-- {
		if try(s) {
			return fmt.Sprintf("; with bits: %v they have one", s.Bits)
		}
	}
	return ""
}
