//go:build !amd64 || noasm

package kernels

import "github.com/qat-go/qat/internal/random"

func bestPath() path { return generic }

func addsPairs() bool  { return false }
func bitsFrom(int) int { return 256 }

func convRow(a *row[float32, float32, float32])                                  { convRowGeneric(a) }
func convRowBytes(a *row[uint8, int8, int32])                                    { convRowBytesGeneric(a) }
func convRowWords(a *row[int16, int16, int32])                                   { convRowWordsGeneric(a) }
func convRowBits(a *bitRow)                                                      { convRowBitsGeneric(a) }
func convDepth(a *depth)                                                         { convDepthGeneric(a) }
func wgradDepth(a *depthGrad)                                                    { wgradDepthGeneric(a) }
func copyBlock(dst, src []float32, rows, pixels, dstRow, srcRow, srcPix int) int { return 0 }
func codesBlock(dst []float32, src []uint8, rows, pixels, dstRow, srcRow, srcPix int, zeroPoint uint8) int {
	return 0
}
func convDepthFinished(a *finishedDepth)                  { convDepthFinishedGeneric(a) }
func wgradRow(a *wgrad)                                   { wgradRowGeneric(a) }
func mapSquares(m squareMap, a *squares)                  { mapSquaresGeneric(m, a) }
func sgdRow(q *SGD, w, v, g []float32) int                { return 0 }
func reluRow(y, x []float32)                              { reluRowGeneric(y, x) }
func reluGradRow(dx, y, dy []float32)                     { reluGradRowGeneric(dx, y, dy) }
func relu6Row(y, x []float32)                             { relu6RowGeneric(y, x) }
func relu6GradRow(dx, y, dy []float32)                    { relu6GradRowGeneric(dx, y, dy) }
func addRow(y, a, b []float32)                            { addRowGeneric(y, a, b) }
func affineRow(y, x, a, b []float32)                      { affineRowGeneric(y, x, a, b) }
func affine2Row(y, g, x, a, b, d []float32)               { affine2RowGeneric(y, g, x, a, b, d) }
func momentsRow(sum, squares, x, shift []float32)         { momentsRowGeneric(sum, squares, x, shift) }
func gradSumsRow(sum, dot, dy, x, shift []float32)        { gradSumsRowGeneric(sum, dot, dy, x, shift) }
func anyNaN(x []float32) bool                             { return anyNaNGeneric(x) }
func quantizeRow(codes []uint8, x []float32, q *Uniform)  { quantizeRowGeneric(codes, x, q) }
func codesToFloat(y []float32, codes []uint8, zp uint8)   { codesToFloatGeneric(y, codes, zp) }
func scaleInts(y []float32, acc []int32, scale []float32) { scaleIntsGeneric(y, acc, scale) }

func tiles() bool            { return false }
func convTiled(a *tiledConv) {}

func quads() bool                                                           { return false }
func depthQuads(a *quadRow)                                                 {}
func interleave(quads []uint32, rows *[4][]uint8, from, n, pixels, pix int) {}

func words() bool           { return false }
func depthWords(a *wordRow) {}

func finishes(int, bool) bool        { return false }
func convRowFinished(a *finishedRow) {}

func mapBytes(y, x []uint8, table *[256]uint8) int { return 0 }

func fmaPeak(n int) (flops int) { return fmaPeakGeneric(n) }
func bytePeak(n int) (ops int)  { return bytePeakGeneric(n) }

func packBits(dst []uint32, codes []uint8, plane int) { packBitsGeneric(dst, codes, plane) }

func winogradCodes(dst []int16, src []uint8, _ *squareRoom, tiles, blocks, srcRow, element int) {
	winogradCodesGeneric(dst, src, tiles, blocks*lanes, srcRow, element)
}

func winogradTaps(dst []int16, src []int8, _ *squareRoom, pairs, outputs, tap, element int) {
	winogradTapsGeneric(dst, src, pairs, outputs, tap, element)
}

func winogradSums(dst []int32, dstRow, dstPix int, a *squareSums) {
	winogradSumsGeneric(dst, dstRow, dstPix, a)
}

func winogradSumsCodes(dst []uint8, dstRow, dstPix int, a *squareSums, q *Requantization, c int) {
	winogradSumsCodesGeneric(dst, dstRow, dstPix, a, q, c)
}

