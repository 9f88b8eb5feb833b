package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// product emits acc[v] += x * w[v] for one pixel, v over the vectors of output
// channels. x is 4 bytes in memory that go to all lanes, t0 and t1 are free.
type product func(x operand.Mem, acc, w []reg.VecPhysical, t0, t1 reg.VecPhysical)

func floatProduct(s isa) product {
	return func(x operand.Mem, acc, w []reg.VecPhysical, t0, _ reg.VecPhysical) {
		if s.wide() && len(acc) == 1 {
			VFMADD231PS_BCST(x, w[0], acc[0])
			return
		}
		VBROADCASTSS(x, t0)
		for v := range acc {
			VFMADD231PS(w[v], t0, acc[v])
		}
	}
}

func byteProduct(x operand.Mem, acc, w []reg.VecPhysical, t0, _ reg.VecPhysical) {
	VPBROADCASTD(x, t0)
	for v := range acc {
		VPDPBUSD(w[v], t0, acc[v])
	}
}

func wordProduct(x operand.Mem, acc, w []reg.VecPhysical, t0, t1 reg.VecPhysical) {
	VPBROADCASTD(x, t0)
	for v := range acc {
		VPMADDWD(w[v], t0, t1)
		VPADDD(t1, acc[v], acc[v])
	}
}

const loopDoc = "for p < pixels, l < %d:\n" +

	"\t  acc = %s\n" +
	"\t  for r < kRows, k < kRun: acc += x[r*xRow + p*xPix + k] * w[r*kRun+k][l]\n" +
	"\t  y[p*yPix + l] = acc\n\n%s"

func (s isa) convFloats() {
	const args = "(y, x, w *float32, pixels, kRows, kRun, xRow, xPix, yPix int, ahead *byte, step%s int)"
	s.text("convRow", "func"+fmt.Sprintf(args, ""), fmt.Sprintf(loopDoc, 16, "0", "with fused multiply-adds in that order."))
	s.convRow(convKind{shift: 2, most: s.most(), blocks: 1, unroll: unroll, product: floatProduct(s)})
	if s.wide() {
		s.text("convRowPair", "func"+fmt.Sprintf(args, ", wBlock"),
			fmt.Sprintf(loopDoc, 32, "0", "where the weights of l >= 16 follow wBlock elements behind those of l-16."))
		s.convRow(convKind{shift: 2, most: 14, blocks: 2, unroll: unroll, product: floatProduct(s)})
	}
}

func (s isa) convInts() {
	const args = "(y, init *int32, x *%s, w *%s, pixels, kRows, kRun, xRow, xPix, yPix int, ahead *byte, step%s int)"
	if !s.wide() {
		s.text("convRowWords", "func"+fmt.Sprintf(args, "int16", "int16", ""),
			fmt.Sprintf(loopDoc, 16, "init[l]", "where each x*w is a sum of 2 products of words."))
		s.convRow(convKind{shift: 1, most: s.most(), blocks: 1, ints: true, product: wordProduct})
		s.text("convRowWidened", "func"+fmt.Sprintf(args, "uint8", "int8", ""),
			fmt.Sprintf(loopDoc, 16, "init[l]", "where each x*w is a sum of 4 products of bytes, in two pairs that fit int16."))
		ones := s.v(s.last() - 4)
		wordOnes(ones)
		s.convRow(convKind{most: 5, blocks: 1, ints: true, product: func(x operand.Mem, acc, w []reg.VecPhysical, t0, t1 reg.VecPhysical) {
			VPBROADCASTD(x, t0)
			for v := range acc {
				VPMADDUBSW(w[v], t0, t1)
				VPMADDWD(ones, t1, t1)
				VPADDD(t1, acc[v], acc[v])
			}
		}})
		return
	}
	s.text("convRowBytes", "func"+fmt.Sprintf(args, "uint8", "int8", ""),
		fmt.Sprintf(loopDoc, 16, "init[l]", "where each x*w is a sum of 4 products of bytes."))
	s.convRow(convKind{most: 16, blocks: 1, ints: true, product: byteProduct})
	s.text("convRowBytesPair", "func"+fmt.Sprintf(args, "uint8", "int8", ", wBlock"),
		fmt.Sprintf(loopDoc, 32, "init[l]", "where each x*w is a sum of 4 products of bytes and the weights of l >= 16\nfollow wBlock elements behind those of l-16."))
	s.convRow(convKind{most: 8, blocks: 2, ints: true, product: byteProduct})
	s.convFinished(byteProduct)
}

