package kernels

// tiledWeights is what a convolution of bytes in tiles needs beside its weights: pixels of a row, in pairs of tiles, times 16
// outputs, over parts of a row of taps.
type tiledWeights struct {
	shapes [64]byte // of the CPU's tiles
	pixels int      // of a tile
	part   int      // groups of 4 inputs of a tile
	pairs  []tilePair
}

// tilePair is where two tiles read and write, in elements.
type tilePair struct{ x, y [2]int }

const (
	tilePixels = 16
	tileGroups = 16
	tileSums   = 4 * tilePixels * lanes // of two tiles of pixels times two of outputs
)

// plan lays out tiles for g and tells whether there are any.
func (t *tiledWeights) plan(g *Conv, run int) bool {
	oh, ow, xStep, xPix := g.OutH(), g.OutW(), g.Stride.H*g.padW()*g.Cin, g.Stride.W*g.Cin
	if g.square(1, 1, 0) { // pixels are where they are in the output
		oh, ow = 1, oh*ow
	}
	n := (ow + tilePixels - 1) / tilePixels // tiles of a row
	t.pixels, t.part = (ow+n-1)/n, tilePart(run)
	if t.pixels < 2 || t.part < 4 && t.part < run {
		return false
	}
	count := 0
	t.pairs = t.pairs[:0]
	for i := range oh {
		for j := range n {
			p := min(j*t.pixels, ow-t.pixels) // the last overlaps the one before
			x, y := i*xStep+p*xPix, (i*ow+p)*g.Cout
			if count%2 == 0 {
				t.pairs = append(t.pairs, tilePair{x: [2]int{x, x}, y: [2]int{y, y}})
			} else {
				t.pairs[count/2].x[1], t.pairs[count/2].y[1] = x, y
			}
			count++
		}
	}
	t.shapes = [64]byte{0: 1}
	for tile := range 8 {
		rows, bytes := t.pixels, 4*lanes
		switch {
		case tile >= 6: // weights
			rows = t.part
		case tile >= 4: // inputs
			bytes = 4 * t.part
		}
		t.shapes[16+2*tile], t.shapes[48+tile] = byte(bytes), byte(rows)
	}
	return true
}

// tilePart returns how many groups of a run a tile takes: as many as there may be in equal parts.
func tilePart(run int) int {
	for part := min(run, tileGroups); ; part-- {
		if run%part == 0 {
			return part
		}
	}
}

// tiledConv describes to a kernel the convolution of two blocks of outputs, which may be the same: for l < 32 where bit l of
// mask is set, the pixels of each of two tiles, and all pairs of tiles,
//
//	acc = init[l] + sum of products, as row has them
//
// goes to sums or, as [Requantize] has it, to codes.
type tiledConv struct {
	tiles             *tiledWeights
	sums              *int32
	codes             *uint8
	init, scratch     *int32
	x                 *uint8
	w                 *int8
	second            int // block 1 is so many blocks behind block 0: 1 or 0
	kRows, kRun       int
	xRow, xPix, yPix  int
	wBlock            int
	mask              uint32
	factors           *float32 // of each output channel, for codes
	zeroPoint, lo, hi uint8
}

// tiled computes picture n from its padded codes x in tiles: codes, or sums if they are wanted instead.
func (l *IntForward) tiled(s *Scratch, n int, x []uint8, sums []int32) {
	w, q := l.Weights, &l.Requant
	g := &w.g
	run, nb := w.run(), blocksOf(g.Cout)
	a := tiledConv{tiles: &w.tiles, scratch: &s.int32s(2, tileSums)[0], x: &x[0], kRows: g.Kernel.H, kRun: run, xRow: g.padW() * g.Cin, xPix: g.Stride.W * g.Cin,
		yPix: g.Cout, wBlock: g.Kernel.H * run * w.group * lanes, zeroPoint: uint8(q.ZeroPoint), lo: uint8(q.Lo), hi: uint8(q.Hi)}
	var codes []uint8
	if sums == nil {
		codes = q.Y.At(s, n)
	}
	for b := 0; b < nb; b += 2 {
		b := max(0, min(b, nb-2)) // an odd last block comes with the one before it
		a.second = min(1, nb-1)
		a.mask = uint32(1<<min(2*lanes, g.Cout-b*lanes) - 1)
		a.w, a.init = &w.bytes[b*a.wBlock], &l.init[b*lanes]
		if sums != nil {
			a.sums = &sums[b*lanes]
		} else {
			a.codes, a.factors = &codes[b*lanes], &l.factors[b*lanes]
		}
		convTiled(&a)
	}
}
