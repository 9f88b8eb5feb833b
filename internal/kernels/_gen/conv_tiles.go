package main

import (
	. "github.com/mmcloughlin/avo/build"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Neither avo nor Go's assembler knows the instructions of AMX: their bytes stand here. base and index are the numbers of
// general registers, but not 4, 5 or 13.
func tileInstruction(op, prefix, field, vvvv byte, rest ...byte) {
	code := append([]byte{0xc4, field, ^vvvv&15<<3 | prefix, op}, rest...)
	for _, b := range code {
		Instruction(&ir.Instruction{Opcode: "BYTE", Operands: []operand.Op{operand.U8(b)}})
	}
}

const allLow = 0xe2 // the map 0F38, no register beyond the eighth

func tileMemory(prefix byte, tile, base, index int) {
	field := byte(allLow) &^ byte(base>>3<<5|index>>3<<6)
	tileInstruction(0x4b, prefix, field, 0, byte(tile<<3|4), byte(index&7<<3|base&7))
}

// loadTile reads rows of a tile at base, index bytes apart; storeTile writes them.
func loadTile(tile, base, index int)  { tileMemory(3, tile, base, index) }
func storeTile(tile, base, index int) { tileMemory(2, tile, base, index) }

// tileProducts adds to the tile acc the products of the unsigned bytes of x with the signed ones of w, in fours.
func tileProducts(acc, x, w int) { tileInstruction(0x5e, 1, allLow, byte(w), byte(0xc0|acc<<3|x)) }

func releaseTiles()           { tileInstruction(0x49, 0, allLow, 0, 0xc0) }
func configureTiles(base int) { tileInstruction(0x49, 0, allLow, 0, byte(base)) }

// convTiles emits the convolution in tiles of AMX: 2 of up to 16 pixels by 2 of 16 outputs.
func (s isa) convTiles() {
	if !s.wide() {
		return
	}
	const in = "func(shapes *uint8, pairs *int, count int, scratch, init0, init1 *int32, x *uint8, w0, w1 *int8, " +
		"pixels, kRows, kParts, part, xRow, xPix, yPix int, mask uint32, "
	const doc = "for each of count pairs, t < 2, p < pixels, l < 32:\n" +
		"\t  acc = init[l]\n" +
		"\t  for r < kRows, k < kParts*part: acc += the 4 products of x[pair.x[t] + r*xRow + p*xPix + 4*k] and w[(r*kParts*part+k)*16][l]\n" +
		"\t  y[pair.y[t] + p*yPix + l] = "
	s.text("convTilesSums", in+"y *int32)", doc+"acc\n\nwhere bit l of mask is set.")
	s.convTilesFor(2, s.storeTileSums)
	s.text("convTilesCodes", in+"y *uint8, mult0, mult1 *float32, most float32, zeroPoint, lo uint32)",
		doc+"max(min(round(float32(acc)*mult[l]), most) + zeroPoint, lo)\n\nwhere bit l of mask is set. zeroPoint is two words, lo four bytes of the same value.\nmost + zeroPoint is at most 255.")
	s.convTilesFor(0, s.storeTileCodes)
}

// General registers of convTiles, with their numbers in instructions.
var (
	ax, cx, dx, bx           = reg.RAX, reg.RCX, reg.RDX, reg.RBX // where x and w are read
	pairs, count, part       = reg.RSI, reg.RDI, reg.R8
	xPix, wRow, accRow, none = reg.R9, reg.R10, reg.R11, reg.R12
)

const (
	axN, cxN, dxN, bxN            = 0, 1, 2, 3
	xPixN, wRowN, accRowN, noneN  = 9, 10, 11, 12
	pairSize                      = 32 // of a tilePair
	tileBytes, twoTiles, rowOfTwo = 1024, 2048, 128
	x0, x1, w0, w1                = 4, 5, 6, 7 // tiles; 0 to 3 are the sums
)

func (s isa) convTilesFor(yShift uint64, store func(begin bool)) {
	left, rows, parts := AllocLocal(8), AllocLocal(8), AllocLocal(8)
	Load(Param("shapes"), ax)
	configureTiles(axN)
	Load(Param("count"), count)
	MOVQ(count, left)
	Load(Param("pairs"), pairs)
	Load(Param("part"), part)
	SHLQ(operand.U8(2), part)
	Load(Param("xPix"), xPix)
	MOVQ(operand.U32(64), wRow)
	MOVQ(operand.U32(rowOfTwo), accRow)
	XORQ(none, none)
	store(true)

	Label("pair")
	Load(Param("init0"), ax)
	Load(Param("init1"), bx)
	loadTile(0, axN, noneN)
	loadTile(1, bxN, noneN)
	loadTile(2, axN, noneN)
	loadTile(3, bxN, noneN)
	Load(Param("x"), ax)
	MOVQ(ax, bx)
	ADDQ(mem(pairs, 0), ax)
	ADDQ(mem(pairs, 8), bx)
	Load(Param("w0"), cx)
	Load(Param("w1"), dx)
	Load(Param("kRows"), count)
	MOVQ(count, rows)
	Label("row")
	Load(Param("kParts"), count)
	MOVQ(count, parts)
	Label("part")
	loadTile(x0, axN, xPixN)
	loadTile(w0, cxN, wRowN)
	tileProducts(0, x0, w0)
	loadTile(w1, dxN, wRowN)
	tileProducts(1, x0, w1)
	loadTile(x1, bxN, xPixN)
	tileProducts(2, x1, w0)
	tileProducts(3, x1, w1)
	ADDQ(part, ax)
	ADDQ(part, bx)
	MOVQ(part, count)
	SHLQ(operand.U8(4), count)
	ADDQ(count, cx)
	ADDQ(count, dx)
	DECQ(parts)
	JNZ(operand.LabelRef("part"))
	Load(Param("kParts"), count)
	IMULQ(part, count)
	NEGQ(count)
	addParam("xRow", count)
	ADDQ(count, ax)
	ADDQ(count, bx)
	DECQ(rows)
	JNZ(operand.LabelRef("row"))

	Load(Param("scratch"), ax)
	LEAQ(mem(ax, 64), bx)
	storeTile(0, axN, accRowN)
	storeTile(1, bxN, accRowN)
	ADDQ(operand.U32(twoTiles), ax)
	ADDQ(operand.U32(twoTiles), bx)
	storeTile(2, axN, accRowN)
	storeTile(3, bxN, accRowN)
	for t := range 2 {
		Load(Param("scratch"), ax)
		ADDQ(operand.U32(uint32(t*twoTiles)), ax)
		MOVQ(mem(pairs, 16+8*t), bx)
		SHLQ(operand.U8(yShift), bx)
		addParam("y", bx)
		Load(Param("yPix"), dx)
		SHLQ(operand.U8(yShift), dx)
		Load(Param("pixels"), cx)
		Label(label("store", t))
		store(false)
		// At one pixel left of an odd number, the second of the pair before comes again.
		storeNext(t, yShift == 0)
	}
	ADDQ(operand.Imm(pairSize), pairs)
	DECQ(left)
	JNZ(operand.LabelRef("pair"))
	releaseTiles()
	VZEROUPPER()
	RET()
}

// addParam adds a parameter.
func addParam(name string, to reg.Register) {
	addr, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	ADDQ(addr.Addr, to)
}

// storeNext goes on from the pixel, or the two of a pair, in cx, that are stored, from ax to bx.
func storeNext(t int, pairs bool) {
	if !pairs {
		ADDQ(operand.U32(rowOfTwo), ax)
		ADDQ(dx, bx)
		DECQ(cx)
		JNZ(operand.LabelRef(label("store", t)))
		return
	}
	SUBQ(operand.Imm(2), cx)
	JZ(operand.LabelRef(label("stored", t)))
	ADDQ(operand.U32(rowOfTwo), ax)
	ADDQ(dx, bx)
	CMPQ(cx, operand.Imm(1))
	JE(operand.LabelRef(label("odd", t)))
	ADDQ(operand.U32(rowOfTwo), ax)
	ADDQ(dx, bx)
	JMP(operand.LabelRef(label("store", t)))
	Label(label("odd", t))
	INCQ(cx)
	JMP(operand.LabelRef(label("store", t)))
	Label(label("stored", t))
}

func (s isa) storeTileSums(begin bool) {
	if begin {
		m := Load(Param("mask"), reg.EAX)
		KMOVD(m, reg.K1)
		SHRL(operand.U8(16), m)
		KMOVD(m, reg.K2)
		return
	}
	VMOVUPS(mem(ax, 0), zmm[0])
	VMOVUPS(mem(ax, 64), zmm[1])
	VMOVUPS(zmm[0], reg.K1, mem(bx, 0))
	VMOVUPS(zmm[1], reg.K2, mem(bx, 64))
}

func (s isa) storeTileCodes(begin bool) {
	mult, most, zeroPoint, lo, order := zmm[16:18], zmm[18], zmm[19], zmm[20], zmm[21]
	if begin {
		pixels := GLOBL("tilePixels", attr.RODATA|attr.NOPTR)
		for i, lane := range []uint32{0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15} {
			DATA(4*i, operand.U32(lane))
		}
		m := Load(Param("mask"), reg.EAX)
		KMOVD(m, reg.K1)
		Load(Param("mult0"), ax)
		VMOVUPS(mem(ax, 0), mult[0])
		Load(Param("mult1"), ax)
		VMOVUPS(mem(ax, 0), mult[1])
		s.broadcast("most", most)
		s.broadcast("zeroPoint", zeroPoint)
		s.broadcast("lo", lo)
		VMOVUPS(pixels, order)
		return
	}
	for i := range 4 {
		v := zmm[i]
		VCVTDQ2PS(mem(ax, 64*i), v)
		VMULPS(mult[i%2], v, v)
		VMINPS(most, v, v)
		VCVTPS2DQ(v, v)
	}
	for i := range 2 {
		VPACKSSDW(zmm[2*i+1], zmm[2*i], zmm[2*i])
		VPADDSW(zeroPoint, zmm[2*i], zmm[2*i])
	}
	VPACKUSWB(zmm[2], zmm[0], zmm[0])
	VPMAXUB(lo, zmm[0], zmm[0])
	VPERMD(zmm[0], order, zmm[0])
	VMOVDQU8(reg.Y0, reg.K1, mem(bx, 0))
	VEXTRACTI64X4(operand.U8(1), zmm[0], reg.Y1)
	VMOVDQU8(reg.Y1, reg.K1, indexed(bx, dx, 1))
}
