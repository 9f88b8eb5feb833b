package kernels

// Requantization turns a convolution's sums into codes, as [Requantize] does.
type Requantization struct {
	Y                 Pictures[uint8]
	Multiplier        []float32
	ZeroPoint, Lo, Hi float32
}

// code is the code of a sum in channel c.
func (q *Requantization) code(acc int32, c int) uint8 {
	return requantize(acc, q.Multiplier[c], q.ZeroPoint, q.Lo, q.Hi)
}

// finishedRow is a row of byte products whose sums become floats or codes before
// they are stored: exactly one of y and codes is set.
type finishedRow struct {
	row[uint8, int8, int32] // but for y
	y                       *float32
	codes                   *uint8
	sums                    *int32   // scratch for codes: see convRowPairsCodes
	factors                 *float32 // of each output channel
	zeroPoint, lo, hi       float32  // of codes
}

// finishedSums are those of a tile.
const finishedSums = 6 * lanes

// finish computes picture n from its padded codes x where a kernel does it in one
// go, and tells whether.
func (l *IntForward) finish(s *Scratch, n int, x []uint8) bool {
	w := l.Weights
	g := &w.g
	if l.Sums != nil || g.Cout%lanes != 0 || !finishes(w.steps, l.toCodes()) {
		return false
	}
	run := w.run()
	xRow, oh, ow := g.padW()*g.Cin, g.OutH(), g.OutW()
	xStep := g.Stride.H * xRow
	if g.square(1, 1, 0) {
		n := joined(oh, ow)
		oh, ow, xStep = oh/n, ow*n, xStep*n
	}
	a := finishedRow{row: row[uint8, int8, int32]{
		pixels: ow, kRows: g.Kernel.H, kRun: run, xRow: xRow, xPix: g.Stride.W * g.Cin, yPix: g.Cout, wBlock: g.Kernel.H * run * w.group * lanes,
		steps: w.steps,
	}, sums: &s.int32s(2, finishedSums)[0]}
	reach := (g.Kernel.H-1)*xRow + (ow-1)*a.xPix + run*w.group
	for b := 0; b < g.Cout/lanes; b += 2 {
		a.blocks = min(2, g.Cout/lanes-b)
		width := a.blocks * lanes
		a.w, a.init = &w.bytes[b*a.wBlock:][:a.blocks*a.wBlock][0], &l.init[b*lanes:][:width][0]
		for i := range oh {
			a.fetch = s.ahead.take(a.kernelSteps())
			a.x = &x[i*xStep:][:reach][0]
			from, to := i*ow*g.Cout+b*lanes, (i+1)*ow*g.Cout-g.Cout+b*lanes+width
			if l.Requant.Y.Data != nil {
				q := &l.Requant
				a.codes, a.factors = &q.Y.At(s, n)[from:to][0], &q.Multiplier[b*lanes:][:width][0]
				a.zeroPoint, a.lo, a.hi = q.ZeroPoint, q.Lo, q.Hi
			} else {
				a.y, a.factors = &l.Y.At(s, n)[from:to][0], &l.Scale[b*lanes:][:width][0]
			}
			convRowFinished(&a)
		}
	}
	return true
}
