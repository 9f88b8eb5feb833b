package kernels

// WeightCodesRow writes the codes of the weights x (..., C) of a uniform quantizer with a scale for each channel, or one:
// roundHalfEven(clip(x/scale, qn, qp)), of NaN 0.
func WeightCodesRow(codes []int8, x, scale []float32, qn, qp float32) {
	weightCodesRow(codes[:len(x)], x, scale, qn, qp)
}

// WeightSlopesRow passes dy through that quantizer by the clipped straight-through estimator, with v = x/scale: dx = dy where
// qn <= v <= qp, else 0; slope, the derivative of the quantized weight in its scale, is round(v) - v there, else v clipped.
// Of NaN, dx is 0 and the slope NaN.
func WeightSlopesRow(dx, slope, x, dy, scale []float32, qn, qp float32) {
	n := len(x)
	weightSlopesRow(dx[:n], slope[:n], x, dy[:n], scale, qn, qp)
}

func weightCodesRowGeneric(codes []int8, x, scale []float32, qn, qp float32) {
	c := len(scale)
	for i := 0; i < len(x); i += c {
		for j, s := range scale {
			q := Uniform{Scale: s, Qn: qn, Qp: qp}
			v, clipped := q.clip(x[i+j])
			if v != v {
				clipped = 0
			}
			codes[i+j] = int8(roundEven(clipped))
		}
	}
}

func weightSlopesRowGeneric(dx, slope, x, dy, scale []float32, qn, qp float32) {
	c := len(scale)
	for i := 0; i < len(x); i += c {
		for j, s := range scale {
			q := Uniform{Scale: s, Qn: qn, Qp: qp}
			v, clipped := q.clip(x[i+j])
			switch {
			case v != v:
				slope[i+j], dx[i+j] = v, 0
			case v == clipped:
				slope[i+j], dx[i+j] = roundEven(v)-v, dy[i+j]
			default:
				slope[i+j], dx[i+j] = clipped, 0
			}
		}
	}
}
