//go:build !noasm

package kernels

func affineQuantizeRow(codes []uint8, z, a, b []float32, q *Uniform) {
	n, c := len(z), len(a)
	switch {
	case !blocked(n, c):
		if pixels, m := spreads(n, c); m > 0 {
			var sa, sb spread
			affineQuantizeRow(codes[:m], z[:m], sa.over(a, pixels), sb.over(b, pixels), q)
			codes, z = codes[m:], z[m:]
		}
		affineQuantizeRowGeneric(codes, z, a, b, q)
	case level == avx512:
		affineQuantizeRowAVX512(&codes[:n][0], &z[0], &a[0], &b[:c][0], n, c, q.Scale, q.Qn, q.most(), int32(q.ZeroPoint))
	default:
		affineQuantizeRowAVX2(&codes[:n][0], &z[0], &a[0], &b[:c][0], n, c, q.Scale, q.Qn, q.most(), int32(q.ZeroPoint))
	}
}

func affineUniformSumsRow(sum, dot []float32, ds *[lanes]float32, dy, z, a, b, shift []float32, q *Uniform) {
	n, c := len(z), len(a)
	switch {
	case !blocked(n, c):
		affineUniformSumsRowGeneric(sum, dot, ds, dy, z, a, b, shift, q)
	case level == avx512 && c == lanes:
		affineUniformSums16RowAVX512(&sum[:c][0], &dot[:c][0], &ds[0], &dy[:n][0], &z[0], &a[0], &b[:c][0], &shift[:c][0], n, q.Scale, q.Qn, q.passes(), q.slope(), q.beyond())
	case level == avx512:
		affineUniformSumsRowAVX512(&sum[:c][0], &dot[:c][0], &ds[0], &dy[:n][0], &z[0], &a[0], &b[:c][0], &shift[:c][0], n, c, q.Scale, q.Qn, q.passes(), q.slope(), q.beyond())
	default:
		affineUniformSumsRowAVX2(&sum[:c][0], &dot[:c][0], &ds[0], &dy[:n][0], &z[0], &a[0], &b[:c][0], &shift[:c][0], n, c, q.Scale, q.Qn, q.passes(), q.slope(), q.beyond())
	}
}

func affineUniformGradRow(dz, dy, z, a, b, p, q, r []float32, to *Uniform) {
	n, c := len(z), len(a)
	switch {
	case !blocked(n, c):
		if pixels, m := spreads(n, c); m > 0 {
			var sa, sb, sp, sq, sr spread
			affineUniformGradRow(dz[:m], dy[:m], z[:m], sa.over(a, pixels), sb.over(b, pixels), sp.over(p, pixels), sq.over(q, pixels), sr.over(r, pixels), to)
			dz, dy, z = dz[m:], dy[m:], z[m:]
		}
		affineUniformGradRowGeneric(dz, dy, z, a, b, p, q, r, to)
	case level == avx512:
		affineUniformGradRowAVX512(&dz[:n][0], &dy[:n][0], &z[0], &a[0], &b[:c][0], &p[:c][0], &q[:c][0], &r[:c][0], n, c, to.Scale, to.Qn, to.passes())
	default:
		affineUniformGradRowAVX2(&dz[:n][0], &dy[:n][0], &z[0], &a[0], &b[:c][0], &p[:c][0], &q[:c][0], &r[:c][0], n, c, to.Scale, to.Qn, to.passes())
	}
}

