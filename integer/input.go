package integer

import "github.com/qat-go/qat/internal/kernels"

// InputTable returns the code of each value of a pixel in channel c of three:
//
//	x = (pixel/255 - Mean[c])/Std[c];  code = clamp(roundHalfEven(x/Scale) + ZeroPoint)
//
// in float32. With it, the input quantizer of pictures needs no floating point either.
func (n *Network) InputTable(c int) (codes [256]uint8) {
	var x [256]float32
	for p := range x {
		x[p] = (float32(p)/255 - n.Mean[c]) / n.Std[c]
	}
	in := n.Tensors[0]
	step := in.step(in.Range())
	kernels.QuantizeRow(codes[:], x[:], &step)
	return codes
}
