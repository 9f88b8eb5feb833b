package configs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/qat-go/qat/estimators"
)

// CostTarget is what the network is to cost, for which training learns bit widths.
type CostTarget struct {
	Size   Amount // in bytes; 0: any
	BitOps Amount // 0: any
	Lambda float64
	Freeze Duration // from when on bit widths are whole numbers, and stay
}

// On tells that a cost is given.
func (t CostTarget) On() bool { return t.Size > 0 || t.BitOps > 0 }

// usualTarget is the target of a config that names none.
var usualTarget = CostTarget{Lambda: 10, Freeze: Duration{80, Percent}}

var targetFields = []field{
	{key: "size", doc: "Bytes of the deployed network, weights, biases and scales: `0.10MB` are 10^5, `100KiB` 102400.", kind: amount{byteUnits, "0.10MB or 98KiB"}, def: Amount(0), at: func(c *Config) any { return &c.Quant.Target.Size }},
	{key: "bitops", doc: "BitOps of an image: multiply-accumulates times the bits of both operands.", kind: amount{opUnits, "1.2G or 800M"}, def: Amount(0), at: func(c *Config) any { return &c.Quant.Target.BitOps }},
	{key: "lambda", doc: "Factor of the penalty `|cost/target - 1|`, one for each cost that is given.", kind: real{zero: exclusive}, def: usualTarget.Lambda, at: func(c *Config) any { return &c.Quant.Target.Lambda }},
	{key: "freeze", doc: "When bit widths become whole numbers that meet the target, and stay; training goes on with LSQ's levels of so many bits.", kind: duration{positive: true}, def: usualTarget.Freeze, at: func(c *Config) any { return &c.Quant.Target.Freeze }},
}

var targetRules = []crossRule{
	{[]string{"quant.target.size", "quant.target.bitops", "quant.target.lambda", "quant.target.freeze", "quant.weights.estimator", "quant.activations.estimator"}, targetHasLearner},
	{[]string{"quant.weights.estimator", "quant.activations.estimator", "train.epochs"}, learnerNeedsTraining},
	{[]string{"quant.target.freeze"}, freezeWithinRun},
}

// LearnsBits tells that training learns the bit width.
func (s TensorSpec) LearnsBits() bool {
	m, err := estimators.MethodNamed(string(s.Estimator))
	return err == nil && m.LearnsBits && s.Bits != FP
}

// bitLearner is an estimator that learns bit widths somewhere in the network; "" if none does.
func (q *Quant) bitLearner() Estimator {
	specs := []TensorSpec{q.Weights, q.Activations}
	for _, r := range q.Layers {
		specs = append(specs, r.Weights.Apply(q.Weights), r.Activations.Apply(q.Activations))
	}
	for _, s := range specs {
		if s.LearnsBits() {
			return s.Estimator
		}
	}
	return ""
}

func targetHasLearner(c *Config) string {
	t, learner := c.Quant.Target, c.Quant.bitLearner()
	switch {
	case t.On() && learner == "":
		return fmt.Sprintf("quant.target has no effect on estimators whose bits are given; set quant.weights.estimator, or that of activations, to one that learns them: %s", strings.Join(bitLearners(), ", "))
	case !t.On() && learner != "":
		return fmt.Sprintf("estimator %s learns bit widths for a target; set quant.target.size, such as 0.10MB, or quant.target.bitops, such as 1.2G", learner)
	case !t.On() && t != usualTarget:
		return "quant.target has no effect without a cost; set quant.target.size, such as 0.10MB, or quant.target.bitops, such as 1.2G, or remove the rest"
	}
	return ""
}

func learnerNeedsTraining(c *Config) string {
	if learner := c.Quant.bitLearner(); learner != "" && !c.Train.Trains() {
		return fmt.Sprintf("estimator %s learns bit widths in training, and train.epochs is 0; train, or set another estimator", learner)
	}
	return ""
}

func freezeWithinRun(c *Config) string {
	if d := c.Quant.Target.Freeze; d.Unit == Percent && d.Value == 100 {
		return "quant.target.freeze: wanted less than 100%, so that the network is trained with its final bit widths"
	}
	return ""
}

// bitLearners lists the methods that learn bit widths.
func bitLearners() (names []string) {
	for _, m := range estimators.Methods() {
		if m.LearnsBits {
			names = append(names, m.Name)
		}
	}
	return names
}

// whole is a quantizer of which training learned the bits, as it is from then on.
func (s TensorSpec) whole() TensorSpec {
	if m, err := estimators.MethodNamed(string(s.Estimator)); err == nil && m.LearnsBits {
		s.Estimator = LSQ // for both, gradient and options are the method's own
	}
	return s
}

// LayerBits are bit widths that training learned for a layer; 0 of what it did not learn.
type LayerBits struct {
	Layer       string `json:"layer"`
	Weights     int    `json:"weights,omitempty"`
	Activations int    `json:"activations,omitempty"`
}

// WithBits is the config in which bit widths that training learned are given.
func (c *Config) WithBits(learned []LayerBits) *Config {
	if c == nil || len(learned) == 0 {
		return c
	}
	given := *c
	given.Quant = c.Quant.WithBits(learned)
	return &given
}

// WithBits is what is quantized when bit widths that training learned are given, by a rule for each layer.
func (q Quant) WithBits(learned []LayerBits) Quant {
	q.Target = usualTarget
	q.Weights, q.Activations = q.Weights.whole(), q.Activations.whole()
	rules := q.Layers
	q.Layers = nil
	for _, r := range rules {
		r.Weights.Values, r.Activations.Values = r.Weights.Values.whole(), r.Activations.Values.whole()
		q.Layers = append(q.Layers, r)
	}
	for _, l := range learned {
		i := slices.IndexFunc(q.Layers, func(r Rule) bool { return r.Pattern == exactly(l.Layer) })
		if i < 0 {
			i, q.Layers = len(q.Layers), append(q.Layers, Rule{Pattern: exactly(l.Layer)})
		}
		r := &q.Layers[i]
		r.Weights, r.Activations = r.Weights.withBits(l.Weights), r.Activations.withBits(l.Activations)
	}
	return q
}

// withBits is the override that gives so many bits, too; 0 gives none.
func (o Override) withBits(b int) Override {
	if b == 0 {
		return o
	}
	if o.Values.Bits = Bits(b); !slices.Contains(o.Keys, "bits") {
		o.Keys = append(slices.Clone(o.Keys), "bits")
	}
	return o
}

// exactly is the glob of one layer.
func exactly(layer string) Glob { return Glob{literal.Replace(layer)} }

var literal = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`)
