package kernels

import "math"

// Uniform is a uniform quantizer with one scale for a whole array:
//
//	q = roundHalfEven(clip(x/Scale, Qn, Qp))    code = q + ZeroPoint
//
// in float32, by division. Codes are stored as uint8, so a signed range is
// shifted: ZeroPoint = -Qn. Qn and Qp are integers in float32. NaN gives Qn
// and infinities saturate.
type Uniform struct {
	Scale     float32
	Qn, Qp    float32
	ZeroPoint uint8
	// Flat leaves what is inside the range out of the scale's gradient: only what is clipped moves the scale, as in PACT.
	Flat bool
	// Top, if it is not 0, is where x/Scale is clipped below Qp by what stands before the quantizer, as by ReLU6: x from
	// there on has no gradient, and moves the scale as Top, which is inside. Only the passes over floats know it:
	// QuantizeRow, AffineQuantizeRow and their gradients.
	Top float32
}

// most is the largest x/Scale.
func (q *Uniform) most() float32 {
	if q.Top != 0 {
		return q.Top
	}
	return q.Qp
}

// passes is the largest x/Scale at which the gradient passes.
func (q *Uniform) passes() float32 {
	if q.Top != 0 {
		return math.Float32frombits(math.Float32bits(q.Top) - 1)
	}
	return q.Qp
}

// beyond is the factor of the clipped x/Scale in the scale's gradient.
func (q *Uniform) beyond() float32 {
	if q.Top != 0 {
		return (roundEven(q.Top) - q.Top) * q.slope() / q.passes()
	}
	return 1
}

// slope is the factor of round(v) - v in the scale's gradient.
func (q *Uniform) slope() float32 {
	if q.Flat {
		return 0
	}
	return 1
}

// UniformGrad is the Loop of QuantizeGrad; Sum is its result after End.
type UniformGrad struct {
	anyCut
	DX, X, DY Pictures[float32]
	Q         Uniform
	N         int
	Sum       float64
	part      []float32 // [picture][16]
}

// Begin implements Loop.
func (l *UniformGrad) Begin(*Pool) {
	l.part = grow(l.part, l.N*lanes)
	clear(l.part)
}

// Picture implements Loop.
func (l *UniformGrad) Picture(s *Scratch, _, n int) {
	quantizeGradRow((*[lanes]float32)(l.part[n*lanes:]), l.DX.At(s, n), l.X.At(s, n), l.DY.At(s, n), &l.Q)
}

// End implements Loop.
func (l *UniformGrad) End(*Pool) {
	l.Sum = 0
	for _, v := range l.part {
		l.Sum += float64(v)
	}
}

// QuantizeGrad passes dy through the quantizer by the clipped straight-through
// estimator, dx = dy where Qn <= x/Scale <= Qp, else 0, and returns the sum of
//
//	dy * (round(v) - v inside, 0 if q is Flat; Qn below; Qp above),  v = x/Scale
//
// Esser et al. 2020, section 2.1 (https://arxiv.org/abs/1902.08153), without
// the gradient scale. n is the number of pictures: the sum runs in 16 float32
// lanes within a picture (element i in lane i mod 16) and in float64 over lanes
// and pictures. dx may be dy.
func QuantizeGrad(p *Pool, n int, dx, x, dy []float32, q Uniform) float64 {
	l := &UniformGrad{DX: Batch(dx[:len(x)], n), X: Batch(x, n), DY: Batch(dy[:len(x)], n), Q: q, N: n}
	p.Run(n, l)
	return l.Sum
}

// Requantize writes codes = clip(roundHalfEven(acc*mult[c]) + zeroPoint, lo, hi)
// in float32, c = i mod len(mult): the step from ConvInt's sums to the next
// layer's codes. zeroPoint, lo and hi are integers in [0, 255]. It runs on the
// calling goroutine, so that ConvInt's callback can use it.
func Requantize(codes []uint8, acc []int32, mult []float32, zeroPoint, lo, hi float32) {
	n := len(acc) / len(mult) * len(mult)
	requantizeRow(codes[:n], acc[:n], mult, zeroPoint, lo, hi)
}
