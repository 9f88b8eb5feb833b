//go:build !noasm

package kernels

func mapSquares(m squareMap, a *squares) {
	switch level {
	case avx512:
		mapSquaresAVX512(m, a)
	case avx2:
		mapSquaresAVX2(m, a)
	default:
		mapSquaresGeneric(m, a)
	}
}

func mapSquaresAVX512(m squareMap, a *squares) {
	dst, src := &a.dst[0], &a.src[0]
	switch m {
	case inputSquare:
		winogradInputAVX512(dst, src, a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	case outputSquare:
		winogradOutputAVX512(dst, src, a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	case weightSquare:
		winogradWeightsAVX512(dst, src, a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	case outputGradSquare:
		winogradOutputGradAVX512(dst, src, a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	case weightGradSquare:
		winogradWeightsGradAVX512(dst, src, a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	case inputSquare4:
		winogradInput4AVX512(dst, src, a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	case outputSquare4:
		winogradOutput4AVX512(dst, src, a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	case weightSquare4:
		winogradWeights4AVX512(dst, src, a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	case outputGradSquare4:
		winogradOutputGrad4AVX512(dst, src, a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	default:
		winogradWeightsGrad4AVX512(dst, src, a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	}
}

func mapSquaresAVX2(m squareMap, a *squares) {
	dst, src := &a.dst[0], &a.src[0]
	switch m {
	case inputSquare:
		winogradInputAVX2(dst, src, a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	case outputSquare:
		winogradOutputAVX2(dst, src, a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	case weightSquare:
		winogradWeightsAVX2(dst, src, a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	case outputGradSquare:
		winogradOutputGradAVX2(dst, src, a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	case weightGradSquare:
		winogradWeightsGradAVX2(dst, src, a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	case inputSquare4:
		winogradInput4AVX2(dst, src, a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	case outputSquare4:
		winogradOutput4AVX2(dst, src, a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	case weightSquare4:
		winogradWeights4AVX2(dst, src, a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	case outputGradSquare4:
		winogradOutputGrad4AVX2(dst, src, a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	default:
		winogradWeightsGrad4AVX2(dst, src, a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	}
}
