package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// intMap is a linear map of a few vectors of integers: it takes x[0], x[1] and so on, may overwrite all vectors
// below 12, and returns the results.
type intMap struct {
	inputs, outputs int
	emit            func(x []reg.VecPhysical) []reg.VecPhysical
	doc             string
}

// The maps of Winograd's F(4, 3) on integers.
var (
	codeMap = intMap{6, 6, func(x []reg.VecPhysical) []reg.VecPhysical {
		c, e := x[6], x[7]
		VPSUBW(x[2], x[4], c)
		VPSUBW(x[1], x[3], e)
		VPADDW(e, e, e)
		VPSUBW(x[2], x[0], x[0])
		VPSLLW(operand.U8(2), x[0], x[0])
		VPADDW(c, x[0], x[0])
		VPSUBW(x[3], x[5], x[5])
		VPSUBW(e, x[5], x[5])
		VPSUBW(e, x[5], x[5])
		VPADDW(e, c, x[8])
		VPSUBW(e, c, x[9])
		VPSLLW(operand.U8(2), x[2], x[2])
		VPSLLW(operand.U8(2), x[1], x[1])
		VPSUBW(x[2], x[4], x[4])
		VPSUBW(x[1], x[3], x[3])
		VPADDW(x[3], x[4], x[10])
		VPSUBW(x[3], x[4], x[11])
		return []reg.VecPhysical{x[0], x[10], x[11], x[8], x[9], x[5]}
	}, "f(d) = 4d0-5d2+d4, -4d1-4d2+d3+d4, 4d1-4d2-d3+d4, -2d1-d2+2d3+d4, 2d1-d2-2d3+d4, 4d1-5d3+d5"}

	tapMap = intMap{3, 6, func(x []reg.VecPhysical) []reg.VecPhysical {
		ends, far := x[3], x[4]
		VPADDW(x[2], x[0], ends)
		VPADDW(x[1], ends, x[5])
		VPSUBW(x[1], ends, x[6])
		VPSLLW(operand.U8(2), x[2], x[7])
		VPADDW(x[7], x[0], far)
		VPADDW(x[1], x[1], x[1])
		VPADDW(x[1], far, x[8])
		VPSUBW(x[1], far, x[9])
		VPADDW(x[2], x[2], x[2])
		VPADDW(x[7], x[2], x[2])
		VPADDW(x[0], x[0], x[0])
		VPADDW(x[0], x[0], x[10])
		VPADDW(x[10], x[0], x[0])
		return []reg.VecPhysical{x[0], x[5], x[6], x[8], x[9], x[2]}
	}, "f(g) = 6g0, g0+g1+g2, g0-g1+g2, g0+2g1+4g2, g0-2g1+4g2, 6g2"}

	sumMap = intMap{6, 4, func(x []reg.VecPhysical) []reg.VecPhysical {
		p, r, q, s := x[6], x[7], x[8], x[9]
		VPADDD(x[2], x[1], p)
		VPSUBD(x[2], x[1], r)
		VPADDD(x[4], x[3], q)
		VPSUBD(x[4], x[3], s)
		VPSUBD(p, q, x[10])
		VPSLLD(operand.U8(2), p, p)
		VPADDD(q, x[0], x[0])
		VPSUBD(p, x[0], x[0])
		VPSUBD(r, x[5], x[5])
		VPADDD(s, x[5], x[5])
		VPADDD(s, x[5], x[5])
		VPSUBD(r, s, s)
		VPSUBD(r, s, s)
		return []reg.VecPhysical{x[0], s, x[10], x[5]}
	}, "f(m) = m0-4(m1+m2)+m3+m4, -2(m1-m2)+m3-m4, -(m1+m2)+m3+m4, -(m1-m2)+2(m3-m4)+m5"}
)

