//go:build !noasm

package kernels

// sgdRow does whole vectors up to the first element that is not finite, and returns how many elements are done.
func sgdRow(q *SGD, w, v, g []float32) int {
	n := whole(len(w))
	switch {
	case n == 0:
		return 0
	case level == avx512 && q.Nesterov:
		return sgdNesterovRowAVX512(&w[0], &v[0], &g[0], n, q.LR, q.Momentum, q.Decay, q.Clip)
	case level == avx512:
		return sgdRowAVX512(&w[0], &v[0], &g[0], n, q.LR, q.Momentum, q.Decay, q.Clip)
	case q.Nesterov:
		return sgdNesterovRowAVX2(&w[0], &v[0], &g[0], n, q.LR, q.Momentum, q.Decay, q.Clip)
	default:
		return sgdRowAVX2(&w[0], &v[0], &g[0], n, q.LR, q.Momentum, q.Decay, q.Clip)
	}
}
