package kernels

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The matrices of F(2, 3) as in Lavin and Gray 2015, equation 6, with the signs of the last row of B' and the last column of
// A' exchanged.
var winogradMatrices = map[squareMap][][]float64{
	inputSquare:      {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, -1, 0, 1}},
	outputSquare:     {{1, 1, 1, 0}, {0, 1, -1, 1}},
	weightSquare:     {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}},
	outputGradSquare: {{1, 0}, {1, 1}, {1, -1}, {0, 1}},
	weightGradSquare: {{1, 0.5, 0.5, 0}, {0, 0.5, -0.5, 0}, {0, 0.5, 0.5, 1}},
}

// squareCase draws tiles of squares with gaps between all strides of dst; squares of src overlap, as those of a picture.
func squareCase(rng *rand.Rand, m squareMap) (squares, int, int) {
	n := sizes[m]
	a := squares{tiles: 1 + rng.IntN(6), blocks: 1 + rng.IntN(4)}
	width := a.blocks * lanes
	a.dstTile = width + rng.IntN(9)
	a.dstCol = a.tiles*a.dstTile + rng.IntN(9)
	a.dstRow = n.out*a.dstCol + rng.IntN(9)
	a.srcTile, a.srcCol, a.srcRow = rng.IntN(99), rng.IntN(99), rng.IntN(99)
	return a, (a.tiles-1)*a.dstTile + (n.out-1)*(a.dstRow+a.dstCol) + width,
		(a.tiles-1)*a.srcTile + (n.in-1)*(a.srcRow+a.srcCol) + width
}

func TestSquares(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 32))
	for m, matrix := range winogradMatrices {
		for range 20 {
			a, ndst, nsrc := squareCase(rng, m)
			// Small integers make every step exact.
			a.dst, a.src = make([]float32, ndst), make([]float32, nsrc)
			for i := range a.src {
				a.src[i] = float32(rng.IntN(200) - 100)
			}
			a.run(m)
			for tile := range a.tiles {
				for l := range a.blocks * lanes {
					for i := range sizes[m].out {
						for o := range sizes[m].out {
							want := 0.0
							for k := range sizes[m].in {
								for j := range sizes[m].in {
									want += matrix[i][k] * matrix[o][j] * float64(a.src[tile*a.srcTile+k*a.srcRow+j*a.srcCol+l])
								}
							}
							if got := a.dst[tile*a.dstTile+i*a.dstRow+o*a.dstCol+l]; float64(got) != want {
								t.Fatalf("map %d, tile %d, lane %d, element (%d, %d) = %v, want %v", m, tile, l, i, o, got, want)
							}
						}
					}
				}
			}
		}
	}
}

// What Winograd's filtering computes does not depend on how many tiles are in work together: a picture that is as wide as
// several of the tallest groups gives the same as its parts.
func TestWinogradGroups(t *testing.T) {
	g := Conv{N: 1, H: 70, W: 64, Cin: 16, Cout: 16}.Square(3, 1, 1)
	if (g.H+1)/2 <= 2*winogradRows((g.W+1)/2, g.Cin+g.Cout, 16*g.Cin*g.Cout) {
		t.Fatal("the picture is too small for this test")
	}
	rng := rand.New(rand.NewPCG(33, 34))
	p := NewPool(1)
	defer p.Close()
	x, w := normal(rng, g.InLen()), normal(rng, g.WeightLen())
	y := make([]float32, g.OutLen())
	ConvForward(p, g, y, x, w)
	top := g
	top.H = 8 // its last row but one does not see the lower edge
	yTop := make([]float32, top.OutLen())
	ConvForward(p, top, yTop, x[:top.InLen()], w)
	n := 6 * g.W * g.Cout
	if !slices.Equal(bits(yTop[:n]), bits(y[:n])) {
		t.Error("the upper part of a picture differs from the whole")
	}
}
