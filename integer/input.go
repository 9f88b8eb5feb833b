package integer

import "github.com/qat-go/qat/internal/kernels"

// Normalize returns what a network of up to three channels takes for the pixels (H, W, C) of images:
//
//	x = (pixel/255 - Mean[c])/Std[c]
func (n *Network) Normalize(pixels []uint8) []float32 {
	x, channels := make([]float32, len(pixels)), n.Tensors[0].C
	for i, p := range pixels {
		x[i] = n.normalized(p, i%channels)
	}
	return x
}

func (n *Network) normalized(pixel uint8, c int) float32 {
	return (float32(pixel)/255 - n.Mean[c]) / n.Std[c]
}

// InputTable returns the code of each value of a pixel in channel c of up to three:
//
//	x = (pixel/255 - Mean[c])/Std[c];  code = clamp(roundHalfEven(x/Scale) + ZeroPoint)
//
// in float32. With it, the input quantizer of images needs no floating point either.
func (n *Network) InputTable(c int) (codes [256]uint8) {
	var x [256]float32
	for p := range x {
		x[p] = n.normalized(uint8(p), c)
	}
	in := n.Tensors[0]
	to := in.uniform(in.Range())
	kernels.QuantizeRow(codes[:], x[:], &to)
	return codes
}
