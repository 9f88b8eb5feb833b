package kernels

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The matrices of F(2, 3) as in Lavin and Gray 2015, equation 6, with the signs of the last row of B' and the last column of
// A' exchanged, and those of F(4, 3).
var winogradMatrices = map[squareMap][][]float64{
	inputSquare:      {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, -1, 0, 1}},
	outputSquare:     {{1, 1, 1, 0}, {0, 1, -1, 1}},
	weightSquare:     {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}},
	outputGradSquare: {{1, 0}, {1, 1}, {1, -1}, {0, 1}},
	weightGradSquare: {{1, 0.5, 0.5, 0}, {0, 0.5, -0.5, 0}, {0, 0.5, 0.5, 1}},

	inputSquare4:      evaluate4().input,
	outputSquare4:     transposed(evaluate4().outputGrad),
	weightSquare4:     evaluate4().weight,
	outputGradSquare4: evaluate4().outputGrad,
	weightGradSquare4: transposed(evaluate4().weight),
}

type matrices struct{ input, weight, outputGrad [][]float64 }

// evaluate4 makes the matrices of F(4, 3) from its points, the roots of polynomials whose products it interpolates (Toom and
// Cook): B' has the coefficients of the product of x - q over all other points q, G the powers of a point divided by
// its value there, A the powers.
func evaluate4() (m matrices) {
	points := []float64{0, 0.75, -0.75, 1.5, -1.5}
	product := func(but int) []float64 {
		p := []float64{1, 0, 0, 0, 0, 0}
		for j, q := range points {
			if j == but {
				continue
			}
			for k := 5; k > 0; k-- {
				p[k] = p[k-1] - q*p[k]
			}
			p[0] *= -q
		}
		return p
	}
	for i, x := range points {
		value := 0.0
		for k, c := range product(i) {
			value += c * math.Pow(x, float64(k))
		}
		m.input = append(m.input, product(i))
		m.weight = append(m.weight, []float64{1 / value, x / value, x * x / value})
		m.outputGrad = append(m.outputGrad, []float64{1, x, x * x, x * x * x})
	}
	m.input = append(m.input, product(-1)) // and infinity
	m.weight = append(m.weight, []float64{0, 0, 1})
	m.outputGrad = append(m.outputGrad, []float64{0, 0, 0, 1})
	return m
}

func transposed(m [][]float64) [][]float64 {
	t := make([][]float64, len(m[0]))
	for i := range t {
		for _, row := range m {
			t[i] = append(t[i], row[i])
		}
	}
	return t
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
			a.dst, a.src = make([]float32, ndst), make([]float32, nsrc)
			for i := range a.src { // small integers make every step of F(2, 3) exact
				a.src[i] = float32(rng.IntN(200) - 100)
			}
			a.run(m)
			for tile := range a.tiles {
				for l := range a.blocks * lanes {
					for i := range sizes[m].out {
						for o := range sizes[m].out {
							want, most := 0.0, 0.0
							for k := range sizes[m].in {
								for j := range sizes[m].in {
									v := matrix[i][k] * matrix[o][j] * float64(a.src[tile*a.srcTile+k*a.srcRow+j*a.srcCol+l])
									want += v
									most += math.Abs(v)
								}
							}
							if m < inputSquare4 {
								most = 0
							}
							if got := a.dst[tile*a.dstTile+i*a.dstRow+o*a.dstCol+l]; !(math.Abs(float64(got)-want) <= most*0x1p-22) {
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
	testWinogradGroups(t, Conv{N: 1, H: 70, W: 64, Cin: 16, Cout: 16}.Square(3, 1, 1), 8)
	testWinogradGroups(t, Conv{N: 1, H: 50, W: 100, Cin: 64, Cout: 64}.Square(3, 1, 1), 12)
}

func testWinogradGroups(t *testing.T, g Conv, rows int) {
	if f := g.winograd(); f.tiles(g.H) <= 2*f.rows(f.tiles(g.W), g.Cin+g.Cout, g.winogradLen()) {
		t.Fatal("the picture is too small for this test")
	}
	rng := rand.New(rand.NewPCG(33, 34))
	p := NewPool(1)
	defer p.Close()
	x, w := normal(rng, g.InLen()), normal(rng, g.WeightLen())
	y := make([]float32, g.OutLen())
	ConvForward(p, g, y, x, w)
	top := g
	top.H = rows // the last but one does not see the lower edge, nor do those of tiles above it
	yTop := make([]float32, top.OutLen())
	ConvForward(p, top, yTop, x[:top.InLen()], w)
	n := (rows - g.winograd().step) * g.W * g.Cout
	if !slices.Equal(bits(yTop[:n]), bits(y[:n])) {
		t.Error("the upper part of a picture differs from the whole")
	}
}
