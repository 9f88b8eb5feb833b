package kernels

// A grouped convolution is the dense convolution of each group on its own, whose channels are copied out of the picture and
// whose results are copied into it: the same bits as if there were no other group.

// GatherChannels copies count channels of a picture of so many channels, from channel first on, to dst, which has them alone.
func GatherChannels[T any](dst, src []T, channels, first, count int) {
	for p := range len(dst) / count {
		copy(dst[p*count:][:count], src[p*channels+first:])
	}
}

// ScatterChannels copies src, which has count channels alone, to those of dst.
func ScatterChannels[T any](dst, src []T, channels, first, count int) {
	for p := range len(src) / count {
		copy(dst[p*channels+first:][:count], src[p*count:])
	}
}

// groupWeights copies the weights of a group, in rows of outputs.
func groupWeights[T any](dst []T, g *Conv, w []T, group int) []T {
	count := g.Cout / g.Groups
	dst = grow(dst, g.WeightLen()/g.Groups)
	GatherChannels(dst, w[:g.WeightLen()], g.Cout, group*count, count)
	return dst
}

// localRoom returns memory for the picture in work of each worker.
func localRoom[T any](p *Pool, old Pictures[T], each int) Pictures[T] {
	return Pictures[T]{Data: grow(old.Data, p.Threads()*each), Each: each, Local: true}
}

func (l *Forward) beginGroups(p *Pool) {
	one := l.G.group()
	l.groups = grow(l.groups, l.G.Groups)
	x, y := localRoom(p, l.groups[0].X, one.inImage()), localRoom(p, l.groups[0].Y, one.outImage())
	for i := range l.groups {
		f := &l.groups[i]
		f.G, f.X, f.Y, f.W = one, x, y, groupWeights(f.W, &l.G, l.W, i)
		f.Begin(p)
	}
}

func (l *Forward) pictureGroups(s *Scratch, piece, n int) {
	g, x, y := &l.G, l.X.At(s, n), l.Y.At(s, n)
	for i := range l.groups {
		f := &l.groups[i]
		GatherChannels(f.X.At(s, n), x, g.Cin, i*f.G.Cin, f.G.Cin)
		f.Picture(s, piece, n)
		ScatterChannels(y, f.Y.At(s, n), g.Cout, i*f.G.Cout, f.G.Cout)
	}
}

func (l *InputGrad) beginGroups(p *Pool) {
	one := l.G.group()
	l.groups = grow(l.groups, l.G.Groups)
	dx, dy := localRoom(p, l.groups[0].DX, one.inImage()), localRoom(p, l.groups[0].DY, one.outImage())
	for i := range l.groups {
		f := &l.groups[i]
		f.G, f.DX, f.DY, f.W = one, dx, dy, groupWeights(f.W, &l.G, l.W, i)
		f.Begin(p)
	}
}

func (l *InputGrad) pictureGroups(s *Scratch, piece, n int) {
	g, dx, dy := &l.G, l.DX.At(s, n), l.DY.At(s, n)
	for i := range l.groups {
		f := &l.groups[i]
		GatherChannels(f.DY.At(s, n), dy, g.Cout, i*f.G.Cout, f.G.Cout)
		f.Picture(s, piece, n)
		ScatterChannels(dx, f.DX.At(s, n), g.Cin, i*f.G.Cin, f.G.Cin)
	}
}

// packGroups packs the weights of each group.
func (dst *IntWeights) packGroups(g Conv, w []int8, largest uint8) {
	dst.g = g
	dst.groups = grow(dst.groups, g.Groups)
	for i := range dst.groups {
		dst.codes = groupWeights(dst.codes, &g, w, i)
		dst.groups[i] = PackIntWeights(dst.groups[i], g.group(), dst.codes, largest)
	}
}

func (l *IntForward) beginGroups(p *Pool) {
	w, one := l.Weights, l.Weights.g.group()
	if len(l.groups) != len(w.groups) {
		l.groups = make([]IntForward, len(w.groups))
		for i := range l.groups {
			l.groups[i].Sums = func(s *Scratch, n int, acc []int32) {
				g := &l.Weights.g
				count := g.Cout / g.Groups
				ScatterChannels(l.acc.At(s, n), acc, g.Cout, i*count, count)
			}
		}
	}
	l.acc = localRoom(p, l.acc, w.g.outImage())
	codes := localRoom(p, l.groups[0].Codes, one.inImage())
	for i := range l.groups {
		f := &l.groups[i]
		f.Weights, f.Codes, f.ZeroPoint, f.Bias = w.groups[i], codes, l.ZeroPoint, nil
		if l.Bias != nil {
			f.Bias = l.Bias[i*one.Cout:][:one.Cout]
		}
		f.Begin(p)
	}
}

