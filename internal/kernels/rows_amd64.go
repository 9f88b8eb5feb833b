//go:build !noasm

package kernels

// whole returns how many of n elements the assembly does: a multiple of 16.
func whole(n int) int {
	if level == generic {
		return 0
	}
	return n &^ (lanes - 1)
}

// blocked reports whether the assembly does rows of c channels; n is how many
// elements there are.
func blocked(n, c int) bool { return level != generic && c%lanes == 0 && n > 0 }

func reluRow(y, x []float32) {
	n := whole(len(x))
	if n > 0 {
		switch level {
		case avx512:
			reluRowAVX512(&y[:n][0], &x[0], n)
		default:
			reluRowAVX2(&y[:n][0], &x[0], n)
		}
	}
	reluRowGeneric(y[n:], x[n:])
}

func reluGradRow(dx, y, dy []float32) {
	n := whole(len(y))
	if n > 0 {
		switch level {
		case avx512:
			reluGradRowAVX512(&dx[:n][0], &y[0], &dy[:n][0], n)
		default:
			reluGradRowAVX2(&dx[:n][0], &y[0], &dy[:n][0], n)
		}
	}
	reluGradRowGeneric(dx[n:], y[n:], dy[n:])
}

func relu6Row(y, x []float32) {
	n := whole(len(x))
	if n > 0 {
		switch level {
		case avx512:
			relu6RowAVX512(&y[:n][0], &x[0], n)
		default:
			relu6RowAVX2(&y[:n][0], &x[0], n)
		}
	}
	relu6RowGeneric(y[n:], x[n:])
}

func relu6GradRow(dx, y, dy []float32) {
	n := whole(len(y))
	if n > 0 {
		switch level {
		case avx512:
			relu6GradRowAVX512(&dx[:n][0], &y[0], &dy[:n][0], n)
		default:
			relu6GradRowAVX2(&dx[:n][0], &y[0], &dy[:n][0], n)
		}
	}
	relu6GradRowGeneric(dx[n:], y[n:], dy[n:])
}

func addRow(y, a, b []float32) {
	n := whole(len(a))
	if n > 0 {
		switch level {
		case avx512:
			addRowAVX512(&y[:n][0], &a[0], &b[:n][0], n)
		default:
			addRowAVX2(&y[:n][0], &a[0], &b[:n][0], n)
		}
	}
	addRowGeneric(y[n:], a[n:], b[n:])
}

func anyNaN(x []float32) bool {
	n := whole(len(x))
	return n > 0 && anyNaNAVX2(&x[0], n) != 0 || anyNaNGeneric(x[n:])
}

func quantizeRow(codes []uint8, x []float32, q *Uniform) {
	n := whole(len(x))
	if n > 0 {
		switch level {
		case avx512:
			quantizeRowAVX512(&codes[:n][0], &x[0], n, q.Scale, q.Qn, q.most(), int32(q.ZeroPoint))
		default:
			quantizeRowAVX2(&codes[:n][0], &x[0], n, q.Scale, q.Qn, q.most(), int32(q.ZeroPoint))
		}
	}
	quantizeRowGeneric(codes[n:], x[n:], q)
}

func codesToFloat(y []float32, codes []uint8, zeroPoint uint8) {
	n := whole(len(codes))
	if n > 0 {
		switch level {
		case avx512:
			codesToFloatAVX512(&y[:n][0], &codes[0], n, int32(zeroPoint))
		default:
			codesToFloatAVX2(&y[:n][0], &codes[0], n, int32(zeroPoint))
		}
	}
	codesToFloatGeneric(y[n:], codes[n:], zeroPoint)
}

func dequantizeRow(y []float32, codes []uint8, zeroPoint uint8, scale float32) {
	n := whole(len(codes))
	if n > 0 {
		switch level {
		case avx512:
			dequantizeRowAVX512(&y[:n][0], &codes[0], n, int32(zeroPoint), scale)
		default:
			dequantizeRowAVX2(&y[:n][0], &codes[0], n, int32(zeroPoint), scale)
		}
	}
	dequantizeRowGeneric(y[n:], codes[n:], zeroPoint, scale)
}

func quantizeGradRow(sum *[lanes]float32, dx, x, dy []float32, q *Uniform) {
	n := whole(len(x))
	if n > 0 {
		switch level {
		case avx512:
			quantizeGradRowAVX512(&sum[0], &dx[:n][0], &x[0], &dy[:n][0], n, q.Scale, q.Qn, q.passes(), q.slope(), q.beyond())
		default:
			quantizeGradRowAVX2(&sum[0], &dx[:n][0], &x[0], &dy[:n][0], n, q.Scale, q.Qn, q.passes(), q.slope(), q.beyond())
		}
	}
	quantizeGradRowGeneric(sum, dx[n:], x[n:], dy[n:], q)
}

