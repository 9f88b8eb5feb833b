package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// depth emits the kernels of depthwise convolutions.
func (s isa) depth() {
	const in = "(y *%s, x, w *float32, rows, pixels, kRows, kRun, xRow, xPix, xStep, yRow, yPix int%s)"
	const doc = "for i < rows, p < pixels, l < 16:\n" +
		"\t  acc = 0\n" +
		"\t  for r < kRows, k < kRun: acc += x[i*xStep + r*xRow + p*xPix + k*16 + l] * w[(r*kRun+k)*16 + l]\n" +
		"\t  y[i*yRow + p*yPix + l] = %s\n\nwith fused multiply-adds in that order."
	s.text("convDepth", "func"+fmt.Sprintf(in, "float32", ""), fmt.Sprintf(doc, "acc"))
	s.convDepth(depthSums)
	s.text("convDepthSums", "func"+fmt.Sprintf(in, "int32", ", init *int32"), fmt.Sprintf(doc, "int32(acc) + init[l]"))
	s.convDepth(depthInts)
	s.text("convDepthScaled", "func"+fmt.Sprintf(in, "float32", ", init *int32, factors *float32"), fmt.Sprintf(doc, "float32(int32(acc) + init[l])*factors[l]"))
	s.convDepth(depthScaled)
	s.text("convDepthCodes", "func"+fmt.Sprintf(in, "uint8", ", init *int32, factors *float32, zeroPoint, lo, hi float32"),
		fmt.Sprintf(doc, "min(max(round(float32(int32(acc) + init[l])*factors[l]) + zeroPoint, lo), hi)"))
	s.convDepth(depthCodes)
	s.wgradDepth()
	s.copyBlocks()
}

// depthStore is what becomes of the sums.
type depthStore int

const (
	depthSums depthStore = iota
	depthInts
	depthScaled
	depthCodes
)

// storeDepth stores vector v of a pixel's sums at y. zeroPoint, lo, hi and t are vector registers.
func (s isa) storeDepth(store depthStore, i int, init, factors, y reg.Register, v int, zeroPoint, lo, hi reg.VecPhysical, t int) {
	acc := s.v(i)
	if store != depthSums {
		VCVTTPS2DQ(acc, acc)
		VPADDD(mem(init, v*s.size), acc, acc)
	}
	if store >= depthScaled {
		VCVTDQ2PS(acc, acc)
		VMULPS(mem(factors, v*s.size), acc, acc)
	}
	if store < depthCodes {
		VMOVUPS(acc, mem(y, v*s.size))
		return
	}
	s.round(acc, acc)
	VADDPS(zeroPoint, acc, acc)
	VMAXPS(lo, acc, acc)
	VMINPS(hi, acc, acc)
	VCVTPS2DQ(acc, acc)
	if s.wide() {
		VPMOVDB(acc, mem(y, v*16))
		return
	}
	low := allXMM[i]
	VEXTRACTI128(operand.U8(1), acc, allXMM[t])
	VPACKUSDW(allXMM[t], low, low)
	VPACKUSWB(low, low, low)
	VMOVQ(low, mem(y, v*8))
}

var allXMM = []reg.VecPhysical{reg.X0, reg.X1, reg.X2, reg.X3, reg.X4, reg.X5, reg.X6, reg.X7, reg.X8, reg.X9, reg.X10, reg.X11, reg.X12, reg.X13, reg.X14, reg.X15}

