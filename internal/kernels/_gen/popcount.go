package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// convBits is the convolution of bits, 32 channels a lane.
func (s isa) convBits() {
	s.text("convRowBits", "func(y, init *int32, x, w *uint32, pixels, kRows, kRun, xRow, xPix, yPix, initPix, shift int)",
		"for p < pixels, l < 16:\n"+
			"\t  count = 0\n"+
			"\t  for r < kRows, k < kRun: count += popcount(x[r*xRow + p*xPix + k] ^ w[r*kRun+k][l])\n"+
			"\t  y[p*yPix + l] = init[p*initPix + l] - count<<shift")
	shift, t := reg.X11, s.v(s.last()-2)
	VMOVQ(load("shift"), shift)
	subtract := func(from operand.Mem, acc reg.VecPhysical) {
		VPSLLD(shift, acc, acc)
		VMOVUPS(from, t)
		VPSUBD(acc, t, acc)
	}
	if s.wide() {
		s.convNarrow(narrowKind{shift: 2, most: 8, initPix: true, product: wordCount, steps: constant(1 << 30), prepare: nothing, widen: subtract})
		return
	}
	// AVX2 looks up the bits of half bytes. Bytes hold the counts of 31 steps.
	table := GLOBL("halfBytes", attr.RODATA|attr.NOPTR)
	for i, v := range []operand.U64{0x0302020102010100, 0x0403030203020201, 0x0f0f0f0f0f0f0f0f, 0x0f0f0f0f0f0f0f0f} {
		DATA(8*i, v)
	}
	counts, low, t2 := s.v(8), s.v(9), s.v(10)
	VBROADCASTI128(table, counts)
	VBROADCASTI128(table.Offset(16), low)
	byteOnes, words := s.v(s.last()-1), s.v(s.last())
	s.convNarrow(narrowKind{shift: 2, most: 4, initPix: true, steps: constant(31),
		product: func(x operand.Mem, acc, w []reg.VecPhysical, t0, t1 reg.VecPhysical) {
			VPBROADCASTD(x, t0)
			for v := range acc {
				VPXOR(w[v], t0, t1)
				VPAND(low, t1, t2)
				VPSRLW(operand.U8(4), t1, t1)
				VPAND(low, t1, t1)
				VPSHUFB(t2, counts, t2)
				VPSHUFB(t1, counts, t1)
				VPADDB(t2, acc[v], acc[v])
				VPADDB(t1, acc[v], acc[v])
			}
		},
		prepare: func() {
			wordOnes(words)
			VPACKUSWB(words, words, byteOnes)
		},
		widen: func(from operand.Mem, acc reg.VecPhysical) {
			VPMADDUBSW(byteOnes, acc, acc)
			VPMADDWD(words, acc, acc)
			subtract(from, acc)
		},
	})
}

// wordCount adds the bits in which x and w differ.
func wordCount(x operand.Mem, acc, w []reg.VecPhysical, t0, _ reg.VecPhysical) {
	VPXORD_BCST(x, w[0], t0)
	VPOPCNTD(t0, t0)
	VPADDD(t0, acc[0], acc[0])
}

func constant(n uint32) func() reg.Register {
	return func() reg.Register {
		r := GP64()
		MOVQ(operand.U32(n), r)
		return r
	}
}

// packBits collects one bit of each code.
func packBits() {
	s := isa{"AVX2", 32}
	s.text("packBits", "func(dst *uint32, codes *uint8, n, plane int)",
		"for i < n, j < 32: bit j of dst[i] = bit plane of codes[32*i+j]\n\nn is not 0.")
	dst, codes, n, left := load("dst"), load("codes"), load("n"), GP64()
	MOVQ(operand.U32(7), left)
	SUBQ(load("plane"), left)
	VMOVQ(left, xmm[1])
	word := GP32()
	Label("loop")
	VMOVUPS(mem(codes, 0), s.v(0))
	VPSLLW(xmm[1], s.v(0), s.v(0)) // what moves on to the next byte stays below its top bit
	VPMOVMSKB(s.v(0), word)
	MOVL(word, mem(dst, 0))
	ADDQ(operand.Imm(32), codes)
	ADDQ(operand.Imm(4), dst)
	DECQ(n)
	JNZ(operand.LabelRef("loop"))
	VZEROUPPER()
	RET()
}
