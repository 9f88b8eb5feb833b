package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/reg"
)

// convFinished emits byte kernels that turn their sums into floats or codes
// before they store them.
func (s isa) convFinished(product product) {
	const in = "(y *%s, init *int32, x *uint8, w *int8, pixels, kRows, kRun, xRow, xPix, yPix int, ahead *byte, step%s int, %s)"
	for _, blocks := range []int{1, 2} {
		most, name, wBlock := 16, "", ""
		if blocks == 2 {
			most, name, wBlock = 8, "Pair", ", wBlock"
		}
		kind := convKind{most: most, blocks: blocks, ints: true, product: product}
		const note = "where acc is the sum that convRowBytes%s stores."
		s.text("convRowScaled"+name, "func"+fmt.Sprintf(in, "float32", wBlock, "scale *float32"),
			"y[p*yPix + l] = float32(acc)*scale[l]\n\n"+fmt.Sprintf(note, name))
		kind.store, kind.yShift = s.storeScaled(), 2
		s.convRow(kind)
		s.text("convRowCodes"+name, "func"+fmt.Sprintf(in, "uint8", wBlock, "mult *float32, zeroPoint, lo, hi float32"),
			"y[p*yPix + l] = min(max(round(float32(acc)*mult[l]) + zeroPoint, lo), hi)\n\n"+fmt.Sprintf(note, name))
		kind.store, kind.yShift = s.storeCodes(), 0
		s.convRow(kind)
	}
}

// finish turns sums into what is stored; f is the channels' factors.
type finish struct {
	factors string // the parameter
	begin   func() // ahead of everything
	store   func(acc, f reg.VecPhysical, y reg.Register, v int)
}

func (s isa) storeScaled() *finish {
	return &finish{"scale", func() {}, func(acc, f reg.VecPhysical, y reg.Register, v int) {
		VCVTDQ2PS(acc, acc)
		VMULPS(f, acc, acc)
		VMOVUPS(acc, mem(y, v*s.size))
	}}
}

func (s isa) storeCodes() *finish {
	zeroPoint, lo, hi := s.v(24), s.v(25), s.v(26)
	return &finish{"mult", func() {
		s.broadcast("zeroPoint", zeroPoint)
		s.broadcast("lo", lo)
		s.broadcast("hi", hi)
	}, func(acc, f reg.VecPhysical, y reg.Register, v int) {
		VCVTDQ2PS(acc, acc)
		VMULPS(f, acc, acc)
		s.round(acc, acc)
		VADDPS(zeroPoint, acc, acc)
		VMAXPS(lo, acc, acc)
		VMINPS(hi, acc, acc)
		VCVTPS2DQ(acc, acc)
		VPMOVDB(acc, mem(y, v*16))
	}}
}
