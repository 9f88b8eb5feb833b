package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// convPairs is the integer convolution without VNNI. VPMADDUBSW adds pairs of
// products in int16, and steps says how many of these fit int16 together.
func (s isa) convPairs() {
	if s.wide() {
		return
	}
	ones, order := s.v(s.last()), pixelDwords()
	const in = "x *uint8, w *int8, pixels, kRows, kRun, xRow, xPix, yPix int, ahead *byte, step, steps int"
	const doc = "where each x*w is a sum of 4 products of bytes. It adds the even and the odd\n" +
		"pairs of up to steps following k in int16."
	kind := narrowKind{most: 6, fetches: true, first: firstPair, product: pairProduct,
		steps:   func() reg.Register { return load("steps") },
		prepare: func() { wordOnes(ones) },
		widen: func(from operand.Mem, acc reg.VecPhysical) {
			VPMADDWD(ones, acc, acc)
			VPADDD(from, acc, acc)
		},
	}
	s.text("convRowPairs", "func(y, init *int32, "+in+")", fmt.Sprintf(loopDoc, 16, "init[l]", doc))
	s.convNarrow(kind)
	s.text("convRowPairsCodes", "func(y *uint8, sums, init *int32, "+in+", mult *float32, most float32, zeroPoint, least int32)",
		"y[p*yPix + l] = max(round(min(float32(acc)*mult[l], most)) + zeroPoint, least)\n\n"+
			"where acc is the sum that convRowPairs stores. sums has room for 6*16."+codeBoundsNote)
	kind.codes, kind.order = true, order
	s.convNarrow(kind)
}

// firstPair is pairProduct where sums begin.
func firstPair(x operand.Mem, acc, w []reg.VecPhysical, t0, _ reg.VecPhysical) {
	VPBROADCASTD(x, t0)
	for v := range acc {
		VPMADDUBSW(w[v], t0, acc[v])
	}
}

func pairProduct(x operand.Mem, acc, w []reg.VecPhysical, t0, t1 reg.VecPhysical) {
	VPBROADCASTD(x, t0)
	for v := range acc {
		VPMADDUBSW(w[v], t0, t1)
		VPADDW(t1, acc[v], acc[v])
	}
}

// wordOnes sets each word to 1.
func wordOnes(v reg.VecPhysical) {
	VPCMPEQW(v, v, v)
	VPSRLW(operand.U8(15), v, v)
}

// narrowKind is a convolution for convNarrow.
type narrowKind struct {
	shift   uint64  // log2 of the size of an element of x
	most    int     // pixels of the largest tile
	fetches bool    // asks for memory ahead
	initPix bool    // each pixel has sums to start from, not all the same
	first   product // sets sums to the first products, if they do not start at 0
	product product
	codes   bool        // sums become codes: of the parameters mult, most, zeroPoint and least
	order   operand.Mem // of their dwords
	steps   func() reg.Register
	prepare func()                                      // sets the constants of widen, in t0, t1 or w
	widen   func(from operand.Mem, acc reg.VecPhysical) // acc = from plus or minus the sums of acc in int32
}

