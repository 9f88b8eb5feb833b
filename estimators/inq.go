package estimators

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// INQ is incremental network quantization, Zhou et al. 2017, https://arxiv.org/abs/1702.03044, section 2: weights are
// frozen at powers of two in steps, the largest magnitudes first, while the others are trained in full precision and
// make up for the loss.
//
//	y = value  where frozen, else x
//
//	dx = 0  where frozen, else dy    (equation 8)
//
// A weight is frozen at the nearest of the levels 0 and ±2^e for n2 <= e <= n1 (equation 4; a tie goes to the larger
// magnitude), with n1 = floor(log2(4s/3)) and n2 = n1 + 1 - 2^(k-2), s = max|x| before anything is frozen, so there are
// 2^(k-2) powers of two at k bits: one bit is for 0. The share of frozen weights is an option that follows a schedule,
// such as 0.5, 0.75, 0.875, 1; among the weights that are not frozen yet, each [INQ.Update] freezes the largest until
// the share is reached, ties in the order of x. Frozen weights stay, at their value, also where x moves on.
//
// The state is the exponent n1, which elements are frozen, and their values. Without state, all weights are quantized
// with the n1 of x itself, as at the end of training; then dx is 0, and x that is not finite is an error. x has any
// shape and one n1; nothing is learned by gradients. Where x is NaN and not frozen, y is NaN; dx is 0 where x is NaN.
type INQ struct {
	Bits  int     // k, 2 to 8
	Share float64 // of the weights to freeze, 0 to 1

	state Params
}

var (
	_ Codebook = INQ{}
	_ Stateful = INQ{}
)

var inqOptions = []Option{
	{Name: "share", Doc: "share of the weights that are frozen, largest first", Default: 0.5, Max: 1},
}

var _ = Register(Method{
	Name:    "inq",
	Source:  "Zhou et al. 2017, arXiv 1702.03044, section 2",
	Doc:     "a growing share of the weights is frozen at powers of two",
	Weights: true, MinBits: 2, MaxBits: 8,
	Options: inqOptions,
	Is:      always(Traits{Levels: Table, State: []string{"exponent", "frozen", "value"}}),
	New: func(s Spec) (Estimator, error) {
		o, err := optionValues(inqOptions, s.Options)
		q := INQ{Bits: s.Bits, Share: o["share"]}
		if err == nil {
			err = q.check()
		}
		if err == nil && s.Scales > 1 {
			err = fmt.Errorf("exponents for each of %d channels; expected those of the layer", s.Scales)
		}
		return q, prefixed("inq", err)
	},
})

func (q INQ) check() error {
	if q.Bits < 2 || q.Bits > 8 {
		return fmt.Errorf("%d bits; expected 2 to 8", q.Bits)
	}
	if !(q.Share >= 0 && q.Share <= 1) {
		return fmt.Errorf("a share of %v; expected 0 to 1", q.Share)
	}
	return nil
}

// Params is empty.
func (INQ) Params() []Learned { return nil }

// Init implements [Estimator]; there is nothing to learn.
func (q INQ) Init(p Params, _ []float32) error { return prefixed("inq", checkParams("parameters", p)) }

// State is n1, which of the n elements are frozen (1 or 0), and their values.
func (q INQ) State(n int) []Learned {
	return []Learned{{Name: "exponent", Len: 1}, {Name: "frozen", Len: n}, {Name: "value", Len: n}}
}

// WithState implements [Stateful].
func (q INQ) WithState(state Params) Estimator {
	q.state = state
	return q
}

// Update implements [Stateful]: it freezes weights until their share is [INQ.Share]. The first update also sets n1.
func (q INQ) Update(state Params, x []float32, p Params, step int) error {
	q.state = state
	if step == 0 {
		if err := q.checkState(len(x)); err != nil {
			return prefixed("inq", err)
		}
		q.state = nil // what it is before is of no interest
	}
	n2, n1, err := q.exponents(x, p)
	if err == nil {
		err = checkStatistics(x)
	}
	if err != nil {
		return prefixed("inq", err)
	}
	frozen, value := state[1], state[2]
	if step == 0 {
		state[0][0] = float32(n1)
		clear(frozen)
		clear(value)
	}
	missing := int(math.RoundToEven(q.Share * float64(len(x))))
	var free []int
	for i, f := range frozen {
		if f != 0 {
			missing--
		} else {
			free = append(free, i)
		}
	}
	if missing <= 0 {
		return nil
	}
	slices.SortStableFunc(free, func(i, j int) int { return cmp.Compare(max(x[j], -x[j]), max(x[i], -x[i])) })
	for _, i := range free[:missing] {
		frozen[i], value[i] = 1, q.level(x[i], n2, n1)
	}
	return nil
}

