package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// constants places parameters, the same in all lanes, in the vector registers
// from the last down to 10 and then on the stack.
type constants struct {
	s    isa
	next int
}

func (s isa) constants() *constants { return &constants{s, s.last()} }

func (k *constants) place(set func(reg.VecPhysical)) operand.Op {
	if k.next >= 10 {
		r := k.s.v(k.next)
		k.next--
		set(r)
		return r
	}
	m := AllocLocal(k.s.size)
	set(k.s.v(0))
	VMOVUPS(k.s.v(0), m)
	return m
}

func (k *constants) float(name string) operand.Op {
	return k.place(func(r reg.VecPhysical) { k.s.broadcast(name, r) })
}

func (k *constants) int(name string) operand.Op {
	return k.place(func(r reg.VecPhysical) { k.s.broadcastInt(name, r) })
}

func (k *constants) byteMask() operand.Op { return k.place(k.s.byteMask) }