func residualQuantizeRow(codes []uint8, z, a, b []float32, stream []uint8, branch, from, to *Uniform) {
	n, c := len(z), len(a)
	switch {
	case !blocked(n, c):
		if pixels, m := spreads(n, c); m > 0 {
			var sa, sb spread
			residualQuantizeRow(codes[:m], z[:m], sa.over(a, pixels), sb.over(b, pixels), stream[:m], branch, from, to)
			codes, z, stream = codes[m:], z[m:], stream[m:]
		}
		residualQuantizeRowGeneric(codes, z, a, b, stream, branch, from, to)
	case level == avx512:
		residualQuantizeRowAVX512(&codes[:n][0], &z[0], &a[0], &b[:c][0], &stream[:n][0], n, c, branch.Scale, branch.Qn, branch.Qp,
			from.Scale, int32(from.ZeroPoint), to.Scale, to.Qn, to.Qp, int32(to.ZeroPoint))
	default:
		residualQuantizeRowAVX2(&codes[:n][0], &z[0], &a[0], &b[:c][0], &stream[:n][0], n, c, branch.Scale, branch.Qn, branch.Qp,
			from.Scale, int32(from.ZeroPoint), to.Scale, to.Qn, to.Qp, int32(to.ZeroPoint))
	}
}

func residualSumsRow(dx, sum, dot []float32, dsTo, dsBranch *[lanes]float32, dy, z, a, b, shift []float32, stream []uint8, branch, from, to *Uniform) {
	n, c := len(z), len(a)
	switch {
	case !blocked(n, c):
		residualSumsRowGeneric(dx, sum, dot, dsTo, dsBranch, dy, z, a, b, shift, stream, branch, from, to)
	case level == avx512 && c == lanes:
		residualSums16RowAVX512(&dx[:n][0], &sum[:c][0], &dot[:c][0], &dsTo[0], &dsBranch[0], &dy[:n][0], &z[0], &a[0], &b[:c][0], &shift[:c][0],
			&stream[:n][0], n, branch.Scale, branch.Qn, branch.Qp, from.Scale, int32(from.ZeroPoint), to.Scale, to.Qn, to.Qp)
	case level == avx512:
		residualSumsRowAVX512(&dx[:n][0], &sum[:c][0], &dot[:c][0], &dsTo[0], &dsBranch[0], &dy[:n][0], &z[0], &a[0], &b[:c][0], &shift[:c][0],
			&stream[:n][0], n, c, branch.Scale, branch.Qn, branch.Qp, from.Scale, int32(from.ZeroPoint), to.Scale, to.Qn, to.Qp)
	default:
		residualSumsRowAVX2(&dx[:n][0], &sum[:c][0], &dot[:c][0], &dsTo[0], &dsBranch[0], &dy[:n][0], &z[0], &a[0], &b[:c][0], &shift[:c][0],
			&stream[:n][0], n, c, branch.Scale, branch.Qn, branch.Qp, from.Scale, int32(from.ZeroPoint), to.Scale, to.Qn, to.Qp)
	}
}

func addCodesRow(codes, a, b []uint8, q *CodeSum) {
	n := whole(len(a))
	if n > 0 {
		switch level {
		case avx512:
			addCodesRowAVX512(&codes[:n][0], &a[0], &b[:n][0], n, q.RatioA, q.RatioB, q.offset(), float32(q.Lo), float32(q.Hi))
		default:
			bounds := boundsOf(0, float32(q.Lo), float32(q.Hi))
			addCodesRowAVX2(&codes[:n][0], &a[0], &b[:n][0], n, q.RatioA, q.RatioB, q.offset(), bounds.most, bounds.least)
		}
	}
	addCodesRowGeneric(codes[n:], a[n:], b[n:], q)
}

func requantizeGradRow(ds *[lanes]float32, dx []float32, stream []uint8, dy []float32, from, to *Uniform) {
	n := whole(len(stream))
	if n > 0 {
		switch level {
		case avx512:
			requantizeGradRowAVX512(&ds[0], &dx[:n][0], &stream[0], &dy[:n][0], n, from.Scale, int32(from.ZeroPoint), to.Scale, to.Qn, to.Qp, to.slope())
		default:
			requantizeGradRowAVX2(&ds[0], &dx[:n][0], &stream[0], &dy[:n][0], n, from.Scale, int32(from.ZeroPoint), to.Scale, to.Qn, to.Qp, to.slope())
		}
	}
	requantizeGradRowGeneric(ds, dx[n:], stream[n:], dy[n:], from, to)
}
