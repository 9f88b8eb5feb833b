package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func (k *constants) quantizer(scale, qn, qp string) quantizer {
	return quantizer{k.float(scale), k.float(qn), k.float(qp)}
}

type quantizer struct{ scale, qn, qp operand.Op }

// clip emits x /= scale, c = x clipped; c may be x.
func (q quantizer) clip(x, c reg.VecPhysical) {
	VDIVPS(q.scale, x, x)
	VMAXPS(q.qn, x, c)
	VMINPS(q.qp, c, c)
}

// codes emits the codes of x, in 32 bits.
func (q quantizer) codes(zeroPoint operand.Op, x reg.VecPhysical) {
	q.clip(x, x)
	VCVTPS2DQ(x, x)
	VPADDD(zeroPoint, x, x)
}

// pass emits the gradient at v, which clip clipped to c: ds += dy*slope and dy =
// what passes, where clipping changed nothing. The slope there is round(v) - v,
// times the factor inside unless that is nil; what is
// clipped is taken times beyond unless that is nil. v, c and t are lost.
func (s isa) pass(v, c, t, dy, ds reg.VecPhysical, inside, beyond operand.Op) {
	s.round(v, t)
	if s.wide() {
		VCMPPS(operand.U8(equal), c, v, reg.K1)
		if beyond != nil {
			VMULPS(beyond, c, c)
		}
		if inside == nil {
			VSUBPS(v, t, reg.K1, c)
		} else {
			VSUBPS(v, t, t)
			VMULPS(inside, t, reg.K1, c)
		}
		VFMADD231PS(c, dy, ds)
		VMOVAPS_Z(dy, reg.K1, dy)
		return
	}
	VSUBPS(v, t, t)
	if inside != nil {
		VMULPS(inside, t, t)
	}
	VCMPPS(operand.U8(equal), c, v, v)
	if beyond != nil {
		VMULPS(beyond, c, c)
	}
	VBLENDVPS(v, t, c, c)
	VFMADD231PS(c, dy, ds)
	VANDPS(v, dy, dy)
}

// dequantizer is the real value of codes.
type dequantizer struct{ scale, zeroPoint operand.Op }

func (s isa) dequantize(d dequantizer, codes operand.Mem, to reg.VecPhysical) {
	VPMOVZXBD(codes, to)
	VPSUBD(d.zeroPoint, to, to)
	VCVTDQ2PS(to, to)
	VMULPS(d.scale, to, to)
}

const (
	codesDoc = " = round(min(max(v, qn), qp)) + zeroPoint"
	passDoc  = "ds[i%16] = fma(dy[i], inside ? (round(v) - v)*slope : min(max(v, qn), qp), ds[i%16])\n\t  "
	// beyondDoc is passDoc with a factor of what is clipped.
	beyondDoc = "ds[i%16] = fma(dy[i], inside ? (round(v) - v)*slope : min(max(v, qn), qp)*beyond, ds[i%16])\n\t  "
)
