package configs

import (
	"fmt"

	"github.com/qat-go/qat/estimators"
)

func blockKeepsFloatStream(c *Config) string {
	if b, r := c.Model.Block, c.Quant.Residual; b != BasicBlock && r != FP {
		return fmt.Sprintf("quant.residual: %v with model.block %s is not built yet; set it to fp or remove it", r, b)
	}
	return ""
}

// biRealNeedsQuantizers: without them a network of such blocks is linear.
func biRealNeedsQuantizers(c *Config) string {
	if c.Model.Block == BiRealBlock && c.Quant.Activations.Bits == FP {
		return "model.block bireal has no activation function but the quantizers, and quant.activations.bits is fp; quantize activations, or set model.block: reactnet or basic"
	}
	return ""
}

// signsNeedBothSigns: basic blocks have a ReLU before each quantizer.
func signsNeedBothSigns(c *Config) string {
	if c.Model.Block != BasicBlock || c.Model.Network != nil {
		return ""
	}
	at, s := "quant.activations", c.Quant.Activations
	for _, r := range c.Quant.Layers {
		if of := r.Activations.Apply(c.Quant.Activations); !s.isSign() && of.isSign() {
			at, s = rulePath(r.Pattern.String())+".activations", of
		}
	}
	if !s.isSign() {
		return ""
	}
	return fmt.Sprintf("%s: estimator %s is a sign, which is always 1 after the ReLUs of model.block basic; set model.block: bireal or reactnet", at, s.Estimator)
}

// isSign tells that a quantizer of activations has the levels -1 and 1.
func (s TensorSpec) isSign() bool {
	is, err := s.Traits(Place{Signed: true, Scales: 1})
	return err == nil && s.Bits == 1 && is.Levels == estimators.Signs
}
