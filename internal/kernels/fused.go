package kernels

// AffineQuantizeRow writes the codes of z*a[c] + b[c]: batch norm, ReLU (by an
// unsigned Uniform) and quantization.
func AffineQuantizeRow(codes []uint8, z, a, b []float32, q *Uniform) {
	affineQuantizeRow(codes[:len(z)], z, a, b[:len(a)], q)
}

// UniformSums is the Loop of the first backward pass over AffineQuantizeRow: with
// dx the gradient that passes the quantizer at z*a[c] + b[c], Sum[c] adds up dx,
// Dot[c] dx*(z - Shift[c]), and Scale the quantizer's gradient in its scale, as
// QuantizeGrad does.
type UniformSums struct {
	anyCut
	Sum, Dot    []float64
	Scale       float64
	Z, DY       Pictures[float32]
	A, B, Shift []float32
	Q           Uniform
	N           int
	part        []float32 // [picture][2 channels + 16]
}

// Begin implements Loop.
func (l *UniformSums) Begin(*Pool) {
	l.part = grow(l.part, l.N*(2*len(l.A)+lanes))
	clear(l.part)
}

// Picture implements Loop.
func (l *UniformSums) Picture(s *Scratch, _, n int) {
	c := len(l.A)
	part := l.part[n*(2*c+lanes):][:2*c+lanes]
	affineUniformSumsRow(part[:c], part[c:2*c], (*[lanes]float32)(part[2*c:]), l.DY.At(s, n), l.Z.At(s, n), l.A, l.B, l.Shift, &l.Q)
}

// End implements Loop.
func (l *UniformSums) End(*Pool) { l.Scale, _ = totals(l.Sum, l.Dot, l.part, l.N, len(l.A), lanes) }

// totals adds up the pictures' parts, [2 channels + tail], in order.
func totals(sum, dot []float64, part []float32, n, c, tail int) (first, second float64) {
	clear(sum)
	clear(dot)
	for i := range n {
		p := part[i*(2*c+tail):][:2*c+tail]
		for j := range c {
			sum[j] += float64(p[j])
			dot[j] += float64(p[c+j])
		}
		for _, v := range p[2*c:][:lanes] {
			first += float64(v)
		}
		for _, v := range p[2*c+lanes:] {
			second += float64(v)
		}
	}
	return first, second
}

// AffineUniformGradRow is the second backward pass over AffineQuantizeRow: with dx
// the gradient that passes the quantizer at z*a[c] + b[c],
// dz = dx*p[c] + (z*q[c] + r[c]). dz may be dy.
func AffineUniformGradRow(dz, dy, z, a, b, p, q, r []float32, to *Uniform) {
	c := len(a)
	affineUniformGradRow(dz[:len(z)], dy[:len(z)], z, a, b[:c], p[:c], q[:c], r[:c], to)
}

// ResidualQuantizeRow writes the codes of a block's output in the quantizer to:
//
//	branch(z*a[c] + b[c]) + from.Scale*(stream - from.ZeroPoint)
//
// where branch(x) is x quantized and dequantized.
func ResidualQuantizeRow(codes []uint8, z, a, b []float32, stream []uint8, branch, from, to *Uniform) {
	n := len(z)
	residualQuantizeRow(codes[:n], z, a, b[:len(a)], stream[:n], branch, from, to)
}

// ResidualSums is UniformSums for ResidualQuantizeRow: DX is the gradient that
// passes the output's quantizer, which both the branch and the stream get; Sum,
// Dot and BranchScale follow what of it passes the branch's quantizer.
type ResidualSums struct {
	anyCut
	Sum, Dot           []float64
	Scale, BranchScale float64
	DX, Z, DY          Pictures[float32]
	Stream             Pictures[uint8]
	A, B, Shift        []float32
	Branch, From, To   Uniform
	N                  int
	part               []float32 // [picture][2 channels + 16 + 16]
}

// Begin implements Loop.
func (l *ResidualSums) Begin(*Pool) {
	l.part = grow(l.part, l.N*(2*len(l.A)+2*lanes))
	clear(l.part)
}

// Picture implements Loop.
func (l *ResidualSums) Picture(s *Scratch, _, n int) {
	c := len(l.A)
	part := l.part[n*(2*c+2*lanes):][:2*c+2*lanes]
	residualSumsRow(l.DX.At(s, n), part[:c], part[c:2*c], (*[lanes]float32)(part[2*c:]), (*[lanes]float32)(part[2*c+lanes:]),
		l.DY.At(s, n), l.Z.At(s, n), l.A, l.B, l.Shift, l.Stream.At(s, n), &l.Branch, &l.From, &l.To)
}

// End implements Loop.
func (l *ResidualSums) End(*Pool) {
	l.Scale, l.BranchScale = totals(l.Sum, l.Dot, l.part, l.N, len(l.A), 2*lanes)
}

// CodeSum is the sum of two tensors' codes, in a third one's:
//
//	offset = float32(ZeroPoint - fma(RatioA, ZeroA, float32(RatioB*ZeroB)))
//	code   = clamp(roundHalfEven(fma(a, RatioA, fma(b, RatioB, offset))), Lo, Hi)
//
// in float32, fma(x, y, z) = x*y + z with one rounding: the arithmetic of
// onnxruntime's QLinearAdd on x86 with FMA. A ratio is the summand's scale over
// the sum's, at most 1e30, so that sums are finite; Lo <= Hi.
type CodeSum struct {
	RatioA, RatioB    float32
	ZeroA, ZeroB      uint8
	ZeroPoint, Lo, Hi uint8
}

func (q *CodeSum) offset() float32 {
	return float32(q.ZeroPoint) - fma32(q.RatioA, float32(q.ZeroA), float32(q.RatioB*float32(q.ZeroB)))
}

// AddCodesRow writes the codes of the sums of a and b.
func AddCodesRow(codes, a, b []uint8, q *CodeSum) {
	addCodesRow(codes[:len(a)], a, b[:len(a)], q)
}

// RequantizeGrad is the Loop of the backward pass over [CodeMap], like
// UniformGrad.
type RequantizeGrad struct {
	anyCut
	DX, DY   Pictures[float32]
	Stream   Pictures[uint8]
	From, To Uniform
	N        int
	Sum      float64
	part     []float32 // [picture][16]
}

// Begin implements Loop.
func (l *RequantizeGrad) Begin(*Pool) {
	l.part = grow(l.part, l.N*lanes)
	clear(l.part)
}

// Picture implements Loop.
func (l *RequantizeGrad) Picture(s *Scratch, _, n int) {
	requantizeGradRow((*[lanes]float32)(l.part[n*lanes:]), l.DX.At(s, n), l.Stream.At(s, n), l.DY.At(s, n), &l.From, &l.To)
}

// End implements Loop.
func (l *RequantizeGrad) End(*Pool) {
	l.Sum = 0
	for _, v := range l.part {
		l.Sum += float64(v)
	}
}
