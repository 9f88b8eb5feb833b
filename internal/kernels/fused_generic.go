package kernels

// Fused passes: several element-wise steps of quantized layers in one walk, so
// that what lies between them is never written. Each computes, bit for bit,
// what its parts would.

func affineQuantizeRowGeneric(codes []uint8, z, a, b []float32, q *Uniform) {
	c := len(a)
	for i := 0; i < len(z); i += c {
		for j, f := range a {
			_, v := q.clip(fma32(z[i+j], f, b[j]))
			codes[i+j] = uint8(int32(roundEven(v)) + int32(q.ZeroPoint))
		}
	}
}

// grad is the clipped straight-through estimator at x: the gradient that passes
// and dy times the derivative in the scale.
func (q *Uniform) grad(x, dy float32) (dx, slope float32) {
	v, c := q.clipAt(x, q.passes())
	if v == c {
		return dy, float32((roundEven(v) - v) * q.slope())
	}
	return 0, float32(c * q.beyond())
}

// through is x after the quantizer: Scale*code.
func (q *Uniform) through(x float32) float32 {
	_, c := q.clip(x)
	return float32(float32(int32(roundEven(c))) * q.Scale)
}

func affineUniformSumsRowGeneric(sum, dot []float32, ds *[lanes]float32, dy, z, a, b, shift []float32, q *Uniform) {
	c := len(a)
	for i := 0; i < len(z); i += c {
		for j, f := range a {
			x, g, l := z[i+j], dy[i+j], (i+j)%lanes
			dx, slope := q.grad(fma32(x, f, b[j]), g)
			ds[l] = fma32(g, slope, ds[l])
			sum[j] += dx
			dot[j] = fma32(dx, x-shift[j], dot[j])
		}
	}
}

func affineUniformGradRowGeneric(dz, dy, z, a, b, p, q, r []float32, to *Uniform) {
	c := len(a)
	for i := 0; i < len(z); i += c {
		for j, f := range a {
			x := z[i+j]
			dx, _ := to.grad(fma32(x, f, b[j]), dy[i+j])
			dz[i+j] = fma32(dx, p[j], fma32(x, q[j], r[j]))
		}
	}
}

// residual is x = branch(z*a + b) + from(codes).
func residual(z, a, b float32, code uint8, branch, from *Uniform) (norm, x float32) {
	norm = fma32(z, a, b)
	return norm, branch.through(norm) + float32(float32(int32(code)-int32(from.ZeroPoint))*from.Scale)
}

func residualQuantizeRowGeneric(codes []uint8, z, a, b []float32, stream []uint8, branch, from, to *Uniform) {
	c := len(a)
	for i := 0; i < len(z); i += c {
		for j, f := range a {
			_, x := residual(z[i+j], f, b[j], stream[i+j], branch, from)
			_, v := to.clip(x)
			codes[i+j] = uint8(int32(roundEven(v)) + int32(to.ZeroPoint))
		}
	}
}

func residualSumsRowGeneric(dx, sum, dot []float32, dsTo, dsBranch *[lanes]float32, dy, z, a, b, shift []float32, stream []uint8, branch, from, to *Uniform) {
	c := len(a)
	for i := 0; i < len(z); i += c {
		for j, f := range a {
			zi, g, l := z[i+j], dy[i+j], (i+j)%lanes
			norm, x := residual(zi, f, b[j], stream[i+j], branch, from)
			d, slope := to.grad(x, g)
			dsTo[l] = fma32(g, slope, dsTo[l])
			dx[i+j] = d
			dn, slope := branch.grad(norm, d)
			dsBranch[l] = fma32(d, slope, dsBranch[l])
			sum[j] += dn
			dot[j] = fma32(dn, zi-shift[j], dot[j])
		}
	}
}

func addCodesRowGeneric(codes, a, b []uint8, q *CodeSum) {
	offset, lo, hi := q.offset(), float32(q.Lo), float32(q.Hi)
	for i, c := range a {
		v := fma32(float32(c), q.RatioA, fma32(float32(b[i]), q.RatioB, offset))
		codes[i] = uint8(int32(roundEven(min(max(v, lo), hi))))
	}
}

func requantizeGradRowGeneric(ds *[lanes]float32, dx []float32, stream []uint8, dy []float32, from, to *Uniform) {
	for i, c := range stream {
		d, slope := to.grad(float32(int32(c)-int32(from.ZeroPoint))*from.Scale, dy[i])
		ds[i%lanes] = fma32(dy[i], slope, ds[i%lanes])
		dx[i] = d
	}
}