func (s isa) convDepth(store depthStore) {
	yShift := uint64(2)
	if store == depthCodes {
		yShift = 0
	}
	w := []reg.VecPhysical{s.v(s.last() - 1), s.v(s.last())}[:s.parts()]
	n, rows, kRows, rowBytes, xLine, yLine := AllocLocal(8), AllocLocal(8), AllocLocal(8), AllocLocal(8), AllocLocal(8), AllocLocal(8)
	x, y, s1, yPix := load("x"), load("y"), loadScaled("xPix", 2), loadScaled("yPix", yShift)
	MOVQ(x, xLine)
	MOVQ(y, yLine)
	t := load("rows")
	MOVQ(t, rows)
	t = loadScaled("xRow", 2)
	MOVQ(t, rowBytes)
	steps := newStrides(s1)
	Label("line")
	t = load("pixels")
	MOVQ(t, n)
	MOVQ(xLine, x)
	MOVQ(yLine, y)
	tilesThen(n, s.most(), func(size int) {
		acc := func(p int) []reg.VecPhysical { return s.accumulators(p, s.parts()) }
		for i := range size * s.parts() {
			s.zero(i)
		}
		wp, xr, r := load("w"), GP64(), load("kRows")
		MOVQ(x, xr)
		MOVQ(r, kRows)
		Label(label("row", size))
		base, k := [2]reg.Register{GP64(), GP64()}, load("kRun")
		MOVQ(xr, base[0])
		LEAQ(indexed(xr, s1, 1), base[1])
		Label(label("k", size))
		for v := range w {
			VMOVUPS(mem(wp, v*s.size), w[v])
		}
		for p := range size {
			for v, a := range acc(p) {
				VFMADD231PS(steps.pixel(base, p).Offset(v*s.size), w[v], a)
			}
		}
		ADDQ(operand.Imm(64), wp)
		ADDQ(operand.Imm(64), base[0])
		if size > 1 {
			ADDQ(operand.Imm(64), base[1])
		}
		DECQ(k)
		JNZ(operand.LabelRef(label("k", size)))
		ADDQ(rowBytes, xr)
		DECQ(kRows)
		JNZ(operand.LabelRef(label("row", size)))
		// The registers of weights are free by now, and 12 and 13 hold no sum on AVX2.
		zeroPoint, lo, hi, t := s.v(s.last()-3), s.v(s.last()-2), s.v(s.last()-1), s.last()
		var init, factors reg.Register
		if store != depthSums {
			init = load("init")
		}
		if store >= depthScaled {
			factors = load("factors")
		}
		if store == depthCodes {
			s.broadcast("zeroPoint", zeroPoint)
			s.broadcast("lo", lo)
			s.broadcast("hi", hi)
		}
		for p := range size {
			for v := range s.parts() {
				s.storeDepth(store, p*s.parts()+v, init, factors, y, v, zeroPoint, lo, hi, t)
			}
			ADDQ(yPix, y)
		}
		step := GP64()
		IMUL3Q(operand.Imm(uint64(size)), s1, step)
		ADDQ(step, x)
	}, func() {
		t := loadScaled("xStep", 2)
		ADDQ(t, xLine)
		t = loadScaled("yRow", yShift)
		ADDQ(t, yLine)
		DECQ(rows)
		JNZ(operand.LabelRef("line"))
		VZEROUPPER()
		RET()
	})
}

// wgradDepth emits a body for each number of taps: their sums are in registers. AVX2 does 8 channels.
func (s isa) wgradDepth() {
	doc := "for r < kRows, k < kRun, l < 16:\n"
	if !s.wide() {
		doc = "for r < kRows, k < kRun, l < 8:\n"
	}
	s.text("wgradDepth", "func(dw, x, dy *float32, rows, cols, kRows, kRun, xRow, xPix, xStep, dyRow, dyPix, dwRow int)",
		doc+"\t  acc = dw[r*dwRow + k*16 + l]\n"+
			"\t  for i < rows, p < cols: acc += x[i*xStep + r*xRow + p*xPix + k*16 + l] * dy[i*dyRow + p*dyPix + l]\n"+
			"\t  dw[r*dwRow + k*16 + l] = acc\n\nwith fused multiply-adds in that order, for kRows <= 3 and kRun <= 5.")
	grad := s.v(15)
	count := AllocLocal(8)
	t := load("rows")
	MOVQ(t, count)
	dw, x, dy, dwRow := load("dw"), load("x"), load("dy"), loadScaled("dwRow", 2)
	xRow, xPix, xStep := loadScaled("xRow", 2), loadScaled("xPix", 2), loadScaled("xStep", 2)
	dyRow, dyPix := loadScaled("dyRow", 2), loadScaled("dyPix", 2)
	kRows, kRun := load("kRows"), load("kRun")
	LEAQ(indexed(kRun, kRows, 8), kRun) // 8*kRows + kRun
	const mostRows, mostRun = 3, 5
	for r := 1; r <= mostRows; r++ {
		for k := 1; k <= mostRun; k++ {
			CMPQ(kRun, operand.Imm(uint64(8*r+k)))
			JEQ(operand.LabelRef(label("taps", 8*r+k)))
		}
	}
	for r := 1; r <= mostRows; r++ {
		for k := 1; k <= mostRun; k++ {
			s.wgradDepthTaps(r, k, grad, count, dw, x, dy, dwRow, xRow, xPix, xStep, dyRow, dyPix)
		}
	}
}

