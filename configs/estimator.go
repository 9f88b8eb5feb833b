package configs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/qat-go/qat/estimators"
)

// Place says which tensor an estimator is for.
type Place struct {
	Weights bool // not activations
	Signed  bool
	Scales  int // 1, or the number of channels
	N       int // elements in LSQ's gradient scale; 0 for those that share one scale
}

// NewEstimator returns the estimator that s names, with its options as they are at a progress of training from 0 to 1.
func (s TensorSpec) NewEstimator(at Place, progress float64) (estimators.Estimator, error) {
	m, spec, err := s.method(at, progress)
	if err != nil {
		return nil, err
	}
	return m.New(spec)
}

// Traits returns what the method that s names is for that tensor. What the method declares and cannot be is an error.
func (s TensorSpec) Traits(at Place) (estimators.Traits, error) {
	m, spec, err := s.method(at, 0)
	if err != nil {
		return estimators.Traits{}, err
	}
	est, err := m.New(spec)
	if err != nil { // what it does not take is nothing
		return estimators.Traits{}, err
	}
	is := m.Is(spec)
	if err := is.Check(spec, est); err != nil {
		return estimators.Traits{}, fmt.Errorf("method %s: %w", m.Name, err)
	}
	return is, nil
}

// Range is that of the codes of a tensor, which has values of both signs if signed.
func (s TensorSpec) Range(signed bool) estimators.Range {
	return estimators.Range{Bits: int(s.Bits), Signed: signed, Narrow: signed && s.Narrow}
}

// Static tells that calibration, and not training, finds the levels.
func (s TensorSpec) Static() bool {
	m, spec, err := s.method(Place{Scales: 1}, 0)
	return err == nil && m.Is(spec).Static
}

// method returns the method that s names, and what it is told of the tensor.
func (s TensorSpec) method(at Place, progress float64) (m estimators.Method, spec estimators.Spec, err error) {
	if m, err = estimators.MethodNamed(string(s.Estimator)); err != nil {
		return m, spec, err
	}
	spec = estimators.Spec{
		Range:  s.Range(at.Signed),
		Scales: at.Scales, Weights: at.Weights, N: at.N, Options: estimators.Options{},
	}
	var kind estimators.STEKind
	if s.STE != STEAuto {
		if kind, err = estimators.STENamed(string(s.STE)); err != nil {
			return m, spec, err
		}
	}
	ofSTE := estimators.Options{}
	for _, o := range s.Options {
		switch v := o.Value.At(progress); {
		case hasOption(m.Options, o.Name):
			spec.Options[o.Name] = v
		case hasOption(kind.Options, o.Name):
			ofSTE[o.Name] = v
		default:
			return m, spec, fmt.Errorf("estimator %s with ste %s has no option %q; it has %s", s.Estimator, s.STE, o.Name, optionNames(m.Options, kind.Options))
		}
	}
	if s.STE != STEAuto {
		if spec.STE, err = kind.New(ofSTE); err != nil {
			return m, spec, err
		}
	}
	return m, spec, nil
}

// Scheduled tells that an option changes over training.
func (s TensorSpec) Scheduled() bool { return len(s.scheduled()) > 0 }

// scheduled names the options that change over training.
func (s TensorSpec) scheduled() (names []string) {
	for _, o := range s.Options {
		if o.Value.Kind != estimators.Constant {
			names = append(names, o.Name)
		}
	}
	return names
}

func hasOption(options []estimators.Option, name string) bool {
	return slices.ContainsFunc(options, func(o estimators.Option) bool { return o.Name == name })
}

