package kernels

// The weight gradient of a tap is a matrix product over the pixels of all images of a sum, whatever the size of an image. Some
// pixels at a time, x is laid out in panels, the channels of one tile of the kernel each, and 32 channels of dy side by side:
// a panel and its part of dy lie in the first-level cache, all panels in work in the second-level cache. Where the cuts are
// makes no difference to a sum.
const (
	panelPixels = 256       // of a pass over dw, at most
	panelFloats = 128 << 10 // of the panels in work
	panelPairs  = 4         // whose dy is laid out in one go
)

// panels tells that the sums are computed this way: a pixel has enough channels for a tile.
func (l *WeightGrad) panels() bool {
	return l.G.WeightLen() >= wgradFar && l.G.Cin >= lanes && l.G.winograd() == nil && !l.G.depthwise()
}

// panelChannels is how many channels a panel has at most: as many as fit whole tiles.
func panelChannels() int { return lanes / floatTile(2) * floatTile(2) }

// spell is some pixels of the images of a sum, [first, end) counted from its first image on.
type spell struct{ first, end int }

// images calls do for the part of each image: pixels [from, to) of image n, behind at others.
func (p spell) images(pixels, first int, do func(n, from, to, at int)) {
	for i := p.first; i < p.end; {
		from := i % pixels
		to := min(pixels, from+p.end-i)
		do(first+i/pixels, from, to, i-p.first)
		i += to - from
	}
}

// addPanels adds images from first to end to a partial sum, for pairs in [from, to). fresh tells that they are its first.
func (l *WeightGrad) addPanels(s *Scratch, sum []float32, first, end, from, to int, fresh, lastPicture bool) {
	g := &l.G
	pixels := g.OutH() * g.OutW()
	all := (end - first) * pixels
	spells := (all + panelPixels - 1) / panelPixels
	each := (g.Cin + panelChannels() - 1) / panelChannels() // panels of a tap
	size := (all + spells - 1) / spells
	group := max(1, panelFloats/(size*lanes))
	for i := range spells {
		p := spell{i * all / spells, (i + 1) * all / spells}
		count := p.end - p.first
		if end-first == 1 {
			l.need(s, first, (p.end+g.OutW()-1)/g.OutW(), (count+g.OutW()-1)/g.OutW(), lastPicture)
		} else if next := min(all, p.end+size); !l.DY.Local {
			s.ahead.need(MemoryOf(l.DY.Data[(first*pixels+p.end)*g.Cout:(first*pixels+next)*g.Cout], 1))
		}
		for u := 0; u < each*g.taps(); u += group {
			n := min(group, each*g.taps()-u)
			x := s.float32s(0, n*count*lanes)
			p.images(pixels, first, func(image, lo, hi, at int) {
				src := l.source(s, image, lo, hi)
				for j := range n {
					src.panel(x[(j*count+at)*lanes:], g, (u+j)/each, (u+j)%each*g.Cin/each, lo, hi)
				}
			})
			for k := from; k < to; k++ {
				q := l.pair(k)
				part := sum[q.from*l.rows:][:l.rows*q.width]
				dy, dyPix := l.dyPanel(s, from, k, to, p, pixels, first)
				for j := range n {
					tap, panel := (u+j)/each, (u+j)%each
					c := panel * g.Cin / each
					run := (panel+1)*g.Cin/each - c
					at := (tap*g.Cin + c) * q.width
					dw := part[at:][:run*q.width]
					(&wgrad{dw: &dw[0], x: &x[j*count*lanes:][:count*lanes][0], dy: &dy[:(count-1)*dyPix+q.width][0],
						rows: 1, cols: count, blocks: q.blocks, kRun: run, xPix: lanes, dyPix: dyPix, dwRow: q.width,
						fetch: s.ahead.takeOr(wgradSteps(run, q.blocks, count), part[at+len(dw):min(at+2*len(dw), len(part))])}).add(fresh && i == 0)
				}
			}
		}
	}
}