func widenCodes(words []int16, codes []uint8) { widenCodesGeneric(words, codes) }

func quantizeGradRow(sum *[lanes]float32, dx, x, dy []float32, q *Uniform) {
	quantizeGradRowGeneric(sum, dx, x, dy, q)
}

func dequantizeRow(y []float32, codes []uint8, zeroPoint uint8, scale float32) {
	dequantizeRowGeneric(y, codes, zeroPoint, scale)
}

func requantizeRow(codes []uint8, acc []int32, mult []float32, zeroPoint, lo, hi float32) {
	requantizeRowGeneric(codes, acc, mult, zeroPoint, lo, hi)
}

func affineQuantizeRow(codes []uint8, z, a, b []float32, q *Uniform) {
	affineQuantizeRowGeneric(codes, z, a, b, q)
}

func affineUniformSumsRow(sum, dot []float32, ds *[lanes]float32, dy, z, a, b, shift []float32, q *Uniform) {
	affineUniformSumsRowGeneric(sum, dot, ds, dy, z, a, b, shift, q)
}

func affineUniformGradRow(dz, dy, z, a, b, p, q, r []float32, to *Uniform) {
	affineUniformGradRowGeneric(dz, dy, z, a, b, p, q, r, to)
}

func residualQuantizeRow(codes []uint8, z, a, b []float32, stream []uint8, branch, from, to *Uniform) {
	residualQuantizeRowGeneric(codes, z, a, b, stream, branch, from, to)
}

func residualSumsRow(dx, sum, dot []float32, dsTo, dsBranch *[lanes]float32, dy, z, a, b, shift []float32, stream []uint8, branch, from, to *Uniform) {
	residualSumsRowGeneric(dx, sum, dot, dsTo, dsBranch, dy, z, a, b, shift, stream, branch, from, to)
}

func addCodesRow(codes, a, b []uint8, q *CodeSum) { addCodesRowGeneric(codes, a, b, q) }

func requantizeGradRow(ds *[lanes]float32, dx []float32, stream []uint8, dy []float32, from, to *Uniform) {
	requantizeGradRowGeneric(ds, dx, stream, dy, from, to)
}

func staircaseSumsRow(sum, dot []float32, parts *[5 * lanes]float32, dy, z, a, b, shift []float32, q *Staircase) {
	staircaseSumsRowGeneric(sum, dot, parts, dy, z, a, b, shift, q)
}

func staircasePassRow(dx []float32, parts *[5 * lanes]float32, dy, x []float32, offset float32, q *Staircase) {
	staircasePassRowGeneric(dx, parts, dy, x, offset, q)
}

func staircaseGradRow(dz, dy, z, a, b, p, q, r []float32, to *Staircase) {
	staircaseGradRowGeneric(dz, dy, z, a, b, p, q, r, to)
}

func staircaseRow(y, z, a, b []float32, q *Staircase) { staircaseRowGeneric(y, z, a, b, q) }

func ladderCodesRow(codes []uint8, z, a, b []float32, q *Staircase) {
	levelCodesRowGeneric(codes, z, a, b, q)
}

func drawnCodesRow(codes []uint8, z, a, b []float32, q *Staircase) {
	levelCodesRowGeneric(codes, z, a, b, q)
}

func floatTile(int) int { return 1 }
func byteTile(int) int  { return 1 }

func weightCodesRow(codes []int8, x, scale []float32, qn, qp float32) {
	weightCodesRowGeneric(codes, x, scale, qn, qp)
}

func weightSlopesRow(dx, slope, x, dy, scale []float32, qn, qp float32) {
	weightSlopesRowGeneric(dx, slope, x, dy, scale, qn, qp)
}

func channelTotalsRow(sum []float64, x []float32) { channelTotalsRowGeneric(sum, x) }

func matrixRows(y []float32, init *[lanes]float32, a, b []float32, rows, k, aRow, aStep int) {
	matrixRowsGeneric(y, init, a, b, rows, k, aRow, aStep)
}

func dropoutRow(y, x []float32, scale, rate float32, draws random.Stream) {
	dropoutRowGeneric(y, x, scale, rate, draws, 0)
}