// winogradCodes emits the maps of squares. z is room for a square between the two directions.
func (s isa) winogradCodes() {
	if s.wide() {
		return
	}
	const squareDoc = "with x[k][j] = src[%s]: z[i][j] = f(x[0][j], ...)[i] and\n\t  dst[%s] = f(z[i][0], ...)[o]%s\n\n%s."

	s.text("winogradCodes", "func(dst *int16, src *uint8, z *int32, tiles, blocks, srcRow, element int)",
		"for t < tiles, l < C = 16*blocks, "+fmt.Sprintf(squareDoc, "k*srcRow + (4*t+j)*C + l", "(6*i+o)*element + t*C + l", "", codeMap.doc))
	dst, src, z, tiles, element := load("dst"), load("src"), load("z"), load("tiles"), loadScaled("element", 1)
	line, column := steps(load("srcRow"), 6), loadScaled("blocks", 4)
	at, blocks := GP64(), GP64()
	Label("tile")
	MOVQ(load("blocks"), blocks)
	Label("block")
	MOVQ(src, at)
	s.mapColumns(codeMap, z, at, column, func(k int, v reg.VecPhysical) { VPMOVZXBW(line(at, k), v) })
	MOVQ(dst, at)
	s.mapRows(codeMap, z, func(_, _ int, v reg.VecPhysical) {
		VMOVDQU(v, mem(at, 0))
		ADDQ(element, at)
	})
	ADDQ(operand.Imm(16), src)
	ADDQ(operand.Imm(32), dst)
	DECQ(blocks)
	JNZ(operand.LabelRef("block"))
	LEAQ(indexed(column, column, 2), at)
	ADDQ(at, src)
	DECQ(tiles)
	JNZ(operand.LabelRef("tile"))
	VZEROUPPER()
	RET()

	s.text("winogradTaps", "func(dst *int16, src *int8, z *int32, pairs, outputs, tap, element int)",
		"for p < pairs, l < 16, h < 2, "+fmt.Sprintf(squareDoc, "(3*k+j)*tap + (2*p+h)*outputs + l", "(6*i+o)*element + p*32 + 2*l + h", "", tapMap.doc))
	dst, src, z, element = load("dst"), load("src"), load("z"), loadScaled("element", 1)
	pairs, outputs, tap := load("pairs"), load("outputs"), load("tap")
	threeTaps, next := GP64(), GP64()
	LEAQ(indexed(tap, tap, 2), threeTaps)
	line = steps(threeTaps, 3)
	Label("pair")
	for h, interleave := range []func(...operand.Op){VPUNPCKLBW, VPUNPCKHBW} {
		at := GP64()
		MOVQ(src, at)
		LEAQ(indexed(src, outputs, 1), next)
		s.mapColumns(tapMap, z, at, tap, func(k int, v reg.VecPhysical) {
			half := v.AsX()
			VMOVDQU(line(next, k), reg.X11)
			VMOVDQU(line(at, k), half)
			interleave(reg.X11, half, half)
			VPMOVSXBW(half, v)
			if k == 2 {
				ADDQ(tap, next)
			}
		})
		MOVQ(dst, at)
		s.mapRows(tapMap, z, func(_, _ int, v reg.VecPhysical) {
			VMOVDQU(v, mem(at, 32*h))
			ADDQ(element, at)
		})
	}
	LEAQ(indexed(src, outputs, 2), src)
	ADDQ(operand.Imm(64), dst)
	DECQ(pairs)
	JNZ(operand.LabelRef("pair"))
	VZEROUPPER()
	RET()

	s.winogradSums("", "dst, src, init, z *int32", "",
		"for t < tiles, l < C = 16*blocks, "+fmt.Sprintf(squareDoc, "(6*k+j)*element + t*C + l", "i*dstRow + (4*t+o)*dstPix + l",
			" / (n[i]*n[o]) + init[i*initRow + (4*t+o)*initPix + l]", sumMap.doc+".\nn = 24, 12, 6, 6. The quotient must be whole, and 64 times it must fit int32"))
	s.winogradSums("Codes", "dst *uint8, src, init, z *int32", ", mult *float32, most float32, zeroPoint, least int32",
		"acc = what winogradSums stores: dst[i*dstRow + (4*t+o)*dstPix + l] = max(round(min(float32(acc)*mult[l], most)) + zeroPoint, least)"+codeBoundsNote)
}

