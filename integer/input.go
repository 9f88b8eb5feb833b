package integer

import "github.com/qat-go/qat/internal/kernels"

// Normalize returns what a network of images takes for their pixels (H, W, C), nil for other networks:
//
//	x = (pixel/255 - Mean[c])/Std[c]
func (n *Network) Normalize(pixels []uint8) []float32 {
	channels := n.channels()
	if channels == 0 || n.Real {
		return nil
	}
	x := make([]float32, len(pixels))
	for i, p := range pixels {
		x[i] = n.normalized(p, i%channels)
	}
	return x
}

// NormalizeReal returns what a network of real numbers takes for values (H, W, C), nil for other networks:
//
//	x = (value - Mean[c])/Std[c]
func (n *Network) NormalizeReal(values []float32) []float32 {
	channels := n.channels()
	if channels == 0 || !n.Real {
		return nil
	}
	x := make([]float32, len(values))
	for i, v := range values {
		x[i] = (v - n.Mean[i%channels]) / n.Std[i%channels]
	}
	return x
}

// channels is the number of channels of a network that has means and deviations for them, else 0.
func (n *Network) channels() int {
	if n == nil || len(n.Tensors) == 0 || n.Tensors[0].C < 1 || n.Tensors[0].C > min(len(n.Mean), len(n.Std)) {
		return 0
	}
	return n.Tensors[0].C
}

func (n *Network) normalized(pixel uint8, c int) float32 {
	return (float32(pixel)/255 - n.Mean[c]) / n.Std[c]
}

// InputTable returns the code of each value of a pixel in channel c:
//
//	x = (pixel/255 - Mean[c])/Std[c];  code = clamp(roundHalfEven(x/Scale) + ZeroPoint)
//
// in float32. With it, the input quantizer of images needs no floating point either.
func (n *Network) InputTable(c int) (codes [256]uint8) {
	if n.Check() != nil || c < 0 || c >= n.channels() {
		return codes // all 0
	}
	var x [256]float32
	for p := range x {
		x[p] = n.normalized(uint8(p), c)
	}
	in := n.Tensors[0]
	to := in.uniform(in.Range())
	kernels.QuantizeRow(codes[:], x[:], &to)
	return codes
}
