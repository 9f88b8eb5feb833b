package estimators

import (
	"errors"
	"fmt"
)

// HWGQ is the half-wave Gaussian quantizer of activations, Cai et al. 2017, https://arxiv.org/abs/1702.00953, sections
// 4.1 and 4.2:
//
//	y = 0 where x <= 0,  q[i] where t[i] < x <= t[i+1];  t[1] = 0, t[i+1] = (q[i] + q[i+1])/2, t[m+1] = infinity
//
//	dx = dy where 0 < x <= q[m], else 0    (clipped ReLU, equation 15)
//
// with m = 2^k - 1 levels above 0 that have the least mean square error on the positive half of a standard normal
// distribution, which x is taken to have after batch norm. So small positive x goes to q[1], not to 0. x has any shape;
// nothing is learned. Where x is NaN, y is NaN and dx is 0; infinities saturate. [NewHWGQ] computes the levels.
type HWGQ struct {
	bits  int
	table levelTable
}

// UniformHWGQ is [HWGQ] with m evenly spaced levels d, 2d, ..., m*d (section 4.1, equation 12), whose one number d has
// the least mean square error: 0.538 at 2 bits. In integers d is the scale. [NewUniformHWGQ] computes it.
type UniformHWGQ struct {
	HWGQ
	scale float32
}

var (
	_ Codebook = HWGQ{}
	_ Integer  = UniformHWGQ{}
)

var hwgqOptions = []Option{
	{Name: "uniform", Doc: "1 spaces the levels evenly, 0 is free to place them", Default: 1, Max: 1},
}

var _ = Register(Method{
	Name:        "hwgq",
	Source:      "Cai et al. 2017, arXiv 1702.00953, section 4",
	Doc:         "levels that are optimal for the positive half of a normal distribution",
	Activations: true, MinBits: 1, MaxBits: 8,
	Options: hwgqOptions,
	Is: func(s Spec) Traits {
		t := Traits{Levels: Table, Form: s.stairs(1<<s.Bits <= MaxStairs)}
		if o, err := optionValues(hwgqOptions, s.Options); err == nil && o["uniform"] != 0 {
			t.Levels = Integers // a value just above 0 has the code 1
		}
		return t
	},
	New: func(s Spec) (Estimator, error) {
		o, err := optionValues(hwgqOptions, s.Options)
		if err == nil && s.Signed {
			err = errors.New("a signed range; expected unsigned, as all x below 0 is 0")
		}
		if err == nil && s.Scales > 1 {
			err = fmt.Errorf("scales for each of %d channels; expected one, as batch norm has made the channels equal", s.Scales)
		}
		if err != nil {
			return nil, prefixed("hwgq", err)
		}
		if o["uniform"] != 0 {
			return NewUniformHWGQ(s.Bits)
		}
		return NewHWGQ(s.Bits)
	},
})

// NewHWGQ returns the quantizer with 2^k - 1 free levels above 0.
func NewHWGQ(bits int) (HWGQ, error) {
	if bits < 1 || bits > 8 {
		return HWGQ{}, prefixed("hwgq", fmt.Errorf("%d bits; expected 1 to 8", bits))
	}
	levels := []float32{0}
	for _, q := range lloydHalfGaussian(1<<bits - 1) {
		levels = append(levels, float32(q))
	}
	return newHWGQ(bits, levels)
}

// NewUniformHWGQ returns the quantizer with 2^k - 1 evenly spaced levels above 0.
func NewUniformHWGQ(bits int) (UniformHWGQ, error) {
	if bits < 1 || bits > 8 {
		return UniformHWGQ{}, prefixed("hwgq", fmt.Errorf("%d bits; expected 1 to 8", bits))
	}
	scale := float32(uniformHalfGaussian(1<<bits - 1))
	levels := make([]float32, 1<<bits)
	for i := range levels {
		levels[i] = float32(i) * scale
	}
	h, err := newHWGQ(bits, levels)
	return UniformHWGQ{HWGQ: h, scale: scale}, err
}

func newHWGQ(bits int, levels []float32) (HWGQ, error) {
	t, err := newLevelTable(levels)
	if err != nil {
		return HWGQ{}, prefixed("hwgq", err)
	}
	t.thresholds[0] = 0
	return HWGQ{bits: bits, table: t}, nil
}

func (h HWGQ) check(p Params) error {
	if h.bits == 0 {
		return errors.New("no levels; expected a quantizer of NewHWGQ or NewUniformHWGQ")
	}
	return checkParams("parameters", p)
}

// Params is empty.
func (HWGQ) Params() []Learned { return nil }

// Init implements [Estimator]; there is nothing to learn.
func (h HWGQ) Init(p Params, _ []float32) error { return prefixed("hwgq", h.check(p)) }

// Table implements [Codebook]: 0 and the levels above it, ascending.
func (h HWGQ) Table(_ []float32, p Params) ([][]float32, error) {
	return [][]float32{append([]float32(nil), h.table.levels...)}, prefixed("hwgq", h.check(p))
}

// Indices implements [Codebook].
func (h HWGQ) Indices(indices []int32, x []float32, p Params) error {
	err := h.check(p)
	if err == nil {
		err = checkLength("indices", len(indices), len(x))
	}
	if err == nil {
		err = lookUp(indices, nil, x, []levelTable{h.table})
	}
	return prefixed("hwgq", err)
}

// Forward implements [Estimator].
func (h HWGQ) Forward(y, x []float32, p Params) error {
	err := h.check(p)
	if err == nil {
		err = checkLength("y", len(y), len(x))
	}
	if err == nil {
		err = lookUp(nil, y, x, []levelTable{h.table})
	}
	return prefixed("hwgq", err)
}

// Backward implements [Estimator].
func (h HWGQ) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	err := h.check(p)
	if err == nil {
		err = checkGradients(dx, dy, len(x), dp)
	}
	if err != nil {
		return prefixed("hwgq", err)
	}
	top := h.table.levels[len(h.table.levels)-1]
	for i, v := range x {
		g := dy[i]
		if !(v > 0 && v <= top) {
			g = 0
		}
		dx[i] = g
	}
	return nil
}

// Qn is 0.
func (UniformHWGQ) Qn() int { return 0 }

// Qp is 2^k - 1.
func (h UniformHWGQ) Qp() int { return 1<<h.bits - 1 }

// CodeScale implements [Integer]: the scale is d.
func (h UniformHWGQ) CodeScale(scale, _ []float32, p Params) error {
	err := h.check(p)
	if err == nil && len(scale) != 1 {
		err = fmt.Errorf("a scale of %d elements; expected 1", len(scale))
	}
	if err != nil {
		return prefixed("hwgq", err)
	}
	scale[0] = h.scale
	return nil
}

// Quantize implements [Integer].
func (h UniformHWGQ) Quantize(codes []int32, y, x []float32, p Params) error {
	err := h.check(p)
	if err == nil {
		err = checkOutputs(codes, y, len(x))
	}
	if err == nil {
		err = lookUp(codes, y, x, []levelTable{h.table})
	}
	return prefixed("hwgq", err)
}
