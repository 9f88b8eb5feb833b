//go:build !noasm

package kernels

func staircaseSumsRow(sum, dot []float32, parts *[5 * lanes]float32, dy, z, a, b, shift []float32, q *Staircase) {
	n, c := len(z), len(a)
	switch {
	case !blocked(n, c):
		staircaseSumsRowGeneric(sum, dot, parts, dy, z, a, b, shift, q)
	case level == avx512 && q.Bell != nil:
		bellSumsRowAVX512(&sum[:c][0], &dot[:c][0], &parts[0], &dy[:n][0], &z[0], &a[0], &b[0], &shift[0], n, c, q.Scale, q.Lo, q.Hi, q.Floor, q.Slope, &q.Bell.K)
	case q.Bell != nil:
		bellSumsRowAVX2(&sum[:c][0], &dot[:c][0], &parts[0], &dy[:n][0], &z[0], &a[0], &b[0], &shift[0], n, c, q.Scale, q.Lo, q.Hi, q.Floor, q.Slope, &q.Bell.K)
	case q.Random:
		drawnSumsRow(sum[:c], dot[:c], parts, dy[:n], z, a, b, shift, q)
	case level == avx512 && q.Ladder != nil && c == lanes:
		ladderSums16RowAVX512(&sum[:c][0], &dot[:c][0], &parts[0], &dy[:n][0], &z[0], &a[0], &b[0], &shift[0], n, q.Scale, q.Lo, q.Hi, q.Floor, q.Delta, q.Slope, &q.Ladder.Levels[0])
	case level == avx512 && q.Ladder != nil:
		ladderSumsRowAVX512(&sum[:c][0], &dot[:c][0], &parts[0], &dy[:n][0], &z[0], &a[0], &b[0], &shift[0], n, c, q.Scale, q.Lo, q.Hi, q.Floor, q.Delta, q.Slope, &q.Ladder.Levels[0])
	case level == avx512 && c == lanes:
		staircaseSums16RowAVX512(&sum[:c][0], &dot[:c][0], &parts[0], &dy[:n][0], &z[0], &a[0], &b[0], &shift[0], n, q.Scale, q.Lo, q.Hi, q.Floor, q.Delta, q.Slope)
	case level == avx512:
		staircaseSumsRowAVX512(&sum[:c][0], &dot[:c][0], &parts[0], &dy[:n][0], &z[0], &a[0], &b[0], &shift[0], n, c, q.Scale, q.Lo, q.Hi, q.Floor, q.Delta, q.Slope)
	case q.Ladder != nil:
		ladderSumsRowAVX2(&sum[:c][0], &dot[:c][0], &parts[0], &dy[:n][0], &z[0], &a[0], &b[0], &shift[0], n, c, q.Scale, q.Lo, q.Hi, q.Floor, q.Delta, q.Slope, &q.Ladder.Levels[0])
	default:
		staircaseSumsRowAVX2(&sum[:c][0], &dot[:c][0], &parts[0], &dy[:n][0], &z[0], &a[0], &b[0], &shift[0], n, c, q.Scale, q.Lo, q.Hi, q.Floor, q.Delta, q.Slope)
	}
}

func staircasePassRow(dx []float32, parts *[5 * lanes]float32, dy, x []float32, offset float32, q *Staircase) {
	n := whole(len(x))
	if q.Random && n < len(x) {
		n = 0 // draws are counted from the first element
	}
	switch {
	case n == 0:
	case level == avx512 && q.Bell != nil:
		bellPassRowAVX512(&dx[:n][0], &parts[0], &dy[:n][0], &x[0], n, offset, q.Scale, q.Lo, q.Hi, q.Floor, q.Slope, &q.Bell.K)
	case q.Bell != nil:
		bellPassRowAVX2(&dx[:n][0], &parts[0], &dy[:n][0], &x[0], n, offset, q.Scale, q.Lo, q.Hi, q.Floor, q.Slope, &q.Bell.K)
	case q.Random:
		drawnPassRow(dx[:n], parts, dy[:n], x[:n], offset, q)
	case level == avx512 && q.Ladder != nil:
		ladderPassRowAVX512(&dx[:n][0], &parts[0], &dy[:n][0], &x[0], n, offset, q.Scale, q.Lo, q.Hi, q.Floor, q.Delta, q.Slope, &q.Ladder.Levels[0])
	case level == avx512:
		staircasePassRowAVX512(&dx[:n][0], &parts[0], &dy[:n][0], &x[0], n, offset, q.Scale, q.Lo, q.Hi, q.Floor, q.Delta, q.Slope)
	case q.Ladder != nil:
		ladderPassRowAVX2(&dx[:n][0], &parts[0], &dy[:n][0], &x[0], n, offset, q.Scale, q.Lo, q.Hi, q.Floor, q.Delta, q.Slope, &q.Ladder.Levels[0])
	default:
		staircasePassRowAVX2(&dx[:n][0], &parts[0], &dy[:n][0], &x[0], n, offset, q.Scale, q.Lo, q.Hi, q.Floor, q.Delta, q.Slope)
	}
	staircasePassRowGeneric(dx[n:], parts, dy[n:], x[n:], offset, q)
}

