//go:build !noasm

package kernels

import (
	"math"

	"golang.org/x/sys/cpu"
)

// hasVNNI is whether the CPU multiplies and adds bytes in one instruction.
var hasVNNI = cpu.X86.HasAVX512VNNI

// hasPopcount is whether the CPU counts the bits of 16 lanes in one instruction.
var hasPopcount = cpu.X86.HasAVX512VPOPCNTDQ

func bestPath() path {
	c := &cpu.X86
	switch {
	case !c.HasAVX2 || !c.HasFMA:
		return generic
	case c.HasAVX512F && c.HasAVX512BW && c.HasAVX512DQ && c.HasAVX512VL:
		return avx512
	}
	return avx2
}

// addsPairs tells that byte kernels add pairs of products in int16, which can
// overflow.
func addsPairs() bool { return level == avx2 || level == avx512 && !hasVNNI }

// bitsFrom returns the number of products in a sum from which counting bits in so
// many planes is faster than multiplying bytes.
func bitsFrom(planes int) int {
	switch {
	case level == generic || level == avx512 && hasPopcount:
		return 256
	case level == avx512 && hasVNNI:
		return math.MaxInt
	}
	return 256 * planes
}

// Kernels do whole vectors in assembly and leave the rest to the portable form,
// whose bits are the same. Switches, rather than variables, let the compiler see
// that arguments do not escape.

// floatTile is how many pixels the largest tile of a row of floats has, or inputs that of a weight gradient.
func floatTile(blocks int) int {
	switch {
	case level != avx512:
		return 6
	case blocks == 2:
		return 14
	}
	return 16
}

// byteTile is how many pixels the largest tile of a row of bytes has.
func byteTile(blocks int) int {
	if level != avx512 {
		return 6
	}
	return 16 / blocks
}

func convRow(a *row[float32, float32, float32]) {
	switch {
	case level == avx512 && a.blocks == 2:
		convRowPairAVX512(a.y, a.x, a.w, a.pixels, a.kRows, a.kRun, a.xRow, a.xPix, a.yPix, a.fetch.at, a.fetch.step, a.wBlock)
	case level == avx512:
		convRowAVX512(a.y, a.x, a.w, a.pixels, a.kRows, a.kRun, a.xRow, a.xPix, a.yPix, a.fetch.at, a.fetch.step)
	case level == avx2:
		for b := range a.blocks {
			convRowAVX2(at(a.y, b*lanes), a.x, at(a.w, b*a.wBlock), a.pixels, a.kRows, a.kRun, a.xRow, a.xPix, a.yPix, a.fetch.at, a.fetch.step)
		}
	default:
		convRowGeneric(a)
	}
}

func convRowBytes(a *row[uint8, int8, int32]) {
	switch {
	case addsPairs() && a.steps == 1: // to widen in registers is faster than to load and store sums at each step
		for b := range a.blocks {
			convRowWidenedAVX2(at(a.y, b*lanes), at(a.init, b*lanes), a.x, at(a.w, b*a.wBlock),
				a.pixels, a.kRows, a.kRun, a.xRow, a.xPix, a.yPix, a.fetch.at, a.fetch.step)
		}
	case addsPairs():
		for b := range a.blocks {
			convRowPairsAVX2(at(a.y, b*lanes), at(a.init, b*lanes), a.x, at(a.w, b*a.wBlock),
				a.pixels, a.kRows, a.kRun, a.xRow, a.xPix, a.yPix, a.fetch.at, a.fetch.step, a.steps)
		}
	case level == generic:
		convRowBytesGeneric(a)
	case a.blocks == 2:
		convRowBytesPairAVX512(a.y, a.init, a.x, a.w, a.pixels, a.kRows, a.kRun, a.xRow, a.xPix, a.yPix, a.fetch.at, a.fetch.step, a.wBlock)
	default:
		convRowBytesAVX512(a.y, a.init, a.x, a.w, a.pixels, a.kRows, a.kRun, a.xRow, a.xPix, a.yPix, a.fetch.at, a.fetch.step)
	}
}

// tiles tells that convTiled is there.
func tiles() bool { return level == avx512 && hasTiles }

// hasTiles is whether the CPU multiplies matrices of bytes.
var hasTiles = hasVNNI && cpu.X86.HasAMXTile && cpu.X86.HasAMXInt8 && allowTiles()

