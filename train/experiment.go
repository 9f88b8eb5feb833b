package train

import "github.com/qat-go/qat/configs"

// Experiment names what a result belongs to. A network read from an export has no
// estimator and no seed.
type Experiment struct {
	Config    string        `json:"config"`
	Bits      Pair[int]     `json:"bits"` // where no per-layer rule says otherwise; 32: floating point
	Estimator *Pair[string] `json:"estimator,omitempty"`
	Seed      *uint64       `json:"seed,omitempty"`
}

// Pair is a value for weights and one for activations.
type Pair[T any] struct {
	Weights     T `json:"weights"`
	Activations T `json:"activations"`
}

// ExperimentOf names a config; of one with stages it tells what the run ends with.
func ExperimentOf(cfg *configs.Config) Experiment {
	if cfg == nil {
		return Experiment{}
	}
	cfg = cfg.Final()
	e := Experiment{Config: cfg.Name, Estimator: &Pair[string]{}, Seed: &cfg.Train.Seed}
	e.Bits.Weights, e.Estimator.Weights = quantized(cfg.Quant.Weights)
	e.Bits.Activations, e.Estimator.Activations = quantized(cfg.Quant.Activations)
	return e
}

func quantized(s configs.TensorSpec) (bits int, estimator string) {
	if s.Bits == configs.FP {
		return floatBits, "fp"
	}
	return int(s.Bits), string(s.Estimator)
}

// floatBits is the width of what stays in floating point.
const floatBits = 32