// most is the largest tile of one block: its accumulators take half of the
// AVX-512 registers, three quarters of AVX2's.
func (s isa) most() int {
	if s.wide() {
		return 16
	}
	return 6
}

// accumulators are the vectors, so many, of row i of a tile.
func (s isa) accumulators(i, vectors int) (acc []reg.VecPhysical) {
	for v := range vectors {
		acc = append(acc, s.v(i*vectors+v))
	}
	return acc
}

type convKind struct {
	shift   uint64 // log2 of the size of an element of x and w
	most    int    // pixels of the largest tile
	blocks  int
	ints    bool // accumulators start at init
	unroll  int  // products of so many k between two counts; 0 is 1
	product product
	store   *finish // nil stores the sums
	yShift  uint64  // with store: log2 of the size of an element of y
}

func (s isa) convRow(c convKind) {
	vectors := c.blocks * s.parts()
	w := []reg.VecPhysical{s.v(s.last() - 3), s.v(s.last() - 2)}[:vectors]
	t0, t1 := s.v(s.last()-1), s.v(s.last())

	n, rows, rowBytes := AllocLocal(8), AllocLocal(8), AllocLocal(8)
	if c.store == nil {
		c.yShift = 2
	} else {
		c.store.begin()
	}
	y, x, s1, yPix := load("y"), load("x"), loadScaled("xPix", c.shift), loadScaled("yPix", c.yShift)
	ahead := load("ahead")
	t := load("pixels")
	MOVQ(t, n)
	t = loadScaled("xRow", c.shift)
	MOVQ(t, rowBytes)
	var wBlock reg.Register
	if c.blocks == 2 {
		wBlock = loadScaled("wBlock", c.shift)
	}
	steps := newStrides(s1)
	tiles(n, c.most, func(size int) {
		acc := func(p int) []reg.VecPhysical { return s.accumulators(p, vectors) }
		if c.ints {
			init := load("init")
			for p := range size {
				for v, a := range acc(p) {
					if p == 0 {
						VMOVUPS(mem(init, v*s.size), a)
					} else {
						VMOVAPS(acc(0)[v], a)
					}
				}
			}
		} else {
			for i := range size * vectors {
				s.zero(i)
			}
		}
		wp, xr, r := load("w"), GP64(), load("kRows")
		MOVQ(x, xr)
		MOVQ(r, rows)
		Label(label("row", size))
		base, k := [2]reg.Register{GP64(), GP64()}, GP64()
		MOVQ(xr, base[0])
		LEAQ(indexed(xr, s1, 1), base[1])
		unrolled(k, "kRun", max(c.unroll, 1), size, func(count int) {
			for i := range count {
				fetchNext(ahead)
				for v := range w {
					from := mem(wp, v*s.size)
					if v == 1 && c.blocks == 2 {
						from = indexed(wp, wBlock, 1)
					}
					VMOVUPS(from.Offset(64*i), w[v])
				}
				for p := range size {
					c.product(steps.pixel(base, p).Offset(4*i), acc(p), w, t0, t1)
				}
			}
			ADDQ(operand.U32(64*count), wp)
			ADDQ(operand.Imm(uint64(4*count)), base[0])
			if size > 1 {
				ADDQ(operand.Imm(uint64(4*count)), base[1])
			}
		})
		ADDQ(rowBytes, xr)
		DECQ(rows)
		JNZ(operand.LabelRef(label("row", size)))
		if c.store != nil {
			f := load(c.store.factors)
			for v := range w {
				VMOVUPS(mem(f, v*s.size), w[v])
			}
		}
		for p := range size {
			for v, a := range acc(p) {
				if c.store != nil {
					c.store.store(a, w[v], y, v)
				} else {
					VMOVUPS(a, mem(y, v*s.size))
				}
			}
			ADDQ(yPix, y)
		}
		step := GP64()
		IMUL3Q(operand.Imm(uint64(size)), s1, step)
		ADDQ(step, x)
	})
}