// level is the nearest of 0 and the powers of two of both signs, and NaN of NaN.
func (q INQ) level(x float32, n2, n1 int) float32 {
	if x != x {
		return x
	}
	e, zero := nearestPower(max(x, -x), n2, n1, arithmeticMiddle)
	switch {
	case zero:
		return 0
	case x < 0:
		return -float32(math.Ldexp(1, e))
	}
	return float32(math.Ldexp(1, e))
}

// Forward implements [Estimator].
func (q INQ) Forward(y, x []float32, p Params) error {
	n2, n1, err := q.exponents(x, p)
	if err == nil {
		err = checkLength("y", len(y), len(x))
	}
	if err != nil {
		return prefixed("inq", err)
	}
	for i, v := range x {
		switch {
		case q.state == nil:
			y[i] = q.level(v, n2, n1)
		case q.state[1][i] != 0:
			y[i] = q.state[2][i]
		default:
			y[i] = v
		}
	}
	return nil
}

// Backward implements [Estimator].
func (q INQ) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	_, _, err := q.exponents(x, p)
	if err == nil {
		err = checkGradients(dx, dy, len(x), dp)
	}
	if err != nil {
		return prefixed("inq", err)
	}
	for i, v := range x {
		if q.state == nil || q.state[1][i] != 0 || v != v {
			dx[i] = 0
		} else {
			dx[i] = dy[i]
		}
	}
	return nil
}

// Table implements [Codebook]: the levels, ascending.
func (q INQ) Table(x []float32, p Params) ([][]float32, error) {
	n2, n1, err := q.exponents(x, p)
	if err != nil {
		return nil, prefixed("inq", err)
	}
	levels := []float32{0}
	for e := n2; e <= n1; e++ {
		l := float32(math.Ldexp(1, e))
		levels = append(levels, l, -l)
	}
	slices.Sort(levels)
	return [][]float32{levels}, nil
}

// Indices implements [Codebook]. With state it is an error as long as a weight is not frozen.
func (q INQ) Indices(indices []int32, x []float32, p Params) error {
	table, err := q.Table(x, p)
	if err != nil {
		return err
	}
	if q.state != nil {
		for i, f := range q.state[1] {
			if f == 0 {
				return prefixed("inq", fmt.Errorf("weight %d is not frozen yet; expected all, which a share of 1 freezes", i))
			}
		}
	}
	values := make([]float32, len(x))
	if err := q.Forward(values, x, p); err != nil {
		return err
	}
	tables, err := newLevelTables(table)
	if err == nil {
		err = lookUp(indices, nil, values, tables)
	}
	if err == nil && indices == nil {
		err = errors.New("no indices to write to")
	}
	return prefixed("inq", err)
}

// exponents checks the parameters and the state for x, and returns n2 and n1.
func (q INQ) exponents(x []float32, p Params) (n2, n1 int, err error) {
	err = q.check()
	if err == nil {
		err = checkParams("parameters", p)
	}
	if err != nil {
		return 0, 0, err
	}
	if q.state == nil {
		largest, err := maxMagnitudes(x, 1)
		if err != nil {
			return 0, 0, err
		}
		n2, n1 = inqExponents(q.Bits, largest[0])
		return n2, n1, nil
	}
	if err := q.checkState(len(x)); err != nil {
		return 0, 0, err
	}
	e := q.state[0][0]
	if !(e >= -126 && e <= 127) {
		return 0, 0, fmt.Errorf("the exponent of the state is %v; expected -126 to 127", e)
	}
	n1 = int(e)
	return n1 + 1 - 1<<(q.Bits-2), n1, nil
}

func (q INQ) checkState(n int) error { return checkParams("state arrays", q.state, 1, n, n) }
