package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/reg"
)

// lanesIn loads the 16 running sums of array name, and returns their registers,
// from number first, and what stores them.
func (s isa) lanesIn(name string, first int) (sums []reg.VecPhysical, store func()) {
	p := load(name)
	for h := range s.parts() {
		sums = append(sums, s.v(first+h))
		VMOVUPS(mem(p, h*s.size), sums[h])
	}
	return sums, func() {
		p := load(name)
		for h, r := range sums {
			VMOVUPS(r, mem(p, h*s.size))
		}
	}
}

// sums are the running sums of each channel, in memory or, of 16 channels, in
// registers: a chain through memory is slower than the rest of a pixel's work,
// more channels hide that.
type sums struct {
	sum, dot, shift reg.Register
	held            []reg.VecPhysical
}

func (s isa) loadSums(hold bool) (sums, func()) {
	c := sums{sum: load("sum"), dot: load("dot"), shift: load("shift")}
	if !hold {
		return c, nothing
	}
	c.held = []reg.VecPhysical{s.v(10), s.v(11)}
	VMOVUPS(mem(c.sum, 0), c.held[0])
	VMOVUPS(mem(c.dot, 0), c.held[1])
	return c, func() {
		VMOVUPS(c.held[0], mem(c.sum, 0))
		VMOVUPS(c.held[1], mem(c.dot, 0))
	}
}

// add emits sum += dx, dot = fma(dx, z - shift, dot); z and dx are lost.
func (s isa) add(c sums, h int, off reg.Register, z, dx reg.VecPhysical) {
	VSUBPS(s.channel(c.shift, off, h), z, z)
	if c.held != nil {
		VADDPS(dx, c.held[0], c.held[0])
		VFMADD231PS(z, dx, c.held[1])
		return
	}
	VFMADD213PS(s.channel(c.dot, off, h), dx, z)
	VADDPS(s.channel(c.sum, off, h), dx, dx)
	VMOVUPS(z, s.channel(c.dot, off, h))
	VMOVUPS(dx, s.channel(c.sum, off, h))
}

const sumsDoc = "sum[c] += dx; dot[c] = fma(dx, z[i] - shift[c], dot[c])"
