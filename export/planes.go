package export

// Planes returns n images with channels last, (n, H, W, channels), as ONNX
// has them: (n, channels, H, W).
func Planes[T any](x []T, n, channels int) []T {
	out := make([]T, len(x))
	if n == 0 {
		return out
	}
	each := len(x) / n
	pixels := each / channels
	for i := range n {
		from, to := x[i*each:][:each], out[i*each:][:each]
		for c := range channels {
			for p := range pixels {
				to[c*pixels+p] = from[p*channels+c]
			}
		}
	}
	return out
}
