package layers

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Value is an activation in the graph: floating point, or codes and, once somebody wants it, what they stand for.
type Value struct {
	float *G.Node
	codes *G.Node     // uint8
	quant *Quantizer  // what the codes mean
	again *recomputed // of float, for gradients
}

// shape returns (N, H, W, C), or (N, C) after pooling.
func (v *Value) shape() tensor.Shape {
	if v.codes != nil {
		return v.codes.Shape()
	}
	return v.float.Shape()
}

// Float returns the activation as a float32 node.
func (v *Value) Float(c *Context) *G.Node {
	if v.float == nil && v.codes != nil {
		v.float = dequantize(c, v.quant, v.codes)
	}
	return v.float
}
