package kernels

import (
	"math"
	"unsafe"
)

// The portable form of every kernel, in every build: the definition that the
// assembly is tested against, bit for bit.

func at[T any](p *T, i int) *T {
	return (*T)(unsafe.Add(unsafe.Pointer(p), uintptr(i)*unsafe.Sizeof(*p)))
}

func convRowGeneric(a *row[float32, float32, float32]) {
	for b := 0; b < a.blocks; b++ {
		for p := 0; p < a.pixels; p++ {
			var acc [lanes]float32
			w := at(a.w, b*a.wBlock)
			for r := 0; r < a.kRows; r++ {
				x := unsafe.Slice(at(a.x, r*a.xRow+p*a.xPix), a.kRun)
				ws := unsafe.Slice(at(w, r*a.kRun*lanes), a.kRun*lanes)
				for k, v := range x {
					fma16(&acc, v, (*[lanes]float32)(ws[k*lanes:]))
				}
			}
			*(*[lanes]float32)(unsafe.Pointer(at(a.y, p*a.yPix+b*lanes))) = acc
		}
	}
}

func convRowBytesGeneric(a *row[uint8, int8, int32])  { convRowInts(a, 4) }
func convRowWordsGeneric(a *row[int16, int16, int32]) { convRowInts(a, 2) }

func convRowInts[X uint8 | int16, W int8 | int16](a *row[X, W, int32], group int) {
	for b := 0; b < a.blocks; b++ {
		for p := 0; p < a.pixels; p++ {
			acc := *(*[lanes]int32)(unsafe.Pointer(at(a.init, b*lanes)))
			w := at(a.w, b*a.wBlock)
			for r := 0; r < a.kRows; r++ {
				n := a.kRun * group
				x := unsafe.Slice(at(a.x, r*a.xRow+p*a.xPix), n)
				ws := unsafe.Slice(at(w, r*n*lanes), n*lanes)
				for k, v := range x {
					if v == 0 {
						continue
					}
					wk := ws[k/group*group*lanes+k%group:]
					for l := range acc {
						acc[l] += int32(v) * int32(wk[l*group])
					}
				}
			}
			*(*[lanes]int32)(unsafe.Pointer(at(a.y, p*a.yPix+b*lanes))) = acc
		}
	}
}

func wgradRowGeneric(a *wgrad) {
	for b := 0; b < a.blocks; b++ {
		for k := 0; k < a.kRun; k++ {
			dw := (*[lanes]float32)(unsafe.Pointer(at(a.dw, k*a.dwRow+b*lanes)))
			acc := *(*[lanes]float32)(unsafe.Pointer(at(a.init, k*a.initRow+b*lanes)))
			for i := 0; i < a.rows; i++ {
				for j := 0; j < a.cols; j++ {
					x := *at(a.x, i*a.xRow+j*a.xPix+k)
					fma16(&acc, x, (*[lanes]float32)(unsafe.Pointer(at(a.dy, i*a.dyRow+j*a.dyPix+b*lanes))))
				}
			}
			*dw = acc
		}
	}
}

func reluRowGeneric(y, x []float32) {
	for i, v := range x {
		if v > 0 {
			y[i] = v
		} else {
			y[i] = 0
		}
	}
}

func reluGradRowGeneric(dx, y, dy []float32) {
	for i, v := range y {
		if v > 0 {
			dx[i] = dy[i]
		} else {
			dx[i] = 0
		}
	}
}

func relu6RowGeneric(y, x []float32) {
	for i, v := range x {
		switch {
		case v < 0:
			v = 0
		case v > 6:
			v = 6
		}
		y[i] = v
	}
}

func relu6GradRowGeneric(dx, y, dy []float32) {
	for i, v := range y {
		if v > 0 && v < 6 {
			dx[i] = dy[i]
		} else {
			dx[i] = 0
		}
	}
}