func (s isa) wgradDepthTaps(rows, run int, grad reg.VecPhysical, count operand.Mem, dw, x, dy, dwRow, xRow, xPix, xStep, dyRow, dyPix reg.Register) {
	id := 8*rows + run
	Label(label("taps", id))
	each := func(do func(sum reg.VecPhysical, at operand.Mem)) {
		p := GP64()
		MOVQ(dw, p)
		for r := range rows {
			for k := range run {
				do(s.v(r*run+k), mem(p, 64*k))
			}
			ADDQ(dwRow, p)
		}
	}
	each(func(sum reg.VecPhysical, at operand.Mem) { VMOVUPS(at, sum) })
	Label(label("row", id))
	xp, dyp, col := GP64(), GP64(), load("cols")
	MOVQ(x, xp)
	MOVQ(dy, dyp)
	Label(label("col", id))
	VMOVUPS(mem(dyp, 0), grad)
	for r := range rows {
		for k := range run {
			at := operand.Mem{Base: xp, Disp: 64 * k}
			if r > 0 {
				at.Index, at.Scale = xRow, uint8(r)
			}
			VFMADD231PS(at, grad, s.v(r*run+k))
		}
	}
	ADDQ(xPix, xp)
	ADDQ(dyPix, dyp)
	DECQ(col)
	JNZ(operand.LabelRef(label("col", id)))
	ADDQ(xStep, x)
	ADDQ(dyRow, dy)
	DECQ(count)
	JNZ(operand.LabelRef(label("row", id)))
	each(func(sum reg.VecPhysical, at operand.Mem) { VMOVUPS(sum, at) })
	VZEROUPPER()
	RET()
}

// copyBlocks emits kernels that copy 16 channels out of pictures.
func (s isa) copyBlocks() {
	const doc = "for i < rows, p < pixels, l < 16: dst[i*dstRow + p*16 + l] = %s"
	s.text("copyBlock", "func(dst, src *float32, rows, pixels, dstRow, srcRow, srcPix int)", fmt.Sprintf(doc, "src[i*srcRow + p*srcPix + l]"))
	s.copyBlock(2, func(src operand.Mem, to reg.VecPhysical) { VMOVUPS(src, to) })
	s.text("codesBlock", "func(dst *float32, src *uint8, rows, pixels, dstRow, srcRow, srcPix int, zeroPoint int32)",
		fmt.Sprintf(doc, "src[i*srcRow + p*srcPix + l] - zeroPoint"))
	zeroPoint := s.v(2)
	s.broadcastInt("zeroPoint", zeroPoint)
	s.copyBlock(0, func(src operand.Mem, to reg.VecPhysical) {
		VPMOVZXBD(src, to)
		VPSUBD(zeroPoint, to, to)
		VCVTDQ2PS(to, to)
	})
}

func (s isa) copyBlock(shift uint64, get func(src operand.Mem, to reg.VecPhysical)) {
	dst, src, rows, n := load("dst"), load("src"), load("rows"), GP64()
	dstRow, srcRow, srcPix := loadScaled("dstRow", 2), loadScaled("srcRow", shift), loadScaled("srcPix", shift)
	Label("row")
	to, from, pixels := GP64(), GP64(), load("pixels")
	MOVQ(dst, to)
	MOVQ(src, from)
	MOVQ(pixels, n)
	Label("pixel")
	for v := range s.parts() {
		get(mem(from, v*s.size>>2<<shift), s.v(v))
		VMOVUPS(s.v(v), mem(to, v*s.size))
	}
	ADDQ(operand.Imm(64), to)
	ADDQ(srcPix, from)
	DECQ(n)
	JNZ(operand.LabelRef("pixel"))
	ADDQ(dstRow, dst)
	ADDQ(srcRow, src)
	DECQ(rows)
	JNZ(operand.LabelRef("row"))
	VZEROUPPER()
	RET()
}

// strides are 1, 3, 5 and 7 times the distance of two pixels.
type strides struct{ s1, s3, s5, s7 reg.Register }

func newStrides(s1 reg.Register) strides {
	s := strides{s1, GP64(), GP64(), GP64()}
	LEAQ(indexed(s1, s1, 2), s.s3)
	LEAQ(indexed(s1, s1, 4), s.s5)
	LEAQ(indexed(s.s3, s1, 4), s.s7)
	return s
}

// pixel returns the address of pixel p < 16: base has the first two.
func (s strides) pixel(base [2]reg.Register, p int) operand.Mem {
	b := base[p&1]
	switch p &^ 1 {
	case 0:
		return mem(b, 0)
	case 2:
		return indexed(b, s.s1, 2)
	case 4:
		return indexed(b, s.s1, 4)
	case 6:
		return indexed(b, s.s3, 2)
	case 8:
		return indexed(b, s.s1, 8)
	case 10:
		return indexed(b, s.s5, 2)
	case 12:
		return indexed(b, s.s3, 4)
	}
	return indexed(b, s.s7, 2)
}
