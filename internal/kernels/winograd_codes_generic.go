package kernels

// squareRoom is where kernels keep a square that is mapped in one direction.
type squareRoom [36][8]int32

// squareSums describes to a kernel the 4x4 sums of a row of tiles with 16*blocks channels: of the products src, of whose 36
// elements element i starts at i*element, and of init, one for each channel or, with initRow and initPix, for each sum.
type squareSums struct {
	src, init        []int32
	tiles, blocks    int
	element          int
	initRow, initPix int
	z                *squareRoom
}

// products and inits are what a kernel reads.
func (a *squareSums) products() []int32 {
	return a.src[:35*a.element+a.tiles*a.blocks*lanes]
}

func (a *squareSums) inits() []int32 {
	return a.init[:3*a.initRow+(sumSquare*a.tiles-1)*a.initPix+a.blocks*lanes]
}

// The maps of a row or a column of a square: see winograd_codes.go. What they have not is 0.

func mapCodes(d [6]int32) [6]int32 {
	return [6]int32{4*d[0] - 5*d[2] + d[4], -4*d[1] - 4*d[2] + d[3] + d[4], 4*d[1] - 4*d[2] - d[3] + d[4],
		-2*d[1] - d[2] + 2*d[3] + d[4], 2*d[1] - d[2] - 2*d[3] + d[4], 4*d[1] - 5*d[3] + d[5]}
}

func mapTaps(g [6]int32) [6]int32 {
	return [6]int32{6 * g[0], g[0] + g[1] + g[2], g[0] - g[1] + g[2], g[0] + 2*g[1] + 4*g[2], g[0] - 2*g[1] + 4*g[2], 6 * g[2]}
}

func mapSums(m [6]int32) [6]int32 {
	return [6]int32{m[0] - 4*m[1] - 4*m[2] + m[3] + m[4], -2*m[1] + 2*m[2] + m[3] - m[4],
		-m[1] - m[2] + m[3] + m[4], -m[1] + m[2] + 2*m[3] - 2*m[4] + m[5]}
}

// mapSquare maps the columns of a square x and then the rows.
func mapSquare(f func([6]int32) [6]int32, x *[6][6]int32) {
	for range 2 { // of the transpose, back to the square
		var z [6][6]int32
		for j := range z {
			for i, v := range f([6]int32{x[0][j], x[1][j], x[2][j], x[3][j], x[4][j], x[5][j]}) {
				z[j][i] = v
			}
		}
		*x = z
	}
}

func winogradCodesGeneric(dst []int16, src []uint8, tiles, channels, srcRow, element int) {
	var x [6][6]int32
	for at := range tiles * channels {
		from := at/channels*sumSquare*channels + at%channels
		for i := range 36 {
			x[i/6][i%6] = int32(src[from+i/6*srcRow+i%6*channels])
		}
		mapSquare(mapCodes, &x)
		for i := range 36 {
			dst[i*element+at] = int16(x[i/6][i%6])
		}
	}
}

func winogradTapsGeneric(dst []int16, src []int8, pairs, outputs, tap, element int) {
	for at := range pairs * 2 * lanes {
		ci, l := at/(2*lanes)*2+at%2, at%(2*lanes)/2
		var x [6][6]int32
		for i := range 9 {
			x[i/3][i%3] = int32(src[i*tap+ci*outputs+l])
		}
		mapSquare(mapTaps, &x)
		for i := range 36 {
			dst[i*element+at] = int16(x[i/6][i%6])
		}
	}
}

// squareSumsGeneric calls store with each of the sums, and its row, column and channel.
func squareSumsGeneric(a *squareSums, store func(i, j, c int, sum int32)) {
	const ninth = 0x38e38e39 // modulo 2^32
	twos := [sumSquare]int{3, 2, 1, 1}
	channels := a.blocks * lanes
	var x [6][6]int32
	for at := range a.tiles * channels {
		t, c := at/channels, at%channels
		for i := range 36 {
			x[i/6][i%6] = a.src[i*a.element+at]
		}
		mapSquare(mapSums, &x)
		for i, row := range x[:sumSquare] {
			for o, v := range row[:sumSquare] {
				j := t*sumSquare + o
				store(i, j, c, v*ninth>>(twos[i]+twos[o])+a.init[i*a.initRow+j*a.initPix+c])
			}
		}
	}
}

func winogradSumsGeneric(dst []int32, dstRow, dstPix int, a *squareSums) {
	squareSumsGeneric(a, func(i, j, c int, sum int32) { dst[i*dstRow+j*dstPix+c] = sum })
}

func winogradSumsCodesGeneric(dst []uint8, dstRow, dstPix int, a *squareSums, q *Requantization, first int) {
	squareSumsGeneric(a, func(i, j, c int, sum int32) { dst[i*dstRow+j*dstPix+c] = q.code(sum, first+c) })
}
