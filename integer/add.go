package integer

import (
	"fmt"
	"math"
)

// Add sums two tensors on the output's scale, in float32 and this order:
//
//	sum  = float32(float32(a - za)*float32(sa/s)) + float32(float32(b - zb)*float32(sb/s))
//	code = clamp(roundHalfEven(float32(sum)) + z, Lo, Hi)
//
// ReLU is the lower bound Lo = z.
type Add struct {
	Name      string
	A, B, Out int
	Lo, Hi    uint8
}

// LayerName implements Layer.
func (a *Add) LayerName() string { return a.Name }

// Kind implements Layer.
func (a *Add) Kind() string { return "add" }

// Output implements Layer.
func (a *Add) Output() int { return a.Out }

// Inputs implements Layer.
func (a *Add) Inputs() []int { return []int{a.A, a.B} }

// maxRatio keeps the terms of a sum finite.
const maxRatio = 1e30

func (a *Add) check(n *Network) error {
	for _, t := range a.Inputs() {
		if err := sameShape(n, t, a.Out); err != nil {
			return err
		}
		if ratio := n.Tensors[t].Scale / n.Tensors[a.Out].Scale; ratio > maxRatio {
			return fmt.Errorf("tensor %d has %g times the output's scale, want at most %g", t, ratio, maxRatio)
		}
	}
	return checkClamp(a.Lo, a.Hi, n.Tensors[a.Out])
}

// terms returns the real value of each code of t in units of the scale s.
func terms(t Tensor, s float32) *[256]float32 {
	f := new([256]float32)
	for c := range f {
		f[c] = float32(c-int(t.ZeroPoint)) * (t.Scale / s)
	}
	return f
}

func (a *Add) prepare(r *Runner) func(n int) {
	to := r.net.Tensors[a.Out]
	fa, fb := terms(r.net.Tensors[a.A], to.Scale), terms(r.net.Tensors[a.B], to.Scale)
	sa, sb, dst, size := r.codes[a.A], r.codes[a.B], r.codes[a.Out], to.Len()
	return r.each(func(_, i int) {
		x, y, d := sa[i*size:][:size], sb[i*size:][:size], dst[i*size:][:size]
		for j := range d {
			d[j] = clamp(math.RoundToEven(float64(fa[x[j]]+fb[y[j]]))+float64(to.ZeroPoint), a.Lo, a.Hi)
		}
	})
}
