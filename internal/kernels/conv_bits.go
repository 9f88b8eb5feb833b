package kernels

import (
	"encoding/binary"
	mathbits "math/bits"
	"slices"
)

// bitWeights are a convolution's weights of -1 and 1 as bits, 32 input channels
// to a word; bit 1 is the weight 1. For codes of one or two bit planes a_i, 0 on
// padding, and with one the number of an output's weights 1,
//
//	sum a_i*w = one - popcount(a_i xor w)
//	sum (code - zeroPoint)*w = -zeroPoint * (sum of w inside the picture) + sum 2^i * (sum a_i*w)
type bitWeights struct {
	words  int      // 32 channels each, of a pixel
	planes int      // of the largest code: 1 or 2
	packed []uint32 // [block of 16 outputs][KH][KW*words][16]
	ones   []int32  // weights 1 of each output
	inside []int32  // (classes of output rows, OutW, outputs) sums of the weights that are inside the picture; at most Top+Bottom+1 classes
	taps   []int32  // (KH, KW, outputs) sums of weights
}

// maxInside bounds the table inside, so that a damaged file of a wide picture with
// much padding cannot ask for more memory than other kernels need.
const maxInside = 1 << 20

// bitsPay tells that bits are faster than bytes for codes from 0 to largest: a sum
// must be long enough to outweigh packing the codes. Winograd's filtering is faster
// than two planes, but slower than those of -1 and 1, the codes 0 and 2, of which
// one is blank. docs/speed.md has the measurements.
func bitsPay(g *Conv, largest uint8) bool {
	planes := mathbits.Len8(max(largest, 1))
	if largest == 3 && squaresPay(g, 2) {
		return false
	}
	return planes <= 2 && g.taps()*g.Cin >= bitsFrom(planes) && (g.Pad.Top+g.Pad.Bottom+1)*g.OutW()*blocksOf(g.Cout)*lanes <= maxInside
}

// isBits tells that all weights are -1 or 1.
func isBits(w []int8) bool {
	return !slices.ContainsFunc(w, func(v int8) bool { return v != 1 && v != -1 })
}

// packSigns makes dst weights of -1 and 1, w (KH, KW, Cin, Cout), for codes from 0 to
// largest, which is at most 3.
func (dst *IntWeights) packSigns(g Conv, w []int8, largest uint8) {
	dst.g, dst.group, dst.squares = g, 32, false
	dst.bits.pack(&g, w, largest)
}

func (b *bitWeights) pack(g *Conv, w []int8, largest uint8) {
	taps, outputs := g.taps(), blocksOf(g.Cout)*lanes
	b.words, b.planes = (g.Cin+31)/32, mathbits.Len8(max(largest, 1))
	b.packed, b.ones, b.taps = grow(b.packed, outputs*taps*b.words), grow(b.ones, outputs), grow(b.taps, taps*outputs)
	clear(b.packed)
	clear(b.ones)
	clear(b.taps)
	for tap := range taps {
		sums := b.taps[tap*outputs:][:g.Cout]
		for ci := range g.Cin {
			for co, v := range w[(tap*g.Cin+ci)*g.Cout:][:g.Cout] {
				sums[co] += int32(v)
				if v > 0 {
					b.ones[co]++
					b.packed[((co/lanes*taps+tap)*b.words+ci/32)*lanes+co%lanes] |= 1 << (ci % 32)
				}
			}
		}
	}
	b.sumInside(g, outputs)
}

// sumInside fills inside.
func (b *bitWeights) sumInside(g *Conv, outputs int) {
	rows, cols := g.rows().middle(), g.cols().middle()
	b.inside = grow(b.inside, (rows.class(g.OutH()-1)+1)*g.OutW()*outputs)
	clear(b.inside)
	for i := range g.OutH() {
		row := b.inside[rows.class(i)*g.OutW()*outputs:][:g.OutW()*outputs]
		if i > 0 && rows.class(i) == rows.class(i-1) {
			continue
		}
		for j := range g.OutW() {
			sums := row[j*outputs:][:outputs]
			if j > 0 && cols.class(j) == cols.class(j-1) {
				copy(sums, row[(j-1)*outputs:])
				continue
			}
			for tap := range g.taps() {
				h, w := i*g.Stride.H-g.Pad.Top+tap/g.Kernel.W, j*g.Stride.W-g.Pad.Left+tap%g.Kernel.W
				if h >= 0 && h < g.H && w >= 0 && w < g.W {
					for c, v := range b.taps[tap*outputs:][:outputs] {
						sums[c] += v
					}
				}
			}
		}
	}
}

// middle are the first and the last row, or column, of outputs that see no padding.
type middle struct{ first, last int }

func (a axis) middle() middle {
	return middle{(a.before + a.stride - 1) / a.stride, min((a.size+a.before-a.kernel)/a.stride, a.out()-1)}
}

// class numbers the rows that see different parts of the kernel: those of the
// middle all see the whole of it.
func (m middle) class(i int) int { return i - max(0, min(i, m.last)-m.first) }