func convTiled(a *tiledConv) {
	t := a.tiles
	parts, most := a.kRun/t.part, float32(a.hi)-float32(a.zeroPoint)
	init, w := at(a.init, a.second*lanes), at(a.w, a.second*a.wBlock)
	if a.codes == nil {
		convTilesSumsAVX512(&t.shapes[0], &t.pairs[0].x[0], len(t.pairs), a.scratch, a.init, init, a.x, a.w, w,
			t.pixels, a.kRows, parts, t.part, a.xRow, a.xPix, a.yPix, a.mask, a.sums)
		return
	}
	convTilesCodesAVX512(&t.shapes[0], &t.pairs[0].x[0], len(t.pairs), a.scratch, a.init, init, a.x, a.w, w,
		t.pixels, a.kRows, parts, t.part, a.xRow, a.xPix, a.yPix, a.mask, a.codes,
		a.factors, at(a.factors, a.second*lanes), most, 0x10001*uint32(a.zeroPoint), 0x1010101*uint32(a.lo))
}

// quads tells that depthQuads is there.
func quads() bool { return level == avx512 && hasVNNI }

func depthQuads(a *quadRow) {
	depthQuadsAVX512(a.y, a.x, a.w, &a.taps[0], len(a.taps), a.init, a.factors, a.vectors, a.xStep, a.yStep,
		float32(a.hi)-float32(a.zeroPoint), 0x10001*uint32(a.zeroPoint), 0x1010101*uint32(a.lo))
}

// interleave writes the bytes of rows, from element from on, as quads: n for each of so many pixels, pix apart.
func interleave(quads []uint32, rows *[4][]uint8, from, n, pixels, pix int) {
	end := from + (pixels-1)*pix + n
	interleaveAVX512(&quads[:n*pixels][0], &rows[0][from:end][0], &rows[1][from:end][0], &rows[2][from:end][0], &rows[3][from:end][0],
		n, pixels, pix, 1<<(n%lanes)-1)
}

// words tells that depthWords is there.
func words() bool { return level == avx2 }

func depthWords(a *wordRow) {
	b := boundsOf(a.zeroPoint, a.lo, a.hi)
	if a.rows == 2 {
		depthWordsPairAVX2(a.y, a.x, a.w, a.init, a.factors, a.pixels, a.xRow, a.yRow, a.pix, b.most, b.zeroPoint, b.least)
	} else {
		depthWordsHalfAVX2(a.y, a.x, a.w, a.init, a.factors, a.pixels, a.xRow, a.yRow, a.pix, b.most, b.zeroPoint, b.least)
	}
}

// finishes tells that convRowFinished is there, for codes or for floats. Without VNNI, steps are what IntWeights have.
func finishes(steps int, codes bool) bool {
	return level == avx512 && hasVNNI || addsPairs() && codes && steps > 1
}

func convRowFinished(a *finishedRow) {
	switch {
	case addsPairs():
		c := boundsOf(a.zeroPoint, a.lo, a.hi)
		for b := range a.blocks {
			convRowPairsCodesAVX2(at(a.codes, b*lanes), a.sums, at(a.init, b*lanes), a.x, at(a.w, b*a.wBlock), a.pixels, a.kRows, a.kRun,
				a.xRow, a.xPix, a.yPix, a.fetch.at, a.fetch.step, a.steps, at(a.factors, b*lanes), c.most, c.zeroPoint, c.least)
		}
	case a.codes == nil && a.blocks == 2:
		convRowScaledPairAVX512(a.y, a.init, a.x, a.w, a.pixels, a.kRows, a.kRun, a.xRow, a.xPix, a.yPix, a.fetch.at, a.fetch.step, a.wBlock, a.factors)
	case a.codes == nil:
		convRowScaledAVX512(a.y, a.init, a.x, a.w, a.pixels, a.kRows, a.kRun, a.xRow, a.xPix, a.yPix, a.fetch.at, a.fetch.step, a.factors)
	case a.blocks == 2:
		convRowCodesPairAVX512(a.codes, a.init, a.x, a.w, a.pixels, a.kRows, a.kRun, a.xRow, a.xPix, a.yPix, a.fetch.at, a.fetch.step, a.wBlock, a.factors, a.zeroPoint, a.lo, a.hi)
	default:
		convRowCodesAVX512(a.codes, a.init, a.x, a.w, a.pixels, a.kRows, a.kRun, a.xRow, a.xPix, a.yPix, a.fetch.at, a.fetch.step, a.factors, a.zeroPoint, a.lo, a.hi)
	}
}

