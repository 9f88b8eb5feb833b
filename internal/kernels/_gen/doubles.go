package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// doubles are sums of float32 in float64.
func (s isa) doubles() {
	s.channelTotals()
	s.matrixRows()
}

// widen emits 16 float32 from at on in float64, in as many vector registers from number first on as hold them.
func (s isa) widen(at func(disp int) operand.Mem, first int) (all []reg.VecPhysical) {
	for h := range 2 * s.parts() {
		r := s.v(first + h)
		VCVTPS2PD(at(h*s.size/2), r)
		all = append(all, r)
	}
	return all
}

func (s isa) channelTotals() {
	s.text("channelTotalsRow", "func(sum *float64, x *float32, pixels, channels int)",
		"for p < pixels, c < channels: sum[c] += float64(x[p*channels+c])\n\npixels is positive, channels a multiple of 16.")
	sum, x, channels, stride := load("sum"), load("x"), load("channels"), loadScaled("channels", 2)
	SHRQ(operand.U8(4), channels)
	Label("block")
	n := 2 * s.parts()
	for h := range n {
		VMOVUPD(mem(sum, h*s.size), s.v(h))
	}
	at, k := GP64(), load("pixels")
	MOVQ(x, at)
	Label("pixel")
	for h, r := range s.widen(func(disp int) operand.Mem { return mem(at, disp) }, n) {
		VADDPD(r, s.v(h), s.v(h))
	}
	ADDQ(stride, at)
	DECQ(k)
	JNZ(operand.LabelRef("pixel"))
	for h := range n {
		VMOVUPD(s.v(h), mem(sum, h*s.size))
	}
	ADDQ(operand.Imm(128), sum)
	ADDQ(operand.Imm(64), x)
	DECQ(channels)
	JNZ(operand.LabelRef("block"))
	VZEROUPPER()
	RET()
}

// matrixRows keeps 16 sums of each of some rows in registers.
func (s isa) matrixRows() {
	most := 2
	if s.wide() {
		most = 8
	}
	s.text("matrixRows", "func(y, init, a, b *float32, rows, k, aRow, aStep int)",
		"for r < rows, l < 16:\n\t  acc = float64(init[l])\n\t  for j < k: acc = fma(float64(a[r*aRow+j*aStep]), float64(b[j*16+l]), acc)\n\t  y[r*16+l] = float32(acc)"+
			"\n\nk is positive. Products of two float32 are exact in float64.")
	n := AllocLocal(8)
	MOVQ(load("rows"), n)
	y, a, init, b := load("y"), load("a"), load("init"), load("b")
	row, step := loadScaled("aRow", 2), loadScaled("aStep", 2)
	parts := 2 * s.parts()
	tiles(n, most, func(size int) {
		acc := func(r, h int) reg.VecPhysical { return s.v(r*parts + h) }
		for h, r := range s.widen(func(disp int) operand.Mem { return mem(init, disp) }, 0) {
			for i := 1; i < size; i++ {
				VMOVAPD(r, acc(i, h))
			}
		}
		wide, one := size*parts, s.v(size*parts+parts)
		j, from, at := load("k"), GP64(), GP64()
		MOVQ(a, from)
		MOVQ(b, at)
		here := label("product", size)
		Label(here)
		w := s.widen(func(disp int) operand.Mem { return mem(at, disp) }, wide)
		p := GP64()
		MOVQ(from, p)
		for i := range size {
			s.broadcastDouble(mem(p, 0), one)
			if i+1 < size {
				ADDQ(row, p)
			}
			for h := range parts {
				VFMADD231PD(w[h], one, acc(i, h))
			}
		}
		ADDQ(step, from)
		ADDQ(operand.Imm(64), at)
		DECQ(j)
		JNZ(operand.LabelRef(here))
		for i := range size {
			for h := range parts {
				r := acc(i, h)
				if s.wide() {
					VCVTPD2PS(r, r.AsY())
					VMOVUPS(r.AsY(), mem(y, i*64+h*32))
				} else {
					VCVTPD2PSY(r, r.AsX())
					VMOVUPS(r.AsX(), mem(y, i*64+h*16))
				}
			}
		}
		ADDQ(operand.U32(size*64), y)
		for range size {
			ADDQ(row, a)
		}
	})
}

// broadcastDouble emits a float32 in float64 in all lanes of to.
func (s isa) broadcastDouble(from operand.Mem, to reg.VecPhysical) {
	if s.wide() {
		VBROADCASTSS(from, to.AsY())
		VCVTPS2PD(to.AsY(), to)
		return
	}
	VBROADCASTSS(from, to.AsX())
	VCVTPS2PD(to.AsX(), to)
}
