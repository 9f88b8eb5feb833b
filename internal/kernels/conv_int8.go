package kernels

// IntWeights are a convolution's integer weights in the order that the integer
// row kernels read: [block of 16 outputs][K][K*Cin in groups][16][group].
// Byte kernels take groups of 4 inputs, word kernels groups of 2. Pictures
// are padded to whole groups in the channels, so Cin is padded too.
type IntWeights struct {
	g     Conv
	cin   int // Cin rounded up to a multiple of 4
	group int // inputs a lane takes at a time: 4 bytes or 2 words
	bytes []int8
	words []int16
	sum   []int32 // sum of each output's weights, for the zero point
}

// PackIntWeights packs w (K, K, Cin, Cout) into dst, whose memory it reuses,
// and returns it; dst may be nil.
func PackIntWeights(dst *IntWeights, g Conv, w []int8) *IntWeights {
	if dst == nil {
		dst = &IntWeights{}
	}
	dst.g, dst.cin, dst.group = g, (g.Cin+3)&^3, intGroup()
	nb, taps := blocksOf(g.Cout), g.K*g.K
	n := nb * lanes * taps * dst.cin
	dst.sum = grow(dst.sum, nb*lanes)
	clear(dst.sum)
	group := dst.group
	at := func(tap, ci, co int) int {
		return ((co/lanes*taps+tap)*dst.cin/group+ci/group)*lanes*group + co%lanes*group + ci%group
	}
	if group == 4 {
		dst.bytes = grow(dst.bytes, n)
		clear(dst.bytes)
	} else {
		dst.words = grow(dst.words, n)
		clear(dst.words)
	}
	for tap := 0; tap < taps; tap++ {
		for ci := 0; ci < g.Cin; ci++ {
			for co, v := range w[(tap*g.Cin+ci)*g.Cout:][:g.Cout] {
				dst.sum[co] += int32(v)
				if group == 4 {
					dst.bytes[at(tap, ci, co)] = v
				} else {
					dst.words[at(tap, ci, co)] = int16(v)
				}
			}
		}
	}
	return dst
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

type intArgs struct {
	w         *IntWeights
	codes     []uint8
	zeroPoint uint8
	init      []int32
	each      func(worker, n int, acc []int32)
	y, scale  []float32 // instead of each: y = scale*acc
}

// ConvInt computes, exactly in int32,
//
//	acc[n,i,j,c] = bias[c] + sum (codes - zeroPoint) * weights
//
// for codes (N, H, W, Cin) padded with the zero point, and calls each(n, acc)
// with acc (OutH, OutW, Cout) of picture n, on some worker, while the sums are
// in cache. acc may be overwritten; it is valid until each returns. bias may be
// nil. The caller guarantees K*K*Cin*255*max|w| < 2^31.
func ConvInt(p *Pool, w *IntWeights, n int, codes []uint8, zeroPoint uint8, bias []int32, each func(worker, n int, acc []int32)) {
	convInt(p, n, bias, intArgs{w: w, codes: codes, zeroPoint: zeroPoint, each: each})
}

// ConvForwardCodes computes y = scale[c] * acc as float32 for y (N, OutH, OutW,
// Cout), where acc is the exact integer sum of ConvInt. scale has Cout entries:
// input scale times weight scale, in float32.
func ConvForwardCodes(p *Pool, w *IntWeights, n int, y []float32, codes []uint8, zeroPoint uint8, scale []float32) {
	convInt(p, n, nil, intArgs{w: w, codes: codes, zeroPoint: zeroPoint, y: y[:n*w.g.outImage()], scale: scale[:w.g.Cout]})
}

func convInt(p *Pool, n int, bias []int32, a intArgs) {
	g := &a.w.g
	a.codes = a.codes[:n*g.inImage()]
	a.init = p.common.int32s(0, len(a.w.sum))
	for c := range a.init {
		a.init[c] = -int32(a.zeroPoint) * a.w.sum[c]
		if c < len(bias) {
			a.init[c] += bias[c]
		}
	}
	loop(p, n, a, func(s *Scratch, n int, a *intArgs) {
		w := a.w
		g := &w.g
		acc := s.int32s(1, g.outImage())
		codes := a.codes[n*g.inImage():][:g.inImage()]
		size := g.padH() * g.padW() * w.cin
		if w.group == 4 {
			x := codes
			if g.Pad > 0 || w.cin != g.Cin {
				x = s.bytes(0, size)
				padCodes(x, codes, g, w.cin, a.zeroPoint)
			}
			runInts(s, w, acc, a.init, x, w.bytes)
		} else {
			x := s.int16s(0, size)
			padCodes(x, codes, g, w.cin, a.zeroPoint)
			runInts(s, w, acc, a.init, x, w.words)
		}
		if a.each != nil {
			a.each(s.worker, n, acc)
		} else {
			scaleInts(a.y[n*len(acc):][:len(acc)], acc, a.scale)
		}
	})
}

func runInts[X, W any](s *Scratch, w *IntWeights, acc, init []int32, x []X, packed []W) {
	g := &w.g
	m := plane[X, W, int32]{
		y: acc, init: init, x: x, w: packed, tail: s.int32s(2, g.OutW()*2*lanes),
		outH: g.OutH(), outW: g.OutW(), channels: g.Cout, kRows: g.K, kRun: g.K * w.cin / w.group, group: w.group,
		xRow: g.padW() * w.cin, xPix: g.Stride * w.cin, xStep: g.Stride * g.padW() * w.cin,
		yRow: g.OutW() * g.Cout, yPix: g.Cout,
	}
	m.run()
}

// padCodes copies one picture of codes into dst (H+2 pad, W+2 pad, cin). The
// border holds the zero point; channels added by rounding up hold anything,
// because their weights are 0.
func padCodes[T uint8 | int16](dst []T, src []uint8, g *Conv, cin int, zeroPoint uint8) {
	rowLen, left := g.padW()*cin, g.Pad*cin
	fill(dst[:g.Pad*rowLen], T(zeroPoint))
	for i := 0; i < g.H; i++ {
		d := dst[(i+g.Pad)*rowLen:][:rowLen]
		fill(d[:left], T(zeroPoint))
		copyCodes(d[left:rowLen-left], src[i*g.W*g.Cin:][:g.W*g.Cin], g.Cin, cin)
		fill(d[rowLen-left:], T(zeroPoint))
	}
	fill(dst[(g.Pad+g.H)*rowLen:(g.Pad+g.H+g.Pad)*rowLen], T(zeroPoint))
}

// copyCodes copies src (pixels, from) into dst (pixels, to), to >= from.
func copyCodes[T uint8 | int16](dst []T, src []uint8, from, to int) {
	if from == to {
		switch d := any(dst).(type) {
		case []uint8:
			copy(d, src)
		case []int16:
			widenCodes(d, src)
		}
		return
	}
	for ; len(src) > 0; dst, src = dst[to:], src[from:] {
		d := dst[:to]
		for c, v := range src[:from] {
			d[c] = T(v)
		}
		clear(d[from:])
	}
}

func fill[T any](s []T, v T) {
	for i := range s {
		s[i] = v
	}
}