func optionNames(lists ...[]estimators.Option) string {
	var names []string
	for _, o := range slices.Concat(lists...) {
		names = append(names, o.Name)
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// estimatorFits reports a combination that the method does not have.
func estimatorFits(s TensorSpec, weights bool) string {
	if s.Bits == FP || oneBitNeedsBinary(s, weights) != "" {
		return ""
	}
	m, err := estimators.MethodNamed(string(s.Estimator))
	if err != nil {
		return err.Error()
	}
	if int(s.Bits) < m.MinBits || int(s.Bits) > m.MaxBits {
		return fmt.Sprintf("bits: %v with estimator %s; it has %s", s.Bits, s.Estimator, bitsOf(m))
	}
	if s.STE != STEAuto && !slices.Contains(m.STEs, string(s.STE)) {
		if len(m.STEs) == 0 {
			return fmt.Sprintf("ste: %s with estimator %s, whose gradient is its own; set ste: auto", s.STE, s.Estimator)
		}
		return fmt.Sprintf("ste: %s with estimator %s; it combines with auto, %s", s.STE, s.Estimator, strings.Join(m.STEs, ", "))
	}
	at := Place{Weights: weights, Signed: weights || s.Signed == SignedTrue, Scales: 1}
	first, err := s.NewEstimator(at, 0)
	if err == nil {
		_, err = s.Traits(at)
	}
	if err != nil {
		return err.Error()
	}
	for _, progress := range s.changes() {
		est, err := s.NewEstimator(at, progress)
		if err != nil {
			return err.Error()
		}
		if what := unlike(first, est); what != "" {
			return fmt.Sprintf("options: %s of estimator %s cannot change in training, but do at %.0f%% by the schedule of %s; expected a constant",
				what, s.Estimator, 100*progress, strings.Join(s.scheduled(), " and "))
		}
	}
	return ""
}

// granularityFits reports a method that has no levels for each channel.
func granularityFits(s TensorSpec, weights bool) string {
	if s.Bits == FP || s.Granularity != PerChannel || estimatorFits(s, weights) != "" {
		return ""
	}
	const scales = 2 // as any number above 1
	if _, err := s.NewEstimator(Place{Weights: weights, Signed: true, Scales: scales}, 0); err == nil {
		return ""
	}
	return fmt.Sprintf("granularity: %s with estimator %s, whose levels are those of the whole tensor; set granularity: %s", s.Granularity, s.Estimator, PerTensor)
}

// changes are the points of training at which the options are looked at: where steps are, and some between.
func (s TensorSpec) changes() []float64 {
	if !s.Scheduled() {
		return nil
	}
	at := []float64{0.25, 0.5, 0.75, 1}
	for _, o := range s.Options {
		for _, step := range o.Value.Steps {
			at = append(at, step.At)
		}
	}
	slices.Sort(at)
	return slices.Compact(at)
}

// unlike says in what the graph of a network cannot follow a schedule from one estimator to the other: what is learned,
// what is kept from step to step, and which codes there are.
func unlike(a, b estimators.Estimator) string {
	if !slices.Equal(a.Params(), b.Params()) {
		return "the parameters"
	}
	sa, keepsA := a.(estimators.Stateful)
	sb, keepsB := b.(estimators.Stateful)
	if keepsA != keepsB || keepsA && !slices.Equal(sa.State(1), sb.State(1)) {
		return "the state arrays"
	}
	ia, codesA := a.(estimators.Integer)
	ib, codesB := b.(estimators.Integer)
	if codesA != codesB || codesA && (ia.Qn() != ib.Qn() || ia.Qp() != ib.Qp()) {
		return "the codes"
	}
	return ""
}

func bitsOf(m estimators.Method) string {
	if m.MinBits == m.MaxBits {
		return fmt.Sprint(m.MinBits)
	}
	return fmt.Sprintf("%d to %d", m.MinBits, min(m.MaxBits, 8))
}

// estimatorsFor lists the methods for weights or for activations.
func estimatorsFor(fits func(estimators.Method) bool) (names []Estimator) {
	for _, m := range estimators.Methods() {
		if fits(m) {
			names = append(names, Estimator(m.Name))
		}
	}
	return names
}

// unfit says of the other methods what they are for.
func unfit(fits func(estimators.Method) bool) map[Estimator]string {
	reasons := map[Estimator]string{}
	for _, m := range estimators.Methods() {
		switch {
		case fits(m):
		case m.Weights:
			reasons[Estimator(m.Name)] = "it quantizes weights only"
		default:
			reasons[Estimator(m.Name)] = "it quantizes activations only"
		}
	}
	return reasons
}

// stes lists the gradient estimators.
func stes() []STE {
	names := []STE{STEAuto}
	for _, k := range estimators.STEs() {
		names = append(names, STE(k.Name))
	}
	return names
}

// optionsFor lists the options of the methods that fit and of all gradient estimators.
func optionsFor(fits func(estimators.Method) bool) (names []string) {
	add := func(options []estimators.Option) {
		for _, o := range options {
			if !slices.Contains(names, o.Name) {
				names = append(names, o.Name)
			}
		}
	}
	for _, m := range estimators.Methods() {
		if fits(m) {
			add(m.Options)
		}
	}
	for _, k := range estimators.STEs() {
		add(k.Options)
	}
	slices.Sort(names)
	return names
}
