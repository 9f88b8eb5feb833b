package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func (s isa) weightGrad() {
	const doc = "for k < kRun, l < %d:\n" +
		"\t  acc = init[k*initRow + l]\n" +
		"\t  for i < rows, j < cols: acc += x[i*xRow + j*xPix + k] * dy[i*dyRow + j*dyPix + l]\n" +
		"\t  dw[k*dwRow + l] = acc\n\nwith fused multiply-adds in that order."
	const args = "func(dw, init, x, dy *float32, rows, cols, kRun, xRow, xPix, dyRow, dyPix, dwRow, initRow int, ahead *byte, step int)"
	s.text("wgradRow", args, fmt.Sprintf(doc, 16))
	s.wgradRow(s.most(), 1)
	if s.wide() {
		s.text("wgradRowPair", args, fmt.Sprintf(doc, 32))
		s.wgradRow(14, 2)
	}
}

func (s isa) wgradRow(most, blocks int) {
	vectors := blocks * s.parts()
	w := []reg.VecPhysical{s.v(s.last() - 3), s.v(s.last() - 2)}[:vectors]
	t0, t1 := s.v(s.last()-1), s.v(s.last())
	product := floatProduct(s)

	n, count, init := AllocLocal(8), AllocLocal(8), AllocLocal(8)
	t, from := load("kRun"), load("init")
	MOVQ(t, n)
	MOVQ(from, init)
	dw, x := load("dw"), load("x")
	xPix, dyPix, dwRow := loadScaled("xPix", 2), loadScaled("dyPix", 2), loadScaled("dwRow", 2)
	xRow, dyRow := loadScaled("xRow", 2), loadScaled("dyRow", 2)
	x3, dy3 := GP64(), GP64()
	LEAQ(indexed(xPix, xPix, 2), x3)
	LEAQ(indexed(dyPix, dyPix, 2), dy3)
	pixel := func(base, one, three reg.Register, i int) operand.Mem {
		switch i {
		case 0:
			return mem(base, 0)
		case 3:
			return indexed(base, three, 1)
		}
		return indexed(base, one, uint8(i))
	}
	ahead := load("ahead")
	tiles(n, most, func(size int) {
		acc := func(k int) []reg.VecPhysical { return s.accumulators(k, vectors) }
		at, initRow := GP64(), loadScaled("initRow", 2)
		MOVQ(init, at)
		for k := range size {
			for v, a := range acc(k) {
				VMOVUPS(mem(at, v*s.size), a)
			}
			ADDQ(initRow, at)
		}
		MOVQ(at, init)
		xr, dyr, r := GP64(), load("dy"), load("rows")
		MOVQ(x, xr)
		MOVQ(r, count)
		Label(label("row", size))
		xp, dyp, j := GP64(), GP64(), GP64()
		MOVQ(xr, xp)
		MOVQ(dyr, dyp)
		unrolled(j, "cols", unroll, size, func(count int) {
			for i := range count {
				fetchNext(ahead)
				for v := range w {
					VMOVUPS(pixel(dyp, dyPix, dy3, i).Offset(v*s.size), w[v])
				}
				for k := range size {
					product(pixel(xp, xPix, x3, i).Offset(4*k), acc(k), w, t0, t1)
				}
			}
			LEAQ(indexed(xp, xPix, uint8(count)), xp)
			LEAQ(indexed(dyp, dyPix, uint8(count)), dyp)
		})
		ADDQ(xRow, xr)
		ADDQ(dyRow, dyr)
		DECQ(count)
		JNZ(operand.LabelRef(label("row", size)))
		for k := range size {
			for v, a := range acc(k) {
				VMOVUPS(a, mem(dw, v*s.size))
			}
			ADDQ(dwRow, dw)
		}
		ADDQ(operand.Imm(uint64(4*size)), x)
	})
}
