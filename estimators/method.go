package estimators

import (
	"fmt"
	"slices"

	"github.com/qat-go/qat/internal/registry"
)

// Method is an estimator that a config can name. Each method registers itself from its own file, or from the package of
// another module; schemas, tables in the documentation and error messages come from here.
type Method struct {
	Name   string // in configs, such as "pact"
	Source string // such as "Choi et al. 2018, arXiv 1805.06085, section 3"
	Doc    string // one sentence

	Weights, Activations bool // what it may quantize
	MinBits, MaxBits     int
	SignedBits           int // the fewest bits that levels of both signs take, if that is more than MinBits

	// Nearest tells that weights go to the nearest of their levels, which are the scale times the integers of a range, or
	// -1 and 1 at 1 bit. Regularizers that look at levels take them for such.
	Nearest bool

	// LearnsBits says that the estimator is a [BitLearner]: its bits are those that training starts from.
	LearnsBits bool

	// Channels says that on activations it learns for each channel what leaves them one scale for all.
	Channels bool

	// STEs are the gradient estimators of the rounding that the method combines with, its paper's first; none for a
	// method whose gradient is its own.
	STEs []string

	Options []Option // numbers that a config may set and schedule

	// Is says what it is for a spec that New takes.
	Is func(s Spec) Traits

	// New returns the estimator of one tensor. The spec has values for all options, and an STE of STEs.
	New func(s Spec) (Estimator, error)
}

// Option is a number of a method or of an STE.
type Option struct {
	Name, Doc         string
	Default, Min, Max float64 // Min and Max are allowed themselves
}

// Options are values by name.
type Options map[string]float64

// Spec is what a config says about one tensor that a method quantizes.
type Spec struct {
	Range
	Scales  int  // 1, or one for each channel
	Weights bool // of weights, not of activations
	N       int  // elements in LSQ's gradient scale, 0 for those that share one scale
	STE     STE
	Options Options
}

var methods = registry.Registry[Method]{Kind: "method", Name: func(m Method) string { return m.Name }}

// Register lets configs name a method, and returns its name. It is for the initialization of packages, of any module: once
// a config was read, or [Methods] called, it is too late. A name that is taken or cannot stand in a config, and a method that
// is not whole, panic.
func Register(m Method) string {
	switch {
	case m.New == nil:
		methods.Refuse(m, "New is nil; wanted a function that returns the estimator of a tensor")
	case m.Is == nil:
		methods.Refuse(m, "Is is nil; wanted a function that says what the method is")
	case !m.Weights && !m.Activations:
		methods.Refuse(m, "it quantizes neither weights nor activations; wanted Weights or Activations to be true")
	case m.MinBits < 1 || m.MaxBits < m.MinBits || m.MaxBits > maxBits:
		methods.Refuse(m, "%d to %d bits; wanted a range within 1 to %d", m.MinBits, m.MaxBits, maxBits)
	}
	if wrong := wrongOption(m.Options); wrong != "" {
		methods.Refuse(m, "%s", wrong)
	}
	return methods.Add(m)
}

// wrongOption says what is wrong with options that a config is to set, or "".
func wrongOption(options []Option) string {
	for i, o := range options {
		switch {
		case o.Name == "" || slices.ContainsFunc(options[:i], func(b Option) bool { return b.Name == o.Name }):
			return fmt.Sprintf("option %d has the name %q; wanted one of its own", i, o.Name)
		case o.check(o.Default) != nil:
			return fmt.Sprintf("the default of option %v", o.check(o.Default))
		}
	}
	return ""
}

// Methods returns all methods by name.
func Methods() []Method { return methods.All() }

// MethodNamed returns the method of that name.
func MethodNamed(name string) (Method, error) { return named(&methods, name) }

func named[T any](r *registry.Registry[T], name string) (T, error) {
	v, found := r.Named(name)
	if !found {
		return v, fmt.Errorf("no %s %q", r.Kind, name)
	}
	return v, nil
}

// STE is a gradient estimator of a rounding or of a sign: what stands for its derivative, which is 0 almost everywhere.
type STE interface {
	// Grad returns dL/dv, given g = dL/dq, the input v of the rounding, its output q, and the ends of the levels
	// between which it rounds: lo <= q <= hi. All are in the unit of v = x/s. For a sign, q is -1 or 1, lo = -1 and hi = 1.
	Grad(g, v, q, lo, hi float32) float32
}

// STEKind is a gradient estimator that a config can name.
type STEKind struct {
	Name, Source, Doc string
	Options           []Option
	New               func(o Options) (STE, error)
}

var stes = registry.Registry[STEKind]{Kind: "gradient estimator", Name: func(k STEKind) string { return k.Name }}

// RegisterSTE lets configs name a gradient estimator, with methods that list it among their STEs. All else is as with
// [Register].
func RegisterSTE(k STEKind) string {
	if k.New == nil {
		stes.Refuse(k, "New is nil; wanted a function that returns the gradient estimator")
	}
	if wrong := wrongOption(k.Options); wrong != "" {
		stes.Refuse(k, "%s", wrong)
	}
	return stes.Add(k)
}

// STEs returns all gradient estimators by name.
func STEs() []STEKind { return stes.All() }

// STENamed returns the gradient estimator of that name.
func STENamed(name string) (STEKind, error) { return named(&stes, name) }
