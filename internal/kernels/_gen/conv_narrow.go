package main

import (
	"fmt"

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
	ones := s.v(s.last())
	s.text("convRowPairs", "func(y, init *int32, x *uint8, w *int8, pixels, kRows, kRun, xRow, xPix, yPix int, ahead *byte, step, steps int)",
		fmt.Sprintf(loopDoc, 16, "init[l]", "where each x*w is a sum of 4 products of bytes. It adds the even and the odd\n"+
			"pairs of up to steps following k in int16."))
	s.convNarrow(narrowKind{most: 6, fetches: true, product: pairProduct,
		steps:   func() reg.Register { return load("steps") },
		prepare: func() { wordOnes(ones) },
		widen: func(from operand.Mem, acc reg.VecPhysical) {
			VPMADDWD(ones, acc, acc)
			VPADDD(from, acc, acc)
		},
	})
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
	shift   uint64 // log2 of the size of an element of x
	most    int    // pixels of the largest tile
	fetches bool   // asks for memory ahead
	initPix bool   // each pixel has sums to start from, not all the same
	product product
	steps   func() reg.Register
	prepare func()                                      // sets the constants of widen, in t0, t1 or w
	widen   func(from operand.Mem, acc reg.VecPhysical) // acc = from plus or minus the sums of acc in int32
}

// convNarrow is convRow with accumulators that hold the sums of steps products:
// after that many, they are widened and go to y.
func (s isa) convNarrow(c narrowKind) {
	w := []reg.VecPhysical{s.v(s.last() - 3), s.v(s.last() - 2)}[:s.parts()]
	t0, t1 := s.v(s.last()-1), s.v(s.last())

	n, rows, left, budget := AllocLocal(8), AllocLocal(8), AllocLocal(8), AllocLocal(8)
	y, x, s1, yPix, init := load("y"), load("x"), loadScaled("xPix", c.shift), loadScaled("yPix", 2), load("init")
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

		Label(label("clear", size))
		for i := range size * len(w) {
			s.zero(i)
		}
		t = c.steps()
		MOVQ(t, budget)
		Label(label("part", size))
		k, b := GP64(), GP64()
		MOVQ(left, k)
		MOVQ(budget, b)
		CMPQ(k, b)
		CMOVQGT(b, k)
		SUBQ(k, left)
		SUBQ(k, budget)
		ahead := GP64()
		if c.fetches {
			MOVQ(aheadAt, ahead)
		}
		Label(label("k", size))
		if c.fetches {
			fetchNext(ahead)
		}
		for v := range w {
			VMOVUPS(mem(wp, v*s.size), w[v])
		}
		for p := range size {
			c.product(pixel(base, p, s1, s3), acc(p), w, t0, t1)
		}
		ADDQ(operand.Imm(64), wp)
		ADDQ(operand.Imm(4), base[0])
		if size > 1 {
			ADDQ(operand.Imm(4), base[1])
		}
		DECQ(k)
		JNZ(operand.LabelRef(label("k", size)))
		if c.fetches {
			MOVQ(ahead, aheadAt)
		}
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
		MOVQ(y, to)
		for p := range size {
			for v, a := range acc(p) {
				c.widen(mem(from, v*s.size), a)
				VMOVUPS(a, mem(to, v*s.size))
			}
			ADDQ(fromPix, from)
			ADDQ(yPix, to)
		}
		MOVQ(y, from)
		MOVQ(yPix, fromPix)
		CMPQ(rows, operand.Imm(0))
		JNE(operand.LabelRef(label("clear", size)))

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