func affineRow(y, x, a, b []float32) {
	n, c := len(x), len(a)
	switch {
	case !blocked(n, c):
		if pixels, m := spreads(n, c); m > 0 {
			var sa, sb spread
			affineRow(y[:m], x[:m], sa.over(a, pixels), sb.over(b, pixels))
			y, x = y[m:], x[m:]
		}
		affineRowGeneric(y, x, a, b)
	case level == avx512:
		affineRowAVX512(&y[:n][0], &x[0], &a[0], &b[:c][0], n, c)
	default:
		affineRowAVX2(&y[:n][0], &x[0], &a[0], &b[:c][0], n, c)
	}
}

func affine2Row(y, g, x, a, b, d []float32) {
	n, c := len(x), len(a)
	switch {
	case !blocked(n, c):
		if pixels, m := spreads(n, c); m > 0 {
			var sa, sb, sd spread
			affine2Row(y[:m], g[:m], x[:m], sa.over(a, pixels), sb.over(b, pixels), sd.over(d, pixels))
			y, g, x = y[m:], g[m:], x[m:]
		}
		affine2RowGeneric(y, g, x, a, b, d)
	case level == avx512:
		affine2RowAVX512(&y[:n][0], &g[:n][0], &x[0], &a[0], &b[:c][0], &d[:c][0], n, c)
	default:
		affine2RowAVX2(&y[:n][0], &g[:n][0], &x[0], &a[0], &b[:c][0], &d[:c][0], n, c)
	}
}

func momentsRow(sum, squares, x, shift []float32) {
	n, c := len(x), len(shift)
	switch {
	case !blocked(n, c):
		momentsRowGeneric(sum, squares, x, shift)
	case level == avx512:
		momentsRowAVX512(&sum[:c][0], &squares[:c][0], &x[0], &shift[0], n/c, c)
	default:
		momentsRowAVX2(&sum[:c][0], &squares[:c][0], &x[0], &shift[0], n/c, c)
	}
}

func gradSumsRow(sum, dot, dy, x, shift []float32) {
	n, c := len(x), len(shift)
	switch {
	case !blocked(n, c):
		gradSumsRowGeneric(sum, dot, dy, x, shift)
	case level == avx512:
		gradSumsRowAVX512(&sum[:c][0], &dot[:c][0], &dy[:n][0], &x[0], &shift[0], n/c, c)
	default:
		gradSumsRowAVX2(&sum[:c][0], &dot[:c][0], &dy[:n][0], &x[0], &shift[0], n/c, c)
	}
}

func scaleInts(y []float32, acc []int32, scale []float32) {
	n, c := len(acc), len(scale)
	switch {
	case !blocked(n, c):
		if pixels, m := spreads(n, c); m > 0 {
			var s spread
			scaleInts(y[:m], acc[:m], s.over(scale, pixels))
			y, acc = y[m:], acc[m:]
		}
		scaleIntsGeneric(y, acc, scale)
	case level == avx512:
		scaleIntsAVX512(&y[:n][0], &acc[0], &scale[0], n, c)
	default:
		scaleIntsAVX2(&y[:n][0], &acc[0], &scale[0], n, c)
	}
}

func requantizeRow(codes []uint8, acc []int32, mult []float32, zeroPoint, lo, hi float32) {
	n, c := len(acc), len(mult)
	switch {
	case !blocked(n, c):
		if pixels, m := spreads(n, c); m > 0 {
			var s spread
			requantizeRow(codes[:m], acc[:m], s.over(mult, pixels), zeroPoint, lo, hi)
			codes, acc = codes[m:], acc[m:]
		}
		requantizeRowGeneric(codes, acc, mult, zeroPoint, lo, hi)
	case level == avx512:
		requantizeRowAVX512(&codes[:n][0], &acc[0], &mult[0], n, c, zeroPoint, lo, hi)
	default:
		b := boundsOf(zeroPoint, lo, hi)
		requantizeRowAVX2(&codes[:n][0], &acc[0], &mult[0], n, c, b.most, b.zeroPoint, b.least)
	}
}

// codeBounds are what AVX2's kernels that round into words take: the largest code less the zero point, the zero point in
// each word, the smallest code in each byte.
type codeBounds struct {
	most             float32
	zeroPoint, least int32
}

func boundsOf(zeroPoint, lo, hi float32) codeBounds {
	return codeBounds{hi - zeroPoint, int32(zeroPoint) * 0x10001, int32(uint32(lo) * 0x1010101)}
}
