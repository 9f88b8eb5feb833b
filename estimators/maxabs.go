package estimators

import (
	"errors"
	"fmt"
)

// maxAbs is the symmetric quantizer of weights whose levels just reach the largest magnitude, which is therefore never
// clipped: s = max|x|/Qp of the tensor or of each channel, at least [MinScale],
//
//	code = round(clip(x/s, Qn, Qp)),  y = s*code
//
// It learns nothing. Weights that are not finite are an error.
type maxAbs struct {
	Range
	Scales int // 1, or the number of channels; 0 is 1

	method string
}

func (m maxAbs) scales() int { return max(m.Scales, 1) }

func (m maxAbs) check() error {
	if err := m.Range.Validate(); err != nil {
		return err
	}
	if !m.Signed || m.Qp() < 1 {
		return fmt.Errorf("%d bits, signed %t; expected signed, 2 bits or more", m.Bits, m.Signed)
	}
	return nil
}

// Params is empty.
func (maxAbs) Params() []Learned { return nil }

// Init implements [Estimator]; there is nothing to learn.
func (m maxAbs) Init(p Params, _ []float32) error {
	return prefixed(m.method, errors.Join(m.check(), checkParams("parameters", p)))
}

// levels are those that follow from x.
func (m maxAbs) levels(x []float32, p Params) ([]levels, error) {
	err := m.check()
	if err == nil {
		err = checkParams("parameters", p)
	}
	if err == nil {
		err = checkChannels("scale", m.scales(), len(x))
	}
	if err != nil {
		return nil, prefixed(m.method, err)
	}
	lo, hi := make([]float32, m.scales()), make([]float32, m.scales())
	if len(x) > 0 {
		if err := MinMax(lo, hi, x); err != nil {
			return nil, prefixed(m.method, err)
		}
	}
	ls := make([]levels, m.scales())
	for c := range ls {
		ls[c] = evenLevels(m.Qn(), m.Qp(), max(max(-lo[c], hi[c])/float32(m.Qp()), MinScale))
	}
	return ls, nil
}

// CodeScale implements [Integer]: the scale is s, of the weights x.
func (m maxAbs) CodeScale(scale, x []float32, p Params) error {
	ls, err := m.levels(x, p)
	if err == nil {
		err = prefixed(m.method, writeScales(scale, ls))
	}
	return err
}

// Quantize implements [Integer]: without noise.
func (m maxAbs) Quantize(codes []int32, y, x []float32, p Params) error {
	ls, err := m.levels(x, p)
	if err == nil {
		err = prefixed(m.method, quantizeLevels(codes, y, x, ls, &rounding{}))
	}
	return err
}

// Backward implements [Estimator]: dx = dy.
func (m maxAbs) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	_, err := m.levels(x, p)
	if err == nil {
		err = prefixed(m.method, checkGradients(dx, dy, len(x), dp))
	}
	if err == nil {
		copy(dx, dy)
	}
	return err
}
