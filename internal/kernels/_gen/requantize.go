package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/reg"
)

func (s isa) requantizeGrad() {
	t := func(i int) reg.VecPhysical { return s.v(4 + i) }
	s.text("requantizeGradRow", "func(ds, dx *float32, stream *uint8, dy *float32, n int, fromScale float32, fromZeroPoint int32, scale, qn, qp, slope float32)",
		"for i < n: v = float32(stream[i] - fromZeroPoint) * fromScale / scale; inside = qn <= v <= qp\n\t  "+passDoc+"dx[i] = inside ? dy[i] : 0"+multiple)
	io, in := floats("dx", "dy"), stream{load("stream"), 1}
	k := s.constants()
	from, to, slope := dequantizer{k.float("fromScale"), k.int("fromZeroPoint")}, k.quantizer("scale", "qn", "qp"), k.float("slope")
	ds, store := s.lanesIn("ds", 0)
	s.flat(append(io, in), func(h int) {
		s.dequantize(from, s.part(in, h), t(0))
		to.clip(t(0), t(1))
		VMOVUPS(s.part(io[1], h), t(2))
		s.pass(t(0), t(1), t(3), t(2), ds[h], slope, nil)
		VMOVUPS(t(2), s.part(io[0], h))
	}, nothing, store)
}
