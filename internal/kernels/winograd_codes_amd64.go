//go:build !noasm

package kernels

// The slices are cut to what the kernels touch, so that a wrong size panics here.

// winogradCodes computes dst = B' d B for a row of tiles of codes with 16*blocks channels: element i starts at i*element.
func winogradCodes(dst []int16, src []uint8, z *squareRoom, tiles, blocks, srcRow, element int) {
	channels := blocks * lanes
	dst, src = dst[:35*element+tiles*channels], src[:5*srcRow+(sumSquare*tiles+2)*channels]
	if level == generic {
		winogradCodesGeneric(dst, src, tiles, channels, srcRow, element)
		return
	}
	winogradCodesAVX2(&dst[0], &src[0], &z[0][0], tiles, blocks, srcRow, element)
}

// winogradTaps computes dst = G g G' for 16 outputs of weights, interleaving two inputs. From one of the 9 taps to the next
// are tap weights.
func winogradTaps(dst []int16, src []int8, z *squareRoom, pairs, outputs, tap, element int) {
	dst, src = dst[:35*element+2*lanes*pairs], src[:8*tap+(2*pairs-1)*outputs+lanes]
	if level == generic {
		winogradTapsGeneric(dst, src, pairs, outputs, tap, element)
		return
	}
	winogradTapsAVX2(&dst[0], &src[0], &z[0][0], pairs, outputs, tap, element)
}

// winogradSums computes the 4x4 sums of a row of tiles.
func winogradSums(dst []int32, dstRow, dstPix int, a *squareSums) {
	channels := a.blocks * lanes
	dst, src, init := dst[:3*dstRow+(sumSquare*a.tiles-1)*dstPix+channels], a.products(), a.inits()
	if level == generic {
		winogradSumsGeneric(dst, dstRow, dstPix, a)
		return
	}
	winogradSumsAVX2(&dst[0], &src[0], &init[0], &a.z[0][0], a.tiles, a.blocks, dstRow, dstPix, a.element, a.initRow, a.initPix)
}

// winogradSumsCodes is winogradSums with the sums' codes, of output channels from c on.
func winogradSumsCodes(dst []uint8, dstRow, dstPix int, a *squareSums, q *Requantization, c int) {
	channels := a.blocks * lanes
	dst, src, init, mult := dst[:3*dstRow+(sumSquare*a.tiles-1)*dstPix+channels], a.products(), a.inits(), q.Multiplier[c:][:channels]
	if level == generic {
		winogradSumsCodesGeneric(dst, dstRow, dstPix, a, q, c)
		return
	}
	b := boundsOf(q.ZeroPoint, q.Lo, q.Hi)
	winogradSumsCodesAVX2(&dst[0], &src[0], &init[0], &a.z[0][0], a.tiles, a.blocks, dstRow, dstPix, a.element, a.initRow, a.initPix, &mult[0], b.most, b.zeroPoint, b.least)
}