// start fills starts: for each mask of planes, the sums that a picture starts from
// whose codes have bits in these planes only, (classes of output rows, OutW,
// outputs), or just (outputs) if padding makes no difference.
func (b *bitWeights) start(starts *[4][]int32, g *Conv, zeroPoint uint8, bias []int32) {
	n, inside := len(b.ones), b.inside
	if zeroPoint == 0 || g.Pad == (Border{}) {
		inside = inside[:n]
	}
	for mask := 1; mask < 1<<b.planes; mask++ {
		dst := grow(starts[mask], len(inside))
		for p := 0; p < len(dst); p += n {
			to, from := dst[p:][:n], inside[p:][:n]
			for c, one := range b.ones {
				to[c] = int32(mask)*one - int32(zeroPoint)*from[c]
			}
			for c, v := range bias {
				to[c] += v
			}
		}
		starts[mask] = dst
	}
}

// bitRow is one output row of a block of 16 outputs: see convRowBits.
type bitRow struct {
	y, init       *int32
	x, w          *uint32
	pixels        int
	kRows, kRun   int
	xRow, xPix    int
	yPix, initPix int
	shift         int
}

// run computes one picture's sums acc (OutH, OutW, Cout) from the starts of start.
func (b *bitWeights) run(s *Scratch, g *Conv, acc []int32, starts *[4][]int32, codes []uint8) {
	outputs, size := len(b.ones), g.padH()*g.padW()*b.words
	x := s.uint32s(0, b.planes*size)
	padBits(x, codes, s.bytes(2, g.W*b.words*32), g, b.words)
	mask := 0
	for p := range b.planes {
		if slices.ContainsFunc(x[p*size:][:size], func(v uint32) bool { return v != 0 }) {
			mask |= 1 << p
		}
	}
	mask = max(mask, 1) // zeros in every plane: any one of them will do
	init, rows, initPix := starts[mask], g.rows().middle(), outputs
	if len(init) == outputs {
		rows, initPix = middle{0, g.OutH() - 1}, 0
	}
	kSize := g.taps() * b.words * lanes
	for block := range outputs / lanes {
		width := min(lanes, g.Cout-block*lanes)
		tail := s.int32s(2, g.OutW()*lanes)
		for i := range g.OutH() {
			from := init[rows.class(i)*g.OutW()*initPix+block*lanes:]
			out := acc[i*g.OutW()*g.Cout+block*lanes:][:(g.OutW()-1)*g.Cout+width]
			a := bitRow{init: &from[:(g.OutW()-1)*initPix+lanes][0], initPix: initPix, y: &tail[0], yPix: lanes,
				w: &b.packed[block*kSize:][:kSize][0], pixels: g.OutW(), kRows: g.Kernel.H, kRun: g.Kernel.W * b.words,
				xRow: g.padW() * b.words, xPix: g.Stride.W * b.words}
			if width == lanes {
				a.y, a.yPix = &out[0], g.Cout
			}
			for ; mask>>a.shift > 0; a.shift++ {
				if mask>>a.shift&1 == 1 {
					reach := (a.kRows-1)*a.xRow + (a.pixels-1)*a.xPix + a.kRun
					a.x = &x[a.shift*size:][:size][i*g.Stride.H*a.xRow:][:reach][0]
					convRowBits(&a)
					a.init, a.initPix = a.y, a.yPix
				}
			}
			if width < lanes {
				for p := range g.OutW() {
					copy(out[p*g.Cout:][:width], tail[p*lanes:])
				}
			}
		}
	}
}

// padBits packs a picture's codes into planes dst (planes, Top+H+Bottom, Left+W+Right, words),
// 0 on the border. wide has room for a row of codes with 32*words channels.
func padBits(dst []uint32, codes, wide []uint8, g *Conv, words int) {
	clear(dst)
	clear(wide)
	rowLen := g.padW() * words
	for i := range g.H {
		row := codes[i*g.W*g.Cin:][:g.W*g.Cin]
		if g.Cin < words*32 {
			for p := range g.W {
				copy(wide[p*words*32:], row[p*g.Cin:][:g.Cin])
			}
			row = wide
		}
		for p := 0; p*g.padH()*rowLen < len(dst); p++ {
			packBits(dst[(p*g.padH()+i+g.Pad.Top)*rowLen+g.Pad.Left*words:][:g.W*words], row, p)
		}
	}
}

// packBitsGeneric collects a bit plane of codes in words of 32.
func packBitsGeneric(dst []uint32, codes []uint8, plane int) {
	for i := range dst {
		dst[i] = 0
		for j := 0; j < 32; j += 8 {
			// The product moves the bits of eight bytes to the top byte, the first lowest.
			eight := binary.LittleEndian.Uint64(codes[32*i+j:]) >> plane & 0x0101010101010101
			dst[i] |= uint32(eight*0x0102040810204080>>56) << j
		}
	}
}

func convRowBitsGeneric(a *bitRow) {
	for p := range a.pixels {
		var count [lanes]int
		for k := range a.kRows * a.kRun {
			x := *at(a.x, k/a.kRun*a.xRow+p*a.xPix+k%a.kRun)
			for l := range count {
				count[l] += mathbits.OnesCount32(x ^ *at(a.w, k*lanes+l))
			}
		}
		for l, n := range count {
			*at(a.y, p*a.yPix+l) = *at(a.init, p*a.initPix+l) - int32(n<<a.shift)
		}
	}
}
