package kernels

// squares describes to a kernel a linear map of small squares of 16*blocks channels, for tiles of them. Strides count
// float32: element (i, j) of square t is at t*Tile + i*Row + j*Col.
type squares struct {
	dst, src                []float32
	tiles, blocks           int
	dstRow, dstCol, dstTile int
	srcRow, srcCol, srcTile int
}

// squareMap is one of the maps, applied to the columns of a square and then to the rows.
type squareMap int

const (
	inputSquare      squareMap = iota // B' d B: 4x4 to 4x4
	outputSquare                      // A' m A: 4x4 to 2x2
	weightSquare                      // G g G': 3x3 to 4x4
	outputGradSquare                  // A y A': 2x2 to 4x4
	weightGradSquare                  // G' m G: 4x4 to 3x3

	inputSquare4      // the same of F(4x4, 3x3): 6x6 to 6x6
	outputSquare4     // 6x6 to 4x4
	weightSquare4     // 3x3 to 6x6
	outputGradSquare4 // 4x4 to 6x6
	weightGradSquare4 // 6x6 to 3x3
)

// sizes are the sides of the squares that a map takes and gives.
var sizes = [...]struct{ in, out int }{{4, 4}, {4, 2}, {3, 4}, {2, 4}, {4, 3}, {6, 6}, {6, 4}, {3, 6}, {4, 6}, {6, 3}}

// run applies a map. The slices are cut to what the kernel touches, so that a wrong size panics here.
func (a squares) run(m squareMap) {
	if a.tiles == 0 {
		return
	}
	reach := func(n, row, col, tile int) int {
		return (a.tiles-1)*tile + (n-1)*(row+col) + a.blocks*lanes
	}
	a.src = a.src[:reach(sizes[m].in, a.srcRow, a.srcCol, a.srcTile)]
	a.dst = a.dst[:reach(sizes[m].out, a.dstRow, a.dstCol, a.dstTile)]
	mapSquares(m, &a)
}

func mapSquaresGeneric(m squareMap, a *squares) {
	in, out := sizes[m].in, sizes[m].out
	for t := range a.tiles {
		src, dst := a.src[t*a.srcTile:], a.dst[t*a.dstTile:]
		for l := range a.blocks * lanes {
			var z [6][6]float32 // [row of the result][column of the input]
			for j := range in {
				var x [6]float32
				for k := range in {
					x[k] = src[k*a.srcRow+j*a.srcCol+l]
				}
				x = mapLine(m, &x)
				for i := range out {
					z[i][j] = x[i]
				}
			}
			for i := range out {
				y := mapLine(m, &z[i])
				for o, v := range y[:out] {
					dst[i*a.dstRow+o*a.dstCol+l] = v
				}
			}
		}
	}
}

// mapLine applies a map to a row or a column; what it has not is 0.
func mapLine(m squareMap, x *[6]float32) [6]float32 {
	switch m {
	case inputSquare:
		return [6]float32{x[0] - x[2], x[1] + x[2], x[2] - x[1], x[3] - x[1]}
	case outputSquare:
		return [6]float32{(x[0] + x[1]) + x[2], (x[1] - x[2]) + x[3]}
	case weightSquare:
		ends := x[0] + x[2]
		return [6]float32{x[0], 0.5 * (ends + x[1]), 0.5 * (ends - x[1]), x[2]}
	case outputGradSquare:
		return [6]float32{x[0], x[0] + x[1], x[0] - x[1], x[1]}
	case weightGradSquare:
		// The conversion keeps compilers from fusing the product with the sum.
		half := float32(0.5 * (x[1] + x[2]))
		return [6]float32{half + x[0], 0.5 * (x[1] - x[2]), half + x[3]}
	}
	return mapLine4(m, x)
}

// mapLine4 applies a map of F(4, 3). near and far are the squares of its points.
func mapLine4(m squareMap, x *[6]float32) [6]float32 {
	const near, far = 9. / 16, 9. / 4
	switch m {
	case inputSquare4:
		e, o := fma32(-far, x[2], x[4]), fma32(-far, x[1], x[3])
		f, p := fma32(-near, x[2], x[4]), fma32(-near, x[1], x[3])
		return [6]float32{fma32(near*far, x[0], fma32(-(near+far), x[2], x[4])), fma32(0.75, o, e), fma32(-0.75, o, e),
			fma32(1.5, p, f), fma32(-1.5, p, f), fma32(near*far, x[1], fma32(-(near+far), x[3], x[5]))}
	case outputSquare4:
		e, f := x[1]+x[2], x[3]+x[4]
		o, p := float32(0.75*(x[1]-x[2])), float32(1.5*(x[3]-x[4]))
		return [6]float32{(x[0] + e) + f, o + p, fma32(far, f, float32(near*e)), fma32(far, p, fma32(near, o, x[5]))}
	case weightSquare4:
		e, f := fma32(near, x[2], x[0]), fma32(far, x[2], x[0])
		return [6]float32{64. / 81 * x[0], -128. / 243 * fma32(0.75, x[1], e), -128. / 243 * fma32(-0.75, x[1], e),
			32. / 243 * fma32(1.5, x[1], f), 32. / 243 * fma32(-1.5, x[1], f), x[2]}
	case outputGradSquare4:
		e, o := fma32(near, x[2], x[0]), fma32(near, x[3], x[1])
		f, p := fma32(far, x[2], x[0]), fma32(far, x[3], x[1])
		return [6]float32{x[0], fma32(0.75, o, e), fma32(-0.75, o, e), fma32(1.5, p, f), fma32(-1.5, p, f), x[3]}
	default: // weightGradSquare4
		e, f, o, p := x[1]+x[2], x[3]+x[4], x[1]-x[2], x[3]-x[4]
		return [6]float32{32. / 243 * fma32(6, x[0], fma32(-4, e, f)), 16. / 81 * ((p - o) - o), fma32(8./27, f-e, x[5])}
	}
}
