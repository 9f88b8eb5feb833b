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
	if g.Stride*g.Cin%256 == 0 {
		return lanes
	}
	return 0
}

// window returns the rows of picture n that the given output rows see.
func (l *WeightGrad) window(s *Scratch, n, from, rows int) xWindow {
	g := &l.G
	gap := g.pixelGap()
	w := xWindow{pixel: g.Cin + gap, run: g.K * g.Cin, runs: 1}
	if gap > 0 {
		w.run, w.runs = g.Cin, g.K
	}
	if g.K == 1 && gap == 0 && l.Codes.Data != nil && g.Cin < 64 { // only the rows that are used
		w.row, w.pix = g.W*g.Cin, g.Stride*g.Cin
		w.step, w.data = w.row, s.float32s(0, rows*w.row)
		for i := range rows {
			l.copyPixels(w.data[i*w.row:], s, n, (from+i)*g.Stride*g.W, g.W, g.Cin)
		}
		return w
	}
	if g.K == 1 && (gap > 0 || l.Codes.Data != nil) { // only the pixels that are used
		ow := g.OutW()
		w.row, w.step, w.pix = ow*w.pixel, ow*w.pixel, w.pixel
		w.data = s.float32s(0, rows*w.row)
		for p := range rows * ow {
			l.copyPixels(w.data[p*w.pixel:], s, n, ((from+p/ow)*g.W+p%ow)*g.Stride, 1, w.pixel)
		}
		return w
	}
	w.row, w.pix = g.padW()*w.pixel, g.Stride*w.pixel
	w.step = g.Stride * w.row
	if g.Pad == 0 && gap == 0 && l.Codes.Data == nil {
		w.data = l.X.At(s, n)[from*w.step:]
	} else {
		w.data = l.padded(s, n, border{g.Pad, g.Pad, g.Pad, g.Pad}, from*g.Stride, (rows-1)*g.Stride+g.K, w.pixel)
	}
	return w
}

// padded returns rows of picture n in float32 with a border, counted in the picture with its border. Pixels are pixel
// elements apart.
func (l *WeightGrad) padded(s *Scratch, n int, b border, from, rows, pixel int) []float32 {
	g := &l.G
	rowLen := (b.left + g.W + b.right) * pixel
	xp := s.float32s(0, rows*rowLen)
	for i := range rows {
		d, y := xp[i*rowLen:][:rowLen], from+i-b.top
		if y < 0 || y >= g.H {
			clear(d)
			continue
		}
		clear(d[:b.left*pixel])
		l.copyPixels(d[b.left*pixel:], s, n, y*g.W, g.W, pixel)
		clear(d[(b.left+g.W)*pixel:])
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
