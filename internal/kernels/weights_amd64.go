//go:build !noasm

package kernels

// oneScale is a scale for each of 16 channels.
func oneScale(scale []float32) (all [lanes]float32) {
	for i := range all {
		all[i] = scale[0]
	}
	return all
}

func weightCodesRow(codes []int8, x, scale []float32, qn, qp float32) {
	n, c := len(x), len(scale)
	switch {
	case c == 1 && whole(n) > 0:
		all, m := oneScale(scale), whole(n)
		weightCodesRow(codes[:m], x[:m], all[:], qn, qp)
		weightCodesRowGeneric(codes[m:], x[m:], scale, qn, qp)
	case !blocked(n, c):
		if pixels, m := spreads(n, c); m > 0 {
			var s spread
			weightCodesRow(codes[:m], x[:m], s.over(scale, pixels), qn, qp)
			codes, x = codes[m:], x[m:]
		}
		weightCodesRowGeneric(codes, x, scale, qn, qp)
	case level == avx512:
		weightCodesRowAVX512(&codes[:n][0], &x[0], &scale[0], n, c, qn, qp)
	default:
		weightCodesRowAVX2(&codes[:n][0], &x[0], &scale[0], n, c, qn, qp)
	}
}

func weightSlopesRow(dx, slope, x, dy, scale []float32, qn, qp float32) {
	n, c := len(x), len(scale)
	switch {
	case c == 1 && whole(n) > 0:
		all, m := oneScale(scale), whole(n)
		weightSlopesRow(dx[:m], slope[:m], x[:m], dy[:m], all[:], qn, qp)
		weightSlopesRowGeneric(dx[m:], slope[m:], x[m:], dy[m:], scale, qn, qp)
	case !blocked(n, c):
		if pixels, m := spreads(n, c); m > 0 {
			var s spread
			weightSlopesRow(dx[:m], slope[:m], x[:m], dy[:m], s.over(scale, pixels), qn, qp)
			dx, slope, x, dy = dx[m:], slope[m:], x[m:], dy[m:]
		}
		weightSlopesRowGeneric(dx, slope, x, dy, scale, qn, qp)
	case level == avx512:
		weightSlopesRowAVX512(&dx[:n][0], &slope[:n][0], &x[0], &dy[:n][0], &scale[0], n, c, qn, qp)
	default:
		weightSlopesRowAVX2(&dx[:n][0], &slope[:n][0], &x[0], &dy[:n][0], &scale[0], n, c, qn, qp)
	}
}