func (s isa) winogradSums(kind, pointers, bounds, doc string) {
	codes := kind != ""
	s.text("winogradSums"+kind, "func("+pointers+", tiles, blocks, dstRow, dstPix, element, initRow, initPix int"+bounds+")", doc)
	tiles, blocks, initPix, initRow := AllocLocal(8), AllocLocal(8), AllocLocal(8), AllocLocal(8)
	initHalf, initTile := AllocLocal(8), AllocLocal(8)
	at := load("tiles")
	MOVQ(at, tiles)
	width := loadScaled("blocks", 6)
	// From one sum's init to the next: of a row, of the next row, of the next 8 channels, of the next tile.
	pix, row := loadScaled("initPix", 2), loadScaled("initRow", 2)
	MOVQ(pix, initPix)
	half := GP64()
	IMUL3Q(operand.I8(-4), row, half)
	ADDQ(operand.Imm(32), half)
	MOVQ(half, initHalf)
	SHLQ(operand.U8(2), pix)
	SUBQ(pix, row)
	MOVQ(row, initRow)
	SUBQ(width, pix)
	MOVQ(pix, initTile)
	dst, src, z, init := load("dst"), load("src"), load("z"), load("init")
	shift := uint64(2) // log2 of the size of a result
	if codes {
		shift = 0
	}
	dstRow, pixel := loadScaled("dstRow", shift), loadScaled("dstPix", shift)
	column := loadScaled("element", 2)
	elements := GP64()
	IMUL3Q(operand.Imm(6), column, elements)
	line := steps(elements, 6)
	ninth, factor := s.v(15), s.v(11)
	var bound codeBounds
	along := []reg.Register{src}
	var mult reg.Register
	if codes {
		bound = s.codeBounds(s.v(14), s.v(13), s.v(12))
		mult = load("mult")
		along = append(along, mult)
	}
	MOVQ(operand.U32(0x38e38e39), at) // 1/9 modulo 2^32
	VMOVD(at.(reg.GP).As32(), reg.X0)
	VPBROADCASTD(reg.X0, ninth)
	Label("tile")
	MOVQ(width, blocks)
	Label("half")
	MOVQ(src, at)
	s.mapColumns(sumMap, z, at, column, func(k int, v reg.VecPhysical) { VMOVDQU(line(at, k), v) })
	MOVQ(dst, row)
	if codes {
		VMOVUPS(mem(mult, 0), factor)
	}
	twos := []int{3, 2, 1, 1}
	var results []reg.VecPhysical
	s.mapRows(sumMap, z, func(i, o int, v reg.VecPhysical) {
		if o == 0 {
			MOVQ(row, at)
			ADDQ(dstRow, row)
			results = nil
		}
		VPMULLD(ninth, v, v)
		VPSRAD(operand.U8(twos[i]+twos[o]), v, v)
		VPADDD(mem(init, 0), v, v)
		ADDQ(initPix, init)
		if o == 3 {
			ADDQ(initRow, init)
		}
		if !codes {
			VMOVDQU(v, mem(at, 0))
			ADDQ(pixel, at)
			return
		}
		VCVTDQ2PS(v, v)
		VMULPS(factor, v, v)
		bound.round(v)
		if results = append(results, v); o == 3 {
			bound.storePixels(results, results[1], results[2], at, pixel)
		}
	})
	ADDQ(operand.Imm(8<<shift), dst)
	for _, r := range along {
		ADDQ(operand.Imm(32), r)
	}
	ADDQ(initHalf, init)
	SUBQ(operand.Imm(32), blocks)
	JNZ(operand.LabelRef("half"))
	ADDQ(initTile, init)
	if codes {
		SUBQ(width, mult)
	}
	LEAQ(indexed(dst, pixel, 4), dst)
	MOVQ(width, at)
	SHRQ(operand.U8(2-shift), at)
	SUBQ(at, dst)
	DECQ(tiles)
	JNZ(operand.LabelRef("tile"))
	VZEROUPPER()
	RET()
}

// steps returns the address of element k < n at strides of step.
func steps(step reg.Register, n int) func(base reg.Register, k int) operand.Mem {
	var three, five reg.Register
	if n > 3 {
		three, five = GP64(), GP64()
		LEAQ(indexed(step, step, 2), three)
		LEAQ(indexed(step, step, 4), five)
	}
	return func(base reg.Register, k int) operand.Mem {
		switch k {
		case 0:
			return mem(base, 0)
		case 3:
			return indexed(base, three, 1)
		case 5:
			return indexed(base, five, 1)
		}
		return indexed(base, step, uint8(k))
	}
}

// mapColumns maps the columns of a square from at into z. read loads element k of the column at at.
func (s isa) mapColumns(m intMap, z, at, column reg.Register, read func(k int, v reg.VecPhysical)) {
	for j := range m.inputs {
		x := ymm[:12]
		for k := range m.inputs {
			read(k, x[k])
		}
		for i, v := range m.emit(x) {
			VMOVDQU(v, mem(z, (i*m.inputs+j)*s.size))
		}
		ADDQ(column, at)
	}
}

// mapRows maps the rows of z. store takes the results in order.
func (s isa) mapRows(m intMap, z reg.Register, store func(i, o int, v reg.VecPhysical)) {
	for i := range m.outputs {
		x := ymm[:12]
		for k := range m.inputs {
			VMOVDQU(mem(z, (i*m.inputs+k)*s.size), x[k])
		}
		for o, v := range m.emit(x) {
			store(i, o, v)
		}
	}
}