func staircaseGradRow(dz, dy, z, a, b, p, q, r []float32, to *Staircase) {
	n, c := len(z), len(a)
	switch {
	case !blocked(n, c):
		staircaseGradRowGeneric(dz, dy, z, a, b, p, q, r, to)
	case level == avx512 && to.Bell != nil:
		bellGradRowAVX512(&dz[0], &dy[0], &z[0], &a[0], &b[0], &p[0], &q[0], &r[0], n, c, to.Scale, to.Lo, to.Hi, to.Floor, &to.Bell.K)
	case to.Bell != nil:
		bellGradRowAVX2(&dz[0], &dy[0], &z[0], &a[0], &b[0], &p[0], &q[0], &r[0], n, c, to.Scale, to.Lo, to.Hi, to.Floor, &to.Bell.K)
	case level == avx512:
		staircaseGradRowAVX512(&dz[0], &dy[0], &z[0], &a[0], &b[0], &p[0], &q[0], &r[0], n, c, to.Scale, to.Lo, to.Hi, to.Floor, to.Delta)
	default:
		staircaseGradRowAVX2(&dz[0], &dy[0], &z[0], &a[0], &b[0], &p[0], &q[0], &r[0], n, c, to.Scale, to.Lo, to.Hi, to.Floor, to.Delta)
	}
}

func staircaseRow(y, z, a, b []float32, q *Staircase) {
	n, c := len(z), len(a)
	switch {
	case !blocked(n, c):
		staircaseRowGeneric(y, z, a, b, q)
	case q.Random:
		drawnRow(y[:n], z, a, b, q)
	case level == avx512 && q.Ladder != nil:
		ladderRowAVX512(&y[:n][0], &z[0], &a[0], &b[0], n, c, q.Scale, q.Lo, q.Hi, q.Floor, q.Unit, q.Offset, &q.Ladder.Levels[0])
	case level == avx512:
		staircaseRowAVX512(&y[:n][0], &z[0], &a[0], &b[0], n, c, q.Scale, q.Lo, q.Hi, q.Floor, q.Unit, q.Offset)
	case q.Ladder != nil:
		ladderRowAVX2(&y[:n][0], &z[0], &a[0], &b[0], n, c, q.Scale, q.Lo, q.Hi, q.Floor, q.Unit, q.Offset, &q.Ladder.Levels[0])
	default:
		staircaseRowAVX2(&y[:n][0], &z[0], &a[0], &b[0], n, c, q.Scale, q.Lo, q.Hi, q.Floor, q.Unit, q.Offset)
	}
}

func ladderCodesRow(codes []uint8, z, a, b []float32, q *Staircase) {
	n, c := len(z), len(a)
	switch {
	case !blocked(n, c):
		levelCodesRowGeneric(codes, z, a, b, q)
	case level == avx512:
		ladderCodesRowAVX512(&codes[:n][0], &z[0], &a[0], &b[0], n, c, q.Scale, q.Floor, int32(q.Zero), &q.Ladder.Levels[0])
	default:
		ladderCodesRowAVX2(&codes[:n][0], &z[0], &a[0], &b[0], n, c, q.Scale, q.Floor, int32(q.Zero), &q.Ladder.Levels[0])
	}
}