func convRowWords(a *row[int16, int16, int32]) {
	if level == generic {
		convRowWordsGeneric(a)
		return
	}
	for b := range a.blocks {
		convRowWordsAVX2(at(a.y, b*lanes), at(a.init, b*lanes), a.x, at(a.w, b*a.wBlock),
			a.pixels, a.kRows, a.kRun, a.xRow, a.xPix, a.yPix, a.fetch.at, a.fetch.step)
	}
}

func convRowBits(a *bitRow) {
	switch {
	case level == avx512 && hasPopcount:
		convRowBitsAVX512(a.y, a.init, a.x, a.w, a.pixels, a.kRows, a.kRun, a.xRow, a.xPix, a.yPix, a.initPix, a.shift)
	case level == generic:
		convRowBitsGeneric(a)
	default:
		convRowBitsAVX2(a.y, a.init, a.x, a.w, a.pixels, a.kRows, a.kRun, a.xRow, a.xPix, a.yPix, a.initPix, a.shift)
	}
}

func packBits(dst []uint32, codes []uint8, plane int) {
	if level == generic {
		packBitsGeneric(dst, codes, plane)
		return
	}
	codes = codes[:32*len(dst)]
	packBitsAVX2(&dst[0], &codes[0], len(dst), plane)
}

func wgradRow(a *wgrad) {
	switch {
	case level == avx512 && a.blocks == 2:
		wgradRowPairAVX512(a.dw, a.init, a.x, a.dy, a.rows, a.cols, a.kRun, a.xRow, a.xPix, a.dyRow, a.dyPix, a.dwRow, a.initRow, a.fetch.at, a.fetch.step)
	case level == avx512:
		wgradRowAVX512(a.dw, a.init, a.x, a.dy, a.rows, a.cols, a.kRun, a.xRow, a.xPix, a.dyRow, a.dyPix, a.dwRow, a.initRow, a.fetch.at, a.fetch.step)
	case level == avx2:
		for b := range a.blocks {
			wgradRowAVX2(at(a.dw, b*lanes), at(a.init, b*lanes), a.x, at(a.dy, b*lanes), a.rows, a.cols, a.kRun, a.xRow, a.xPix, a.dyRow, a.dyPix, a.dwRow, a.initRow, a.fetch.at, a.fetch.step)
		}
	default:
		wgradRowGeneric(a)
	}
}

func convDepth(a *depth) {
	switch level {
	case avx512:
		convDepthAVX512(a.y, a.x, a.w, a.rows, a.pixels, a.kRows, a.kRun, a.xRow, a.xPix, a.xStep, a.yRow, a.yPix)
	case avx2:
		convDepthAVX2(a.y, a.x, a.w, a.rows, a.pixels, a.kRows, a.kRun, a.xRow, a.xPix, a.xStep, a.yRow, a.yPix)
	default:
		convDepthGeneric(a)
	}
}

func wgradDepth(a *depthGrad) {
	switch level {
	case avx512:
		wgradDepthAVX512(a.dw, a.x, a.dy, a.rows, a.cols, a.kRows, a.kRun, a.xRow, a.xPix, a.xStep, a.dyRow, a.dyPix, a.dwRow)
	case avx2:
		for l := 0; l < lanes; l += 8 {
			wgradDepthAVX2(at(a.dw, l), at(a.x, l), at(a.dy, l), a.rows, a.cols, a.kRows, a.kRun, a.xRow, a.xPix, a.xStep, a.dyRow, a.dyPix, a.dwRow)
		}
	default:
		wgradDepthGeneric(a)
	}
}

// copyBlock and codesBlock copy whole rows and return how many.
func copyBlock(dst, src []float32, rows, pixels, dstRow, srcRow, srcPix int) int {
	rows = blockRows(len(src), rows, pixels, srcRow, srcPix)
	switch {
	case rows == 0:
	case level == avx512:
		copyBlockAVX512(&dst[0], &src[0], rows, pixels, dstRow, srcRow, srcPix)
	default:
		copyBlockAVX2(&dst[0], &src[0], rows, pixels, dstRow, srcRow, srcPix)
	}
	return rows
}

