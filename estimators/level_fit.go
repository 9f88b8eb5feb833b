package estimators

// fitSample is how many elements of a channel a fit looks at: enough for three digits of the scale.
const fitSample = 1 << 14

// fitLevels writes the scale s and the offset b of each channel for which s*q + b, q = round(clip((x-b)/s, lo, hi)),
// has a small squared distance from x. It starts from the best of some ranges about the mean, and then alternates
// between the codes and the least-squares line through (code, x); each lowers the error, so it ends in a minimum near
// the best. It is an error if x is empty or not finite.
func fitLevels(scale, offset, x []float32, lo, hi float32) error {
	ends := make([]float32, len(scale))
	if err := MinMax(offset, ends, x); err != nil {
		return err
	}
	for c := range scale {
		sample := make([]float32, 0, fitSample)
		stride := len(scale) * max(1, (len(x)/len(scale)+fitSample-1)/fitSample)
		for i := c; i < len(x); i += stride {
			sample = append(sample, x[i])
		}
		mean, _ := meanDeviation(sample, 1)
		var best, next levels
		least := -1.0
		try := func(l levels) bool {
			line, e := fitLine(l, sample)
			better := least < 0 || e < least
			if better {
				best, next, least = l, line, e
			}
			return better
		}
		for part := 1.0; part > 0.05; part *= 0.8 {
			first, last := mean+float64(part*(float64(offset[c])-mean)), mean+float64(part*(float64(ends[c])-mean))
			l := evenLevels(int(lo), int(hi), max(float32(last/float64(hi-lo)-first/float64(hi-lo)), MinScale))
			l.b = float32(first) - lo*l.s
			try(l)
		}
		for range 50 {
			if !try(next) {
				break
			}
		}
		scale[c], offset[c] = best.s, best.b
	}
	return nil
}

// fitLine returns the levels whose values are nearest to x with the codes that l gives it, and the squared error of l.
func fitLine(l levels, x []float32) (levels, float64) {
	r := &rounding{}
	var sumQ, sumX, sumQQ, sumQX, squares float64
	for _, v := range x {
		q := float64(r.round(min(max((v-l.b)/l.s, l.lo), l.hi), 0))
		d := float64(v) - float64(q*float64(l.s)) - float64(l.b)
		squares += float64(d * d)
		sumQ += q
		sumX += float64(v)
		sumQQ += q * q
		sumQX += q * float64(v)
	}
	n := float64(len(x))
	if spread := float64(n*sumQQ) - float64(sumQ*sumQ); spread > 0 {
		l.s = max(float32((float64(n*sumQX)-float64(sumQ*sumX))/spread), MinScale)
		l.b = float32((sumX - float64(float64(l.s)*sumQ)) / n)
	}
	return l, squares
}
