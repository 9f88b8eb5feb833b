package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const aboveAtOnce = 3 // thresholds

// bins holds all sums in registers, of both halves of 16 lanes where a vector has 8.
func (s isa) bins() {
	s.text("aboveRow", "func(part, x, thresholds *float32, n int)",
		"for i < n: part[0][i%16] += x[i]; for j < 3 where x[i] > thresholds[j]: part[1+j][i%16] += x[i]; part[4+j][i%16]++\n\nThe last three parts are integers. n is a multiple of 16.")
	part, x, thresholds := load("part"), stream{load("x"), 4}, load("thresholds")
	var sums []reg.VecPhysical // part by part, half by half
	for i := range (1 + 2*aboveAtOnce) * s.parts() {
		sums = append(sums, s.v(2+i))
	}
	at := func(i, h int) reg.VecPhysical { return sums[i*s.parts()+h] }
	v, t := s.v(0), s.v(1)
	var threshold [aboveAtOnce]operand.Mem
	for j := range threshold {
		VBROADCASTSS(mem(thresholds, 4*j), v)
		threshold[j] = AllocLocal(s.size)
		VMOVUPS(v, threshold[j])
	}
	if s.wide() {
		VPTERNLOGD(operand.U8(0xff), t, t, t) // -1
	}
	for i, r := range sums {
		VMOVUPS(mem(part, i*s.size), r)
	}
	s.flat([]stream{x}, func(h int) {
		VMOVUPS(s.part(x, h), v)
		VADDPS(v, at(0, h), at(0, h))
		for j, m := range threshold {
			sum, count := at(1+j, h), at(1+aboveAtOnce+j, h)
			if s.wide() {
				VCMPPS(operand.U8(greaterThan), m, v, reg.K1)
				VADDPS(v, sum, reg.K1, sum)
				VPSUBD(t, count, reg.K1, count)
				continue
			}
			VCMPPS(operand.U8(greaterThan), m, v, t)
			VPSUBD(t, count, count)
			VANDPS(v, t, t)
			VADDPS(t, sum, sum)
		}
	}, nothing, func() {
		for i, r := range sums {
			VMOVUPS(r, mem(part, i*s.size))
		}
	})
}
