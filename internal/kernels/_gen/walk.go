package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// stream is an array that a flat kernel walks through.
type stream struct {
	base reg.Register
	size int // bytes an element
}

// flat emits a loop over n elements, a multiple of 16, 16 at a time. body sees
// vector h of the 16; wrap is emitted once per 16, after at the end.
func (s isa) flat(streams []stream, body func(h int), wrap, after func()) {
	n := load("n")
	SHRQ(operand.U8(4), n)
	JZ(operand.LabelRef("done"))
	Label("loop")
	for h := range s.parts() {
		body(h)
	}
	for _, a := range streams {
		ADDQ(operand.Imm(uint64(16*a.size)), a.base)
	}
	wrap()
	DECQ(n)
	JNZ(operand.LabelRef("loop"))
	Label("done")
	after()
	VZEROUPPER()
	RET()
}

const multiple = "\n\nn is a multiple of 16."

func nothing() {}

func floats(names ...string) (all []stream) {
	for _, n := range names {
		all = append(all, stream{load(n), 4})
	}
	return all
}

// part returns the memory of vector h of the 16 elements at a.
func (s isa) part(a stream, h int) operand.Mem { return mem(a.base, h*s.size/4*a.size) }

// cyclic is flat for maps whose parameters depend on the channel: off is the
// byte offset of the current 16 channels in an array of float32.
func (s isa) cyclic(streams []stream, body func(h int, off reg.Register), after func()) {
	off, zero, end := GP64(), GP64(), loadScaled("channels", 2)
	XORQ(off, off)
	XORQ(zero, zero)
	s.flat(streams, func(h int) { body(h, off) }, func() {
		ADDQ(operand.Imm(64), off)
		CMPQ(off, end)
		CMOVQEQ(zero, off)
	}, after)
}

func (s isa) channel(base, off reg.Register, h int) operand.Mem {
	return operand.Mem{Base: base, Index: off, Scale: 1, Disp: h * s.size}
}

const cyclicNote = "\n\nc = i mod channels; n and channels are multiples of 16."

// one is cyclic for 16 channels, where there is no offset.
func (s isa) one(streams []stream, body func(h int, off reg.Register), after func()) {
	s.flat(streams, func(h int) { body(h, nil) }, nothing, after)
}

const oneNote = "\n\nc = i mod 16; n is a multiple of 16."

// walk emits a loop over rows of channels.
type walk func(streams []stream, body func(h int, off reg.Register), after func())

// fetchNext asks for a line into the second-level cache and goes on to the next.
func fetchNext(ahead reg.Register) {
	PREFETCHT1(mem(ahead, 0))
	step, err := Param("step").Resolve()
	if err != nil {
		panic(err)
	}
	ADDQ(step.Addr, ahead)
}
