package kernels

// xWindow is a part of a padded picture in float32. Strides count elements.
type xWindow struct {
	data      []float32
	pixel     int // from a pixel to the next
	row       int // from a row to the next
	step, pix int // from an output row or column to the next
	run, runs int // a kernel row is so many runs of consecutive inputs, one a pixel or one in all
}

// pixelGap is what lies between the pixels of a wide picture, so that the same channel of several does not always fall into
// the same few sets of the first-level cache.
func (g *Conv) pixelGap() int {
	if g.Stride.W*g.Cin%256 == 0 {
		return lanes
	}
	return 0
}

// window returns the rows of picture n that the given output rows see.
func (l *WeightGrad) window(s *Scratch, n, from, rows int) xWindow {
	g := &l.G
	gap := g.pixelGap()
	w := xWindow{pixel: g.Cin + gap, run: g.Kernel.W * g.Cin, runs: 1}
	if gap > 0 {
		w.run, w.runs = g.Cin, g.Kernel.W
	}
	point := g.Kernel == Size{1, 1}
	if point && gap == 0 && l.Codes.Data != nil && g.Cin < 64 { // only the rows that are used
		w.row, w.pix = g.W*g.Cin, g.Stride.W*g.Cin
		w.step, w.data = w.row, s.float32s(0, rows*w.row)
		for i := range rows {
			l.copyPixels(w.data[i*w.row:], s, n, (from+i)*g.Stride.H*g.W, g.W, g.Cin)
		}
		return w
	}
	if point && (gap > 0 || l.Codes.Data != nil) { // only the pixels that are used
		ow := g.OutW()
		w.row, w.step, w.pix = ow*w.pixel, ow*w.pixel, w.pixel
		w.data = s.float32s(0, rows*w.row)
		for p := range rows * ow {
			l.copyPixels(w.data[p*w.pixel:], s, n, (from+p/ow)*g.Stride.H*g.W+p%ow*g.Stride.W, 1, w.pixel)
		}
		return w
	}
	w.row, w.pix = g.padW()*w.pixel, g.Stride.W*w.pixel
	w.step = g.Stride.H * w.row
	if g.Pad == (Border{}) && gap == 0 && l.Codes.Data == nil {
		w.data = l.X.At(s, n)[from*w.step:]
	} else {
		w.data = l.padded(s, n, g.Pad, from*g.Stride.H, (rows-1)*g.Stride.H+g.Kernel.H, w.pixel)
	}
	return w
}

// padded returns rows of picture n in float32 with a border, counted in the picture with its border. Pixels are pixel
// elements apart.
func (l *WeightGrad) padded(s *Scratch, n int, b Border, from, rows, pixel int) []float32 {
	g := &l.G
	rowLen := (b.Left + g.W + b.Right) * pixel
	xp := s.float32s(0, rows*rowLen)
	for i := range rows {
		d, y := xp[i*rowLen:][:rowLen], from+i-b.Top
		if y < 0 || y >= g.H {
			clear(d)
			continue
		}
		clear(d[:b.Left*pixel])
		l.copyPixels(d[b.Left*pixel:], s, n, y*g.W, g.W, pixel)
		clear(d[(b.Left+g.W)*pixel:])
	}
	return xp
}

// copyPixels writes count pixels of picture n in float32, pixel elements apart.
func (l *WeightGrad) copyPixels(dst []float32, s *Scratch, n, from, count, pixel int) {
	c := l.G.Cin
	if pixel == c { // all at once
		c, count = c*count, 1
	}
	for p := range count {
		d, at := dst[p*pixel:][:c], from*l.G.Cin+p*c
		switch {
		case l.Codes.Data == nil:
			copy(d, l.X.At(s, n)[at:])
		case l.Offset != 0:
			dequantizeRow(d, l.Codes.At(s, n)[at:][:c], l.ZeroPoint, l.Scale)
			a, b := l.factors(c)
			affineRow(d, d, a, b)
		default:
			codesToFloat(d, l.Codes.At(s, n)[at:][:c], l.ZeroPoint)
		}
	}
}