// dyPanel returns the channels of pair k of [from, end) and the distance of two pixels: in place where they fill near lines, else
// laid out, some pairs in one go.
func (l *WeightGrad) dyPanel(s *Scratch, from, k, end int, p spell, pixels, first int) (dy []float32, dyPix int) {
	g, q := &l.G, l.pair(k)
	if p.first/pixels == (p.end-1)/pixels && q.to-q.from == q.width && g.Cout <= wgradStride {
		return l.DY.At(s, first+p.first/pixels)[p.first%pixels*g.Cout+q.from:], g.Cout
	}
	size := 2 * lanes * (p.end - p.first)
	dy = s.float32s(1, panelPairs*size)
	if i := (k - from) % panelPairs; i > 0 {
		return dy[i*size:], q.width
	}
	end = min(k+panelPairs, end)
	p.images(pixels, first, func(n, from, to, at int) {
		src := l.DY.At(s, n)
		whole := min(end*2*lanes, g.Cout/(2*lanes)*2*lanes)
		for i := range to - from {
			d, x := dy[(at+i)*2*lanes:], src[(from+i)*g.Cout:][:g.Cout]
			for c := k * 2 * lanes; c < whole; c += 2 * lanes {
				*(*[2 * lanes]float32)(d[(c/(2*lanes)-k)*size:]) = *(*[2 * lanes]float32)(x[c:])
			}
		}
		if q := l.pair(end - 1); q.to-q.from < 2*lanes {
			gather(dy[(end-1-k)*size+at*q.width:][:(to-from)*q.width], src[from*g.Cout:], g.Cout, q)
		}
	})
	return dy, q.width
}

// panelSource is an image that panels are laid out from: floats, or codes whose reals are their distance from a zero point.
type panelSource struct {
	floats    []float32
	codes     []uint8 // instead
	zeroPoint uint8
}

// source returns image n, of which the given pixels of the output are to be summed.
func (l *WeightGrad) source(s *Scratch, n, from, to int) panelSource {
	g := &l.G
	switch {
	case l.Codes.Data == nil:
		return panelSource{floats: l.X.At(s, n)}
	case l.Offset == 0:
		return panelSource{codes: l.Codes.At(s, n), zeroPoint: l.ZeroPoint}
	}
	floats, ow := s.float32s(2, g.inImage()), g.OutW()
	top := max(0, from/ow*g.Stride.H-g.Pad.Top)
	bottom := min(g.H, (to-1)/ow*g.Stride.H-g.Pad.Top+g.Kernel.H)
	l.copyPixels(floats[top*g.W*g.Cin:], s, n, top*g.W, (bottom-top)*g.W, g.Cin)
	return panelSource{floats: floats}
}

// panel writes what a tap sees of 16 channels, from channel c on, at the output's pixels [from, to): dst (pixels, 16). What it
// writes for channels beyond the last is anything.
func (x *panelSource) panel(dst []float32, g *Conv, tap, c, from, to int) {
	if g.square(1, 1, 0) {
		x.pixels(dst, from*g.Cin+c, to-from, g.Cin)
		return
	}
	ow, row, left := g.OutW(), tap/g.Kernel.W-g.Pad.Top, tap%g.Kernel.W-g.Pad.Left
	for p := from; p < to; {
		j, n := p%ow, min(to-p, ow-p%ow)
		y := p/ow*g.Stride.H + row
		lo, hi := j, j // inside the image
		if y >= 0 && y < g.H {
			lo = min(max(j, (max(0, -left)+g.Stride.W-1)/g.Stride.W), j+n)
			hi = max(lo, min(j+n, (g.W-1-left)/g.Stride.W+1))
		}
		clear(dst[:(lo-j)*lanes])
		if hi > lo {
			x.pixels(dst[(lo-j)*lanes:], (y*g.W+lo*g.Stride.W+left)*g.Cin+c, hi-lo, g.Stride.W*g.Cin)
		}
		clear(dst[(hi-j)*lanes : n*lanes])
		dst, p = dst[n*lanes:], p+n
	}
}

// pixels copies 16 channels of count pixels, pix apart, from element at on.
func (x *panelSource) pixels(dst []float32, at, count, pix int) {
	whole := min(count, (len(x.floats)+len(x.codes)-at-lanes)/pix+1) // whose 16 channels are there
	if len(x.floats)+len(x.codes) < at+lanes || whole == 0 {
		whole = 0
	} else if x.codes != nil {
		whole *= codesBlock(dst, x.codes[at:], 1, whole, 0, 0, pix, x.zeroPoint)
	} else {
		whole *= copyBlock(dst, x.floats[at:], 1, whole, 0, 0, pix)
	}
	for p := whole; p < count; p++ {
		if x.codes == nil {
			copy(dst[p*lanes:][:lanes], x.floats[at+p*pix:])
			continue
		}
		from := x.codes[at+p*pix:]
		codesToFloatGeneric(dst[p*lanes:], from[:min(lanes, len(from))], x.zeroPoint)
	}
}
