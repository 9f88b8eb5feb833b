package estimators

// Method is an estimator that a config can name. Each method registers itself from its own file; schemas, tables in the
// documentation and error messages come from here.
type Method struct {
	Name   string // in configs, such as "pact"
	Source string // such as "Choi et al. 2018, arXiv 1805.06085, section 3"
	Doc    string // one sentence

	Weights, Activations bool // what it may quantize
	MinBits, MaxBits     int

	// Nearest tells that weights go to the nearest of their levels, which are the step times the integers of a range, or
	// -1 and 1 at 1 bit. Regularizers that look at levels take them for such.
	Nearest bool

	// Channels says that on activations it learns for each channel what leaves them one step for all.
	Channels bool

	// STEs are the gradient estimators of the rounding that the method combines with, its paper's first; none for a
	// method whose gradient is its own.
	STEs []string

	Options []Option // numbers that a config may set and schedule

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

var methods = registry[Method]{kind: "method", name: func(m Method) string { return m.Name }}

func register(m Method) string { return methods.add(m) }

// Methods returns all methods by name.
func Methods() []Method { return methods.sorted() }

// MethodNamed returns the method of that name.
func MethodNamed(name string) (Method, error) { return methods.named(name) }

// STE is a gradient estimator of a rounding or of a sign: what stands for its derivative, which is 0 almost everywhere.
type STE interface {
	// Grad returns dL/dv, given g = dL/dq, the input v of the rounding, its output q, and the ends of the levels
	// between which it rounds: lo <= q <= hi. All are in steps: v = x/s. For a sign, q is -1 or 1, lo = -1 and hi = 1.
	Grad(g, v, q, lo, hi float32) float32
}

// STEKind is a gradient estimator that a config can name.
type STEKind struct {
	Name, Source, Doc string
	Options           []Option
	New               func(o Options) (STE, error)
}

var stes = registry[STEKind]{kind: "gradient estimator", name: func(k STEKind) string { return k.Name }}

func registerSTE(k STEKind) string { return stes.add(k) }

// STEs returns all gradient estimators by name.
func STEs() []STEKind { return stes.sorted() }

// STENamed returns the gradient estimator of that name.
func STENamed(name string) (STEKind, error) { return stes.named(name) }