func addRowGeneric(y, a, b []float32) {
	for i, v := range a {
		y[i] = v + b[i]
	}
}

func affineRowGeneric(y, x, a, b []float32) {
	c := len(a)
	for i := 0; i < len(x); i += c {
		for j, f := range a {
			y[i+j] = fma32(x[i+j], f, b[j])
		}
	}
}

func affine2RowGeneric(y, g, x, a, b, d []float32) {
	c := len(a)
	for i := 0; i < len(x); i += c {
		for j, f := range a {
			y[i+j] = fma32(g[i+j], f, fma32(x[i+j], b[j], d[j]))
		}
	}
}

func momentsRowGeneric(sum, squares, x, shift []float32) {
	c := len(shift)
	for i := 0; i < len(x); i += c {
		for j, s := range shift {
			v := x[i+j] - s
			sum[j] += v
			squares[j] = fma32(v, v, squares[j])
		}
	}
}

func gradSumsRowGeneric(sum, dot, dy, x, shift []float32) {
	c := len(shift)
	for i := 0; i < len(x); i += c {
		for j, s := range shift {
			sum[j] += dy[i+j]
			dot[j] = fma32(dy[i+j], x[i+j]-s, dot[j])
		}
	}
}

// clipScaled returns v = x/scale and v clipped; NaN clips to Qn, as MAXPS does
// with the bound as its second operand.
func (q *Uniform) clip(x float32) (v, clipped float32) { return q.clipAt(x, q.most()) }

func (q *Uniform) clipAt(x, most float32) (v, clipped float32) {
	v = x / q.Scale
	clipped = v
	if !(v > q.Qn) {
		clipped = q.Qn
	}
	if clipped > most {
		clipped = most
	}
	return v, clipped
}

func roundEven(v float32) float32 { return float32(math.RoundToEven(float64(v))) }

func anyNaNGeneric(x []float32) bool {
	for _, v := range x {
		if v != v {
			return true
		}
	}
	return false
}

func quantizeRowGeneric(codes []uint8, x []float32, q *Uniform) {
	for i, v := range x {
		_, c := q.clip(v)
		codes[i] = uint8(int32(roundEven(c)) + int32(q.ZeroPoint))
	}
}

func quantizeGradRowGeneric(ds *[lanes]float32, dx, x, dy []float32, q *Uniform) {
	for i, xi := range x {
		d, slope := q.grad(xi, dy[i])
		ds[i%lanes] = fma32(dy[i], slope, ds[i%lanes])
		dx[i] = d
	}
}

func dequantizeRowGeneric(y []float32, codes []uint8, zeroPoint uint8, scale float32) {
	for i, c := range codes {
		y[i] = float32(int32(c)-int32(zeroPoint)) * scale
	}
}

func codesToFloatGeneric(y []float32, codes []uint8, zeroPoint uint8) {
	for i, c := range codes {
		y[i] = float32(int32(c) - int32(zeroPoint))
	}
}

func scaleIntsGeneric(y []float32, acc []int32, scale []float32) {
	c := len(scale)
	for i := 0; i < len(acc); i += c {
		for j, s := range scale {
			y[i+j] = float32(acc[i+j]) * s
		}
	}
}

func requantizeRowGeneric(codes []uint8, acc []int32, mult []float32, zeroPoint float32, lo, hi float32) {
	c := len(mult)
	for i := 0; i < len(acc); i += c {
		for j, m := range mult {
			codes[i+j] = requantize(acc[i+j], m, zeroPoint, lo, hi)
		}
	}
}

func requantize(acc int32, mult, zeroPoint, lo, hi float32) uint8 {
	v := roundEven(float32(acc)*mult) + zeroPoint
	if !(v > lo) {
		v = lo
	}
	if !(v < hi) {
		v = hi
	}
	return uint8(int32(v))
}

func widenCodesGeneric(words []int16, codes []uint8) {
	for i, c := range codes {
		words[i] = int16(c)
	}
}