func codesBlock(dst []float32, src []uint8, rows, pixels, dstRow, srcRow, srcPix int, zeroPoint uint8) int {
	rows = blockRows(len(src), rows, pixels, srcRow, srcPix)
	switch {
	case rows == 0:
	case level == avx512:
		codesBlockAVX512(&dst[0], &src[0], rows, pixels, dstRow, srcRow, srcPix, int32(zeroPoint))
	default:
		codesBlockAVX2(&dst[0], &src[0], rows, pixels, dstRow, srcRow, srcPix, int32(zeroPoint))
	}
	return rows
}

// blockRows returns how many of the rows end in a source of n elements with whole vectors.
func blockRows(n, rows, pixels, srcRow, srcPix int) int {
	for level != generic && rows > 0 && (rows-1)*srcRow+(pixels-1)*srcPix+lanes > n {
		rows--
	}
	if level == generic {
		return 0
	}
	return rows
}

func convDepthFinished(a *finishedDepth) {
	switch {
	case level == generic:
		convDepthFinishedGeneric(a)
	case a.sums != nil && level == avx512:
		convDepthSumsAVX512(a.sums, a.x, a.w, a.rows, a.pixels, a.kRows, a.kRun, a.xRow, a.xPix, a.xStep, a.yRow, a.yPix, a.init)
	case a.sums != nil:
		convDepthSumsAVX2(a.sums, a.x, a.w, a.rows, a.pixels, a.kRows, a.kRun, a.xRow, a.xPix, a.xStep, a.yRow, a.yPix, a.init)
	case a.scaled != nil && level == avx512:
		convDepthScaledAVX512(a.scaled, a.x, a.w, a.rows, a.pixels, a.kRows, a.kRun, a.xRow, a.xPix, a.xStep, a.yRow, a.yPix, a.init, a.factors)
	case a.scaled != nil:
		convDepthScaledAVX2(a.scaled, a.x, a.w, a.rows, a.pixels, a.kRows, a.kRun, a.xRow, a.xPix, a.xStep, a.yRow, a.yPix, a.init, a.factors)
	case level == avx512:
		convDepthCodesAVX512(a.codes, a.x, a.w, a.rows, a.pixels, a.kRows, a.kRun, a.xRow, a.xPix, a.xStep, a.yRow, a.yPix, a.init, a.factors, a.zeroPoint, a.lo, a.hi)
	default:
		convDepthCodesAVX2(a.codes, a.x, a.w, a.rows, a.pixels, a.kRows, a.kRun, a.xRow, a.xPix, a.xStep, a.yRow, a.yPix, a.init, a.factors, a.zeroPoint, a.lo, a.hi)
	}
}

func widenCodes(words []int16, codes []uint8) {
	n := 0
	if level != generic && len(codes) >= lanes {
		n = len(codes) &^ (lanes - 1)
		widenCodesAVX2(&words[:n][0], &codes[0], n)
	}
	widenCodesGeneric(words[n:], codes[n:])
}

func fmaPeak(n int) (flops int) {
	switch level {
	case avx512:
		fmaPeakAVX512(n)
		return n * 12 * 16 * 2
	case avx2:
		fmaPeakAVX2(n)
		return n * 12 * 8 * 2
	}
	return fmaPeakGeneric(n)
}

// bytePeak multiplies bytes and adds the products n times as fast as the path can, and returns how many operations that are.
func bytePeak(n int) (ops int) {
	switch {
	case tiles():
		shapes := [64]byte{0: 1}
		for tile := range 8 {
			shapes[16+2*tile], shapes[48+tile] = 4*lanes, tilePixels
		}
		tilePeakAVX512(&shapes[0], n)
		return n * 4 * tilePixels * lanes * 4 * tileGroups * 2
	case level == generic:
		return bytePeakGeneric(n)
	case addsPairs():
		bytePeakAVX2(n)
		return n * 12 * 32 * 2
	}
	bytePeakAVX512(n)
	return n * 12 * 64 * 2
}

// hasVBMI is whether the CPU looks bytes up in a table of 128.
var hasVBMI = cpu.X86.HasAVX512VBMI

// mapBytes looks whole vectors up and returns how many bytes are done.
func mapBytes(y, x []uint8, table *[256]uint8) int {
	n := len(x) &^ 63
	switch {
	case level == generic || n == 0:
		return 0
	case level == avx512 && hasVBMI:
		mapBytesRowAVX512(&y[0], &x[0], &table[0], n)
	default:
		mapBytesRowAVX2(&y[0], &x[0], &table[0], n)
	}
	return n
}
