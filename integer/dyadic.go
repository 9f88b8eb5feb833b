package integer

import (
	"fmt"
	"math"

	"github.com/qat-go/qat/integer/dyadic"
)

// maxShift keeps |acc*M| + 2^(Shift-1) within int64.
const maxShift = 62

// Dyadic returns the integer-only form of the network. A multiplier m, the float32
// number of the target float32, becomes
//
//	M*2^-e,  e = the largest integer up to 62 with |m|*2^e < 2^31,  M = roundHalfEven(m*2^e)
//
// so that M*2^-e is m itself, unless |m| < 2^-39, where no sum can reach half a code.
// Targets differ where float32 rounds a product across the middle between two codes.
// |m| >= 2^30 is an error.
func (n *Network) Dyadic() (*dyadic.Program, error) {
	p := &dyadic.Program{}
	for _, t := range n.Tensors {
		p.Tensors = append(p.Tensors, t.dyadic())
	}
	for _, l := range n.Layers {
		d, err := n.dyadicLayer(l)
		if err != nil {
			return nil, fmt.Errorf("%s: target dyadic: %w", l.LayerName(), err)
		}
		p.Layers = append(p.Layers, d)
	}
	return p, nil
}

func (t Tensor) dyadic() dyadic.Tensor {
	_, largest := t.Range()
	return dyadic.Tensor{Name: t.Name, H: t.H, W: t.W, C: t.C, ZeroPoint: t.ZeroPoint, Largest: largest}
}

func (n *Network) dyadicLayer(l Layer) (dyadic.Layer, error) {
	switch l := l.(type) {
	case *Conv:
		m, err := multipliers(l.Multipliers(n))
		return &dyadic.Conv{Name: l.Name, In: l.In, Out: l.Out, K: l.K, Stride: l.Stride, Pad: l.Pad,
			Weights: l.Weights, WeightBits: l.WeightBits, Bias: l.Bias, Multipliers: m, Lo: l.Lo, Hi: l.Hi}, err
	case *Requantize:
		m, err := multiplier(n.Tensors[l.In].Scale / n.Tensors[l.Out].Scale)
		return &dyadic.Requantize{Name: l.Name, In: l.In, Out: l.Out, Multiplier: m, Lo: l.Lo, Hi: l.Hi}, err
	case *Add:
		d := &dyadic.Add{Name: l.Name, A: l.A, B: l.B, Out: l.Out, Lo: l.Lo, Hi: l.Hi}
		a, b := n.Tensors[l.A].Scale/n.Tensors[l.Out].Scale, n.Tensors[l.B].Scale/n.Tensors[l.Out].Scale
		m, err := multiplier(max(a, b))
		d.Shift, d.MA, d.MB = m.Shift, scaled(a, m.Shift), scaled(b, m.Shift)
		return d, err
	case *Shortcut:
		return &dyadic.Shortcut{Name: l.Name, In: l.In, Out: l.Out, Stride: l.Stride}, nil
	case *AveragePool:
		m, err := multiplier(l.Multiplier(n))
		lo, hi := n.Tensors[l.Out].Range()
		return &dyadic.AveragePool{Name: l.Name, In: l.In, Out: l.Out, Multiplier: m, Lo: lo, Hi: hi}, err
	case *Linear:
		unit, k := l.unit(n)
		ratios := make([]float32, l.Out)
		for o, s := range l.Scale {
			if unit > 0 {
				s /= unit
			}
			ratios[o] = float32(math.Ldexp(float64(s), k))
		}
		m, err := multipliers(ratios)
		return &dyadic.Linear{Name: l.Name, In: l.In, Weights: l.Weights, WeightBits: l.WeightBits, Bias: l.Bias, Multipliers: m}, err
	}
	return nil, fmt.Errorf("a layer of kind %q has no such form", l.Kind())
}

// LogitScale returns the scale of the dyadic target's logits: a logit is LogitScale
// times its integer.
func (n *Network) LogitScale() float32 {
	unit, k := n.Layers[len(n.Layers)-1].(*Linear).unit(n)
	return float32(math.Ldexp(float64(unit), -k))
}

// maxFraction is the most bits that the dyadic target's logits have below the largest
// scale.
const maxFraction = 16

// unit returns the common scale unit*2^-k of the dyadic target's logits. unit is the
// largest |Scale|. Where all are equal, k is 0 and the integers are the sums.
// Otherwise k is the largest integer up to 16 with which no integer leaves int32.
func (l *Linear) unit(n *Network) (unit float32, k int) {
	equal := true
	for _, s := range l.Scale {
		s = max(s, -s)
		equal = equal && s == max(l.Scale[0], -l.Scale[0])
		unit = max(unit, s)
	}
	if equal {
		return unit, 0
	}
	most := int64(0)
	for _, s := range sumBounds(n.Tensors[l.In], l.Weights, l.Bias) {
		most = max(most, s)
	}
	for k < maxFraction && most<<(k+1) <= math.MaxInt32 {
		k++
	}
	return unit, k
}

func multipliers(real []float32) ([]dyadic.Multiplier, error) {
	m := make([]dyadic.Multiplier, len(real))
	for c, v := range real {
		var err error
		if m[c], err = multiplier(v); err != nil {
			return nil, fmt.Errorf("channel %d: %w", c, err)
		}
	}
	return m, nil
}

// multiplier is the dyadic form of a finite number.
func multiplier(real float32) (dyadic.Multiplier, error) {
	_, exponent := math.Frexp(float64(real)) // 2^(exponent-1) <= |real| < 2^exponent
	shift := min(31-exponent, maxShift)
	if shift < 1 || !finite(real) {
		return dyadic.Multiplier{}, fmt.Errorf("a multiplier of %g, want less than 2^30", real)
	}
	return dyadic.Multiplier{M: scaled(real, uint8(shift)), Shift: uint8(shift)}, nil
}

// scaled is roundHalfEven(real*2^shift), which is exact in float64 before it is rounded.
func scaled(real float32, shift uint8) int32 {
	return int32(math.RoundToEven(math.Ldexp(float64(real), int(shift))))
}
