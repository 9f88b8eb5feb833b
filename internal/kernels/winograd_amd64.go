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
	switch m {
	case inputSquare:
		winogradInputAVX512(&a.dst[0], &a.src[0], a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	case outputSquare:
		winogradOutputAVX512(&a.dst[0], &a.src[0], a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	case weightSquare:
		winogradWeightsAVX512(&a.dst[0], &a.src[0], a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	case outputGradSquare:
		winogradOutputGradAVX512(&a.dst[0], &a.src[0], a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	default:
		winogradWeightsGradAVX512(&a.dst[0], &a.src[0], a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	}
}

func mapSquaresAVX2(m squareMap, a *squares) {
	switch m {
	case inputSquare:
		winogradInputAVX2(&a.dst[0], &a.src[0], a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	case outputSquare:
		winogradOutputAVX2(&a.dst[0], &a.src[0], a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	case weightSquare:
		winogradWeightsAVX2(&a.dst[0], &a.src[0], a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	case outputGradSquare:
		winogradOutputGradAVX2(&a.dst[0], &a.src[0], a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	default:
		winogradWeightsGradAVX2(&a.dst[0], &a.src[0], a.tiles, a.blocks, a.dstRow, a.dstCol, a.dstTile, a.srcRow, a.srcCol, a.srcTile)
	}
}
