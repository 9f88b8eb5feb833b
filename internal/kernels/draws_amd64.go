//go:build !noasm

package kernels

import "github.com/qat-go/qat/internal/random"

func drawnSumsRow(sum, dot []float32, parts *[5 * lanes]float32, dy, z, a, b, shift []float32, q *Staircase) {
	n, c, d := len(z), len(a), random.New(q.Seed)
	if level == avx512 {
		drawnSumsRowAVX512(&sum[0], &dot[0], &parts[0], &dy[0], &z[0], &a[0], &b[0], &shift[0], n, c, q.Scale, q.Lo, q.Hi, q.Floor, q.Delta, q.Slope, d.Start, d.Key)
	} else {
		drawnSumsRowAVX2(&sum[0], &dot[0], &parts[0], &dy[0], &z[0], &a[0], &b[0], &shift[0], n, c, q.Scale, q.Lo, q.Hi, q.Floor, q.Delta, q.Slope, d.Start, d.Key)
	}
}

func drawnPassRow(dx []float32, parts *[5 * lanes]float32, dy, x []float32, offset float32, q *Staircase) {
	n, d := len(x), random.New(q.Seed)
	if level == avx512 {
		drawnPassRowAVX512(&dx[0], &parts[0], &dy[0], &x[0], n, offset, q.Scale, q.Lo, q.Hi, q.Floor, q.Delta, q.Slope, d.Start, d.Key)
	} else {
		drawnPassRowAVX2(&dx[0], &parts[0], &dy[0], &x[0], n, offset, q.Scale, q.Lo, q.Hi, q.Floor, q.Delta, q.Slope, d.Start, d.Key)
	}
}

func drawnRow(y, z, a, b []float32, q *Staircase) {
	n, c, d := len(z), len(a), random.New(q.Seed)
	if level == avx512 {
		drawnRowAVX512(&y[0], &z[0], &a[0], &b[0], n, c, q.Scale, q.Lo, q.Hi, q.Floor, q.Unit, q.Offset, d.Start, d.Key)
	} else {
		drawnRowAVX2(&y[0], &z[0], &a[0], &b[0], n, c, q.Scale, q.Lo, q.Hi, q.Floor, q.Unit, q.Offset, d.Start, d.Key)
	}
}

func drawnCodesRow(codes []uint8, z, a, b []float32, q *Staircase) {
	n, c, d := len(z), len(a), random.New(q.Seed)
	switch {
	case !blocked(n, c):
		levelCodesRowGeneric(codes, z, a, b, q)
	case level == avx512:
		drawnCodesRowAVX512(&codes[:n][0], &z[0], &a[0], &b[0], n, c, q.Scale, q.Lo, q.Hi, q.Floor, int32(q.Zero), d.Start, d.Key)
	default:
		drawnCodesRowAVX2(&codes[:n][0], &z[0], &a[0], &b[0], n, c, q.Scale, q.Lo, q.Hi, q.Floor, int32(q.Zero), d.Start, d.Key)
	}
}
