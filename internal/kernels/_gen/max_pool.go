package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func (s isa) maxPool() {
	v := s.v
	s.text("maxRow", "func(y, x *float32, n int)", "for i < n: y[i] = x[i] > y[i] or NaN ? x[i] : y[i]"+multiple)
	a := floats("y", "x")
	s.flat(a, func(h int) {
		s.larger(s.part(a[1], h), s.part(a[0], h))
	}, nothing, nothing)

	s.text("winnersRow", "func(best *float32, winners *int32, x *float32, n int, number int32)",
		"for i < n: if x[i] > best[i] or NaN: best[i] = x[i], winners[i] = number"+multiple)
	b := []stream{{load("best"), 4}, {load("winners"), 4}, {load("x"), 4}}
	s.broadcastInt("number", v(4))
	s.flat(b, func(h int) {
		s.larger(s.part(b[2], h), s.part(b[0], h))
		winners := s.part(b[1], h)
		VMOVUPS(winners, v(0))
		s.pick(v(4), v(0))
		VMOVUPS(v(0), winners)
	}, nothing, nothing)

	s.text("addToWinnersRow", "func(dx, dy *float32, winners *int32, n int, number int32)", "for i < n: if winners[i] == number: dx[i] += dy[i]"+multiple)
	c := []stream{{load("dx"), 4}, {load("dy"), 4}, {load("winners"), 4}}
	s.broadcastInt("number", v(4))
	s.flat(c, func(h int) {
		VMOVUPS(s.part(c[1], h), v(1))
		VMOVUPS(s.part(c[2], h), v(3))
		s.addWhere(v(3), v(4), v(1), s.part(c[0], h))
	}, nothing, nothing)
	s.poolWindows()
	if s.wide() {
		return
	}
	s.text("maxCodesRow", "func(y, x *uint8, n int)", "for i < n: y[i] = max(y[i], x[i])"+multiple)
	y, x := stream{load("y"), 1}, stream{load("x"), 1}
	n := load("n")
	SHRQ(operand.U8(4), n)
	Label("loop")
	VMOVDQU(mem(y.base, 0), reg.X0)
	VPMAXUB(mem(x.base, 0), reg.X0, reg.X0)
	VMOVDQU(reg.X0, mem(y.base, 0))
	ADDQ(operand.Imm(16), y.base)
	ADDQ(operand.Imm(16), x.base)
	DECQ(n)
	JNZ(operand.LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// larger puts x into y where it is larger or NaN, for pick to do the same.
func (s isa) larger(x, y operand.Mem) {
	v := s.v
	VMOVUPS(x, v(0))
	VMOVUPS(y, v(1))
	s.exceeds(v(0), v(1))
	s.pick(v(0), v(1))
	VMOVUPS(v(1), y)
}

// exceeds finds where x is larger than y or NaN.
func (s isa) exceeds(x, y reg.VecPhysical) {
	if s.wide() {
		VCMPPS(operand.U8(greaterThan), y, x, reg.K1)
		VCMPPS(operand.U8(unordered), x, x, reg.K2)
		KORW(reg.K1, reg.K2, reg.K1)
	} else {
		VCMPPS(operand.U8(greaterThan), y, x, s.v(2))
		VCMPPS(operand.U8(unordered), x, x, s.v(3))
		VORPS(s.v(2), s.v(3), s.v(2))
	}
}

// pick puts from into to where exceeds has found a larger value.
func (s isa) pick(from, to reg.VecPhysical) {
	if s.wide() {
		VMOVUPS(from, reg.K1, to)
	} else {
		VBLENDVPS(s.v(2), from, to, to)
	}
}

// addWhere adds to sum where a is b. v(0) and, of AVX2, v(2) are lost, and a.
func (s isa) addWhere(a, b, to reg.VecPhysical, sum operand.Mem) {
	v := s.v
	VMOVUPS(sum, v(0))
	if s.wide() {
		VPCMPEQD(a, b, reg.K1)
		VADDPS(to, v(0), reg.K1, v(0))
	} else {
		VPCMPEQD(a, b, a)
		VADDPS(to, v(0), v(2))
		VBLENDVPS(a, v(2), v(0), v(0))
	}
	VMOVUPS(v(0), sum)
}

const windowDoc = " of x[r*row+p*channels+c], r < rows, p < columns; NaN is larger than all, its last"

// poolWindows are kernels of one window: the largest of 16 channels at a time stay in registers.
func (s isa) poolWindows() {
	const best, winner, number, one, dy, copied = 4, 6, 8, 9, 10, 12 // vectors, two of each with AVX2 but for the numbers
	v := s.v
	var columns, channels, row, off, start, r, p reg.Register
	begin := func() {
		columns, channels, row = load("columns"), loadScaled("channels", 2), loadScaled("row", 2)
		off, start, r, p = GP64(), GP64(), GP64(), GP64()
	}
	// pixels emits a loop over the pixels of the window, row by row.
	pixels := func(label string, body func()) {
		XORQ(start, start)
		Load(Param("rows"), r)
		Label(label + "row")
		MOVQ(start, off)
		MOVQ(columns, p)
		Label(label + "pixel")
		body()
		ADDQ(channels, off)
		DECQ(p)
		JNZ(operand.LabelRef(label + "pixel"))
		ADDQ(row, start)
		DECQ(r)
		JNZ(operand.LabelRef(label + "row"))
	}
	// blocks emits a loop over 16 channels at a time of the arrays.
	blocks := func(n reg.Register, arrays []reg.Register, body func()) {
		SHRQ(operand.U8(4), n)
		Label("block")
		body()
		for _, a := range arrays {
			ADDQ(operand.Imm(64), a)
		}
		DECQ(n)
		JNZ(operand.LabelRef("block"))
		VZEROUPPER()
		RET()
	}
	search := func(x reg.Register, found func(h int)) {
		for h := range s.parts() {
			VMOVUPS(mem(x, h*s.size), v(best+h))
		}
		pixels("value", func() {
			for h := range s.parts() {
				VMOVUPS(s.channel(x, off, h), v(0))
				s.exceeds(v(0), v(best+h))
				s.pick(v(0), v(best+h))
				found(h)
			}
		})
	}
	s.text("maxWindow", "func(y, x *float32, n, rows, columns, channels, row int)", "for c < n: y[c] = the largest"+windowDoc+multiple)
	begin()
	y, x := load("y"), load("x")
	blocks(load("n"), []reg.Register{y, x}, func() {
		search(x, func(int) {})
		for h := range s.parts() {
			VMOVUPS(v(best+h), mem(y, h*s.size))
		}
	})
	s.text("maxWindowGrad", "func(dx, dy, x *float32, n, rows, columns, channels, row int)", "for c < n: dx[r*row+p*channels+c] += dy[c] for the first largest"+windowDoc+multiple)
	begin()
	dx, d, x := load("dx"), load("dy"), load("x")
	if s.wide() {
		VPTERNLOGD(operand.U8(255), v(one), v(one), v(one))
	} else {
		VPCMPEQD(v(one), v(one), v(one)) // -1
	}
	blocks(load("n"), []reg.Register{dx, d, x}, func() {
		s.zero(number)
		for h := range s.parts() {
			s.zero(winner + h)
			VMOVUPS(mem(d, h*s.size), v(dy+h))
		}
		search(x, func(h int) {
			s.pick(v(number), v(winner+h))
			if h == s.parts()-1 {
				VPSUBD(v(one), v(number), v(number))
			}
		})
		s.zero(number)
		pixels("add", func() {
			for h := range s.parts() {
				if s.wide() {
					VMOVDQA32(v(winner+h), v(copied))
				} else {
					VMOVDQA(v(winner+h), v(copied))
				}
				s.addWhere(v(copied), v(number), v(dy+h), s.channel(dx, off, h))
			}
			VPSUBD(v(one), v(number), v(number))
		})
	})
}