// sumGroups returns the sums of picture n.
func (l *IntForward) sumGroups(s *Scratch, n int, codes []uint8) []int32 {
	for i := range l.groups {
		f := &l.groups[i]
		c := f.Weights.g.Cin
		GatherChannels(f.Codes.At(s, n), codes, l.Weights.g.Cin, i*c, c)
		f.Picture(s, 0, n)
	}
	return l.acc.At(s, n)
}

// setGroups makes the weight gradients of each group.
func (l *WeightGrad) setGroups() {
	one := l.G.group()
	l.groups = grow(l.groups, l.G.Groups)
	for i := range l.groups {
		f := &l.groups[i]
		f.G, f.DW = one, grow(f.DW, one.WeightLen())
		f.ZeroPoint, f.Scale, f.Offset = l.ZeroPoint, l.Scale, l.Offset
		f.X, f.Codes = Pictures[float32]{}, Pictures[uint8]{}
	}
}

func (l *WeightGrad) beginGroups(p *Pool) {
	l.setGroups()
	one, size := l.groups[0].G, l.PartialLen()/l.G.Groups
	l.groupDY = localRoom(p, l.groupDY, one.outImage())
	if l.Codes.Data != nil {
		l.groupCodes = localRoom(p, l.groupCodes, one.inImage())
	} else {
		l.groupX = localRoom(p, l.groupX, one.inImage())
	}
	for i := range l.groups {
		f := &l.groups[i]
		f.DY, f.Partial = l.groupDY, nil
		if l.Partial != nil {
			f.Partial = l.Partial[i*size:][:size]
		}
		if l.Codes.Data != nil {
			f.Codes = l.groupCodes
		} else {
			f.X = l.groupX
		}
		f.Begin(p)
	}
}

func (l *WeightGrad) pictureGroups(s *Scratch, piece, n int) {
	g := &l.G
	for i := range l.groups {
		f := &l.groups[i]
		GatherChannels(f.DY.At(s, n), l.DY.At(s, n), g.Cout, i*f.G.Cout, f.G.Cout)
		if l.Codes.Data != nil {
			GatherChannels(f.Codes.At(s, n), l.Codes.At(s, n), g.Cin, i*f.G.Cin, f.G.Cin)
		} else {
			GatherChannels(f.X.At(s, n), l.X.At(s, n), g.Cin, i*f.G.Cin, f.G.Cin)
		}
		f.Picture(s, piece, n)
	}
}

func (l *WeightGrad) endGroups(p *Pool) {
	for i := range l.groups {
		f := &l.groups[i]
		f.End(p)
		ScatterChannels(l.DW, f.DW, l.G.Cout, i*f.G.Cout, f.G.Cout)
	}
}

// runGroups runs the loop alone, a group after the other: those with fewer sums than pieces are not computed by picture.
func (l *WeightGrad) runGroups(p *Pool) {
	l.setGroups()
	one, n := l.groups[0].G, l.G.N
	for i := range l.groups {
		f := &l.groups[i]
		f.DY = Batch(grow(l.groupDY.Data, one.OutLen()), n)
		GatherChannels(f.DY.Data, l.DY.Data, l.G.Cout, i*one.Cout, one.Cout)
		if l.Codes.Data != nil {
			f.Codes = Batch(grow(l.groupCodes.Data, one.InLen()), n)
			GatherChannels(f.Codes.Data, l.Codes.Data, l.G.Cin, i*one.Cin, one.Cin)
		} else {
			f.X = Batch(grow(l.groupX.Data, one.InLen()), n)
			GatherChannels(f.X.Data, l.X.Data, l.G.Cin, i*one.Cin, one.Cin)
		}
		l.groupDY, l.groupCodes, l.groupX = f.DY, f.Codes, f.X
		f.Partial = nil
		f.Run(p)
		f.partial = nil
		ScatterChannels(l.DW, f.DW, l.G.Cout, i*one.Cout, one.Cout)
	}
}
