package main

import (
	"fmt"
	"slices"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// term is a step of a sum: add or subtract input k, or halve the sum so far.
type term struct {
	k    int
	op   func(m, x, y operand.Op) // nil for the first
	half bool
}

func first(k int) term { return term{k: k} }
func plus(k int) term  { return term{k: k, op: func(m, x, y operand.Op) { VADDPS(m, x, y) }} }
func minus(k int) term { return term{k: k, op: func(m, x, y operand.Op) { VSUBPS(m, x, y) }} }

var halve = term{half: true}

// linear is a linear map of a few inputs: for each output a sum, in order.
type linear struct {
	name   string
	inputs int
	sums   [][]term
	doc    string
}

// The maps of Winograd's F(2, 3), on rows and columns of small squares.
var winograd = []linear{
	{"winogradInput", 4, [][]term{{first(0), minus(2)}, {first(1), plus(2)}, {first(2), minus(1)}, {first(3), minus(1)}},
		"f(d) = d0-d2, d1+d2, d2-d1, d3-d1"},
	{"winogradOutput", 4, [][]term{{first(0), plus(1), plus(2)}, {first(1), minus(2), plus(3)}},
		"f(m) = (m0+m1)+m2, (m1-m2)+m3"},
	{"winogradWeights", 3, [][]term{{first(0)}, {first(0), plus(2), plus(1), halve}, {first(0), plus(2), minus(1), halve}, {first(2)}},
		"f(g) = g0, ((g0+g2)+g1)/2, ((g0+g2)-g1)/2, g2"},
	{"winogradOutputGrad", 2, [][]term{{first(0)}, {first(0), plus(1)}, {first(0), minus(1)}, {first(1)}},
		"f(y) = y0, y0+y1, y0-y1, y1"},
	{"winogradWeightsGrad", 4, [][]term{{first(1), plus(2), halve, plus(0)}, {first(1), minus(2), halve}, {first(1), plus(2), halve, plus(3)}},
		"f(m) = (m1+m2)/2+m0, (m1-m2)/2, (m1+m2)/2+m3"},
}

func (f linear) halves() bool {
	return slices.ContainsFunc(f.sums, func(sum []term) bool {
		return slices.ContainsFunc(sum, func(t term) bool { return t.half })
	})
}

func (s isa) winograd() {
	for _, f := range winograd {
		s.text(f.name, "func(dst, src *float32, tiles, blocks, dstRow, dstCol, dstTile, srcRow, srcCol, srcTile int)", fmt.Sprintf(
			"for t < tiles, l < 16*blocks, with x[k][j] = src[t*srcTile + k*srcRow + j*srcCol + l]:\n"+
				"\t  z[i][j] = f(x[0][j], ...)[i], dst[t*dstTile + i*dstRow + o*dstCol + l] = f(z[i][0], ...)[o]\n\n%s.", f.doc))
		s.squares(f)
	}
}

// squares emits a map of the columns, then of the rows, of squares.
func (s isa) squares(f linear) {
	half := s.v(15)
	if f.halves() {
		r := GP32()
		MOVL(operand.U32(0x3f000000), r)
		VMOVD(r, reg.X15)
		VPBROADCASTD(reg.X15, half)
	}
	src, dst := make([]reg.Register, f.inputs), load("dst")
	src[0] = load("src")
	row := loadScaled("srcRow", 2)
	for k := 1; k < f.inputs; k++ {
		src[k] = GP64()
		LEAQ(indexed(src[k-1], row, 1), src[k])
	}
	column := func(step reg.Register, n int) func(base reg.Register, j, disp int) operand.Mem {
		var three reg.Register
		if n > 3 {
			three = GP64()
			LEAQ(indexed(step, step, 2), three)
		}
		return func(base reg.Register, j, disp int) operand.Mem {
			m := operand.Mem{Base: base, Disp: disp}
			switch j {
			case 1, 2:
				m.Index, m.Scale = step, uint8(j)
			case 3:
				m.Index, m.Scale = three, 1
			}
			return m
		}
	}
	in := column(loadScaled("srcCol", 2), f.inputs)
	out := column(loadScaled("dstCol", 2), len(f.sums))
	dstRow := loadScaled("dstRow", 2)

	// From the end of a tile's channels to the start of the next tile.
	srcNext, dstNext, tiles := AllocLocal(8), AllocLocal(8), AllocLocal(8)
	width := GP64()
	MOVQ(loadScaled("blocks", 6), width)
	for _, n := range []struct {
		name string
		to   operand.Mem
	}{{"srcTile", srcNext}, {"dstTile", dstNext}} {
		r := loadScaled(n.name, 2)
		SUBQ(width, r)
		MOVQ(r, n.to)
	}
	MOVQ(load("tiles"), width)
	MOVQ(width, tiles)

	sum := func(terms []term, at func(k int) operand.Op, z reg.VecPhysical) {
		for i, t := range terms {
			switch {
			case t.half:
				VMULPS(half, z, z)
			case i == 0:
				VMOVUPS(at(t.k), z)
			default:
				t.op(at(t.k), z, z)
			}
		}
	}
	Label("tile")
	blocks := load("blocks")
	Label("block")
	for h := range s.parts() {
		to := GP64()
		MOVQ(dst, to)
		for i, vertical := range f.sums {
			for j := range f.inputs {
				sum(vertical, func(k int) operand.Op { return in(src[k], j, h*s.size) }, s.v(j))
			}
			for o, horizontal := range f.sums {
				if len(horizontal) == 1 {
					VMOVUPS(s.v(horizontal[0].k), out(to, o, h*s.size))
					continue
				}
				z := s.v(4 + o)
				sum(horizontal, func(k int) operand.Op { return s.v(k) }, z)
				VMOVUPS(z, out(to, o, h*s.size))
			}
			if i+1 < len(f.sums) {
				ADDQ(dstRow, to)
			}
		}
	}
	for _, r := range append([]reg.Register{dst}, src...) {
		ADDQ(operand.Imm(64), r)
	}
	DECQ(blocks)
	JNZ(operand.LabelRef("block"))
	for _, r := range src {
		ADDQ(srcNext, r)
	}
	ADDQ(dstNext, dst)
	DECQ(tiles)
	JNZ(operand.LabelRef("tile"))
	VZEROUPPER()
	RET()
}
