// Command _gen writes the assembly of package kernels. Run go generate in this
// folder after a change.
package main

//go:generate go run . -out ../kernels_amd64.s -stubs ../kernels_stubs_amd64.go -pkg kernels

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("!noasm")
	for _, s := range []isa{{"AVX512", 64}, {"AVX2", 32}} {
		s.convFloats()
		s.convInts()
		s.convTiles()
		s.convPairs()
		s.convBits()
		s.weightGrad()
		s.depth()
		s.depthQuads()
		s.depthWords()
		s.elementwise()
		s.relu6()
		s.dropout()
		s.weights()
		s.doubles()
		s.perChannel()
		s.channelSums()
		s.quantization()
		s.fused()
		s.winograd()
		s.winogradCodes()
		s.sgd()
		s.staircase()
		s.bells()
		s.bins()
		s.shifts()
		s.mapBytes()
		s.maxPool()
		s.peak()
		s.bytePeak()
		s.tilePeak()
	}
	packBits()
	Generate()
}

// isa is an instruction set with its vector size in bytes.
type isa struct {
	name string
	size int
}

func (s isa) wide() bool { return s.size == 64 }

// parts is how many vectors hold 16 lanes of 32 bits.
func (s isa) parts() int { return 64 / s.size }

// v returns vector register i.
func (s isa) v(i int) reg.VecPhysical {
	if s.wide() {
		return zmm[i]
	}
	return ymm[i]
}

// last is the number of the last vector register.
func (s isa) last() int {
	if s.wide() {
		return 31
	}
	return 15
}

var (
	zmm = []reg.VecPhysical{
		reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7, reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
		reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23, reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31,
	}
	ymm = []reg.VecPhysical{
		reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7, reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15,
	}
)

// zero clears vector register i.
func (s isa) zero(i int) {
	if s.wide() {
		VPXORD(s.v(i), s.v(i), s.v(i))
	} else {
		VPXOR(s.v(i), s.v(i), s.v(i))
	}
}

// text begins a function that neither calls nor grows the stack.
func (s isa) text(name, signature, doc string) {
	TEXT(name+s.name, attr.NOSPLIT, signature)
	Pragma("noescape")
	Doc(strings.Split(name+s.name+" computes\n\n\t"+doc, "\n")...)
}

func load(name string) reg.Register { return Load(Param(name), GP64()) }

// loadScaled loads an integer parameter times 1<<shift.
func loadScaled(name string, shift uint64) reg.Register {
	r := load(name)
	if shift > 0 {
		SHLQ(operand.U8(shift), r)
	}
	return r
}

func mem(base operand.Op, disp int) operand.Mem {
	return operand.Mem{Base: base.(reg.Register), Disp: disp}
}

func indexed(base, index reg.Register, scale uint8) operand.Mem {
	return operand.Mem{Base: base, Index: index, Scale: scale}
}

func label(what string, i int) string { return fmt.Sprintf("%s%d", what, i) }

// tiles emits a loop that cuts the count in n into tiles of at most most,
// as even as the last two allow, and emits body for each size of tile.
func tiles(n operand.Mem, most int, body func(size int)) {
	tilesThen(n, most, body, func() {
		VZEROUPPER()
		RET()
	})
}

// tilesThen is tiles with what comes after them.
func tilesThen(n operand.Mem, most int, body func(size int), after func()) {
	t := GP64()
	Label("next")
	MOVQ(n, t)
	TESTQ(t, t)
	JZ(operand.LabelRef("done"))
	CMPQ(t, operand.Imm(uint64(most)))
	JBE(operand.LabelRef("sized"))
	CMPQ(t, operand.Imm(uint64(2*most)))
	JAE(operand.LabelRef("full"))
	INCQ(t)
	SHRQ(operand.U8(1), t)
	JMP(operand.LabelRef("sized"))
	Label("full")
	MOVQ(operand.U32(most), t)
	Label("sized")
	SUBQ(t, n)
	for size := most; size > 1; size-- {
		CMPQ(t, operand.Imm(uint64(size)))
		JEQ(operand.LabelRef(label("tile", size)))
	}
	for size := 1; size <= most; size++ {
		Label(label("tile", size))
		body(size)
		JMP(operand.LabelRef("next"))
	}
	Label("done")
	after()
}

// unroll is how many steps of their innermost loop the kernels of floats take at a time: counting and moving on take the
// ports of products, two of which end in a cycle.
const unroll = 4

// unrolled emits a loop that takes the steps of a parameter, so many at a time and then one by one. t is free; body takes count.
func unrolled(t reg.Register, steps string, most, size int, body func(count int)) {
	n, err := Param(steps).Resolve()
	if err != nil {
		panic(err)
	}
	MOVQ(n.Addr, t)
	if most > 1 {
		SUBQ(operand.Imm(uint64(most)), t)
		JB(operand.LabelRef(label("few", size)))
		Label(label("many", size))
		body(most)
		SUBQ(operand.Imm(uint64(most)), t)
		JAE(operand.LabelRef(label("many", size)))
		Label(label("few", size))
		ADDQ(operand.Imm(uint64(most)), t)
		JZ(operand.LabelRef(label("none", size)))
	}
	Label(label("step", size))
	body(1)
	DECQ(t)
	JNZ(operand.LabelRef(label("step", size)))
	if most > 1 {
		Label(label("none", size))
	}
}