// convNarrow is convRow with accumulators that hold the sums of steps products:
// after that many, they are widened and go to y, or to sums if y takes codes.
func (s isa) convNarrow(c narrowKind) {
	w := []reg.VecPhysical{s.v(s.last() - 3), s.v(s.last() - 2)}[:s.parts()]
	t0, t1 := s.v(s.last()-1), s.v(s.last())

	n, rows, left, budget := AllocLocal(8), AllocLocal(8), AllocLocal(8), AllocLocal(8)
	yShift := uint64(2)
	if c.codes {
		yShift = 0
	}
	y, x, s1, yPix, init := load("y"), load("x"), loadScaled("xPix", c.shift), loadScaled("yPix", yShift), load("init")
	s3 := GP64()
	LEAQ(indexed(s1, s1, 2), s3)
	t := load("pixels")
	MOVQ(t, n)
	var aheadAt operand.Mem
	if c.fetches {
		aheadAt = AllocLocal(8)
		t := load("ahead")
		MOVQ(t, aheadAt)
	}
	tiles(n, c.most, func(size int) {
		acc := func(p int) []reg.VecPhysical { return s.accumulators(p, len(w)) }
		// Sums start at init; then they continue at y.
		from, fromPix := GP64(), GP64()
		MOVQ(init, from)
		if c.initPix {
			t := loadScaled("initPix", 2)
			MOVQ(t, fromPix)
			IMUL3Q(operand.Imm(uint64(size)), t, t)
			ADDQ(t, init)
		} else {
			XORQ(fromPix, fromPix)
		}
		wp, xr := load("w"), GP64()
		MOVQ(x, xr)
		t := load("kRows")
		MOVQ(t, rows)
		t = load("kRun")
		MOVQ(t, left)
		base := [2]reg.Register{GP64(), GP64()}
		MOVQ(xr, base[0])
		LEAQ(indexed(xr, s1, 1), base[1])

		products := func(product product) {
			for v := range w {
				VMOVUPS(mem(wp, v*s.size), w[v])
			}
			for p := range size {
				product(pixel(base, p, s1, s3), acc(p), w, t0, t1)
			}
			ADDQ(operand.Imm(64), wp)
			ADDQ(operand.Imm(4), base[0])
			if size > 1 {
				ADDQ(operand.Imm(4), base[1])
			}
		}
		Label(label("clear", size))
		t = c.steps()
		if c.first != nil {
			DECQ(t)
			DECQ(left)
			products(c.first)
		} else {
			for i := range size * len(w) {
				s.zero(i)
			}
		}
		MOVQ(t, budget)
		Label(label("part", size))
		k, b := GP64(), GP64()
		MOVQ(left, k)
		MOVQ(budget, b)
		CMPQ(k, b)
		CMOVQGT(b, k)
		SUBQ(k, left)
		SUBQ(k, budget)
		if c.first != nil {
			TESTQ(k, k)
			JZ(operand.LabelRef(label("end", size)))
		}
		ahead := GP64()
		if c.fetches {
			MOVQ(aheadAt, ahead)
		}
		Label(label("k", size))
		if c.fetches {
			fetchNext(ahead)
		}
		products(c.product)
		DECQ(k)
		JNZ(operand.LabelRef(label("k", size)))
		if c.fetches {
			MOVQ(ahead, aheadAt)
		}
		Label(label("end", size))
		CMPQ(left, operand.Imm(0))
		JNE(operand.LabelRef(label("widen", size)))
		t = loadScaled("xRow", c.shift)
		ADDQ(t, xr)
		MOVQ(xr, base[0])
		LEAQ(indexed(xr, s1, 1), base[1])
		t = load("kRun")
		MOVQ(t, left)
		DECQ(rows)
		JZ(operand.LabelRef(label("widen", size)))
		CMPQ(budget, operand.Imm(0))
		JNE(operand.LabelRef(label("part", size)))

		Label(label("widen", size))
		c.prepare()
		to := GP64()
		if c.codes {
			CMPQ(rows, operand.Imm(0))
			JE(operand.LabelRef(label("codes", size)))
			Load(Param("sums"), to)
		} else {
			MOVQ(y, to)
		}
		for p := range size {
			for v, a := range acc(p) {
				c.widen(mem(from, v*s.size), a)
				VMOVUPS(a, mem(to, v*s.size))
			}
			ADDQ(fromPix, from)
			if c.codes {
				ADDQ(operand.Imm(sumsPix), to)
			} else {
				ADDQ(yPix, to)
			}
		}
		if c.codes {
			Load(Param("sums"), from)
			MOVQ(operand.U32(sumsPix), fromPix)
			JMP(operand.LabelRef(label("clear", size)))
			Label(label("codes", size))
			MOVQ(y, to)
			s.narrowCodes(c, size, from, fromPix, to, yPix)
		} else {
			MOVQ(y, from)
			MOVQ(yPix, fromPix)
			CMPQ(rows, operand.Imm(0))
			JNE(operand.LabelRef(label("clear", size)))
		}

		MOVQ(to, y)
		step := GP64()
		IMUL3Q(operand.Imm(uint64(size)), s1, step)
		ADDQ(step, x)
	})
}

// pixel returns the address of pixel p < 8 of a tile at strides of s1: base has
// the first two.
func pixel(base [2]reg.Register, p int, s1, s3 reg.Register) operand.Mem {
	switch {
	case p < 2:
		return mem(base[p], 0)
	case p < 6:
		return indexed(base[p&1], s1, uint8(p&^1))
	}
	return indexed(base[p&1], s3, 2)
}

// sumsPix is how far apart the sums of two pixels are that go on.
const sumsPix = 64

// narrowCodes widens the last sums of a tile and stores their codes.
func (s isa) narrowCodes(c narrowKind, size int, from, fromPix, to, yPix reg.Register) {
	bounds := codeBounds{s.v(s.last() - 1), s.v(s.last() - 2), s.v(s.last() - 3)}
	s.broadcast("most", bounds.most)
	s.broadcast("zeroPoint", bounds.zeroPoint)
	s.broadcast("least", bounds.least)
	mult := load("mult")
	for p := 0; p < size; p += 2 {
		some := min(2, size-p)
		v := ymm[2*p : 2*p+2*some]
		for i, acc := range v {
			c.widen(mem(from, i%2*s.size), acc)
			VCVTDQ2PS(acc, acc)
			VMULPS(mem(mult, i%2*s.size), acc, acc)
			if bounds.round(acc); i%2 == 1 {
				ADDQ(fromPix, from)
			}
		}
		last := v[len(v)-2:]
		bounds.words(v[0], v[1])
		if some == 2 {
			bounds.words(last[0], last[1])
		}
		VPACKUSWB(last[0], v[0], v[0])
		VPMAXUB(bounds.least, v[0], v[0])
		VMOVDQU(c.order, v[1])
		VPERMD(v[0], v[1], v[0])
		VMOVDQU(v[0].AsX(), mem(to, 0))
		ADDQ(yPix, to)
		if some == 2 {
			VEXTRACTI128(operand.U8(1), v[0], mem(to, 0))
			ADDQ(yPix, to)
		}
	}
}

// pixelDwords are the dwords of two pixels' codes as they are packed, one pixel's after the other's.
func pixelDwords() operand.Mem {
	order := GLOBL("pixelDwords", attr.RODATA|attr.NOPTR)
	for i, d := range []uint32{0, 4, 1, 5, 2, 6, 3, 7} {
		DATA(4*i, operand.U32(d))
	}
	return order
}
