package estimators

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// LQNets is the learned quantizer of LQ-Nets, Zhang et al. 2018, https://arxiv.org/abs/1807.10029, sections 3.2 and
// 3.3: the levels are the sums of a learned basis v of k numbers, with binary codes b,
//
//	y = the nearest of  b[1]*v[1] + ... + b[k]*v[k],  b[j] in {-1, 1} if signed, {0, 1} if not
//
//	signed    dx = dy
//	unsigned  dx = dy where lo <= x <= hi, the outermost levels, else 0
//
// which are the gradients for weights and activations. The basis is the state, of the tensor or of each channel. Each
// [LQNets.Update], or [LQNets.UpdateBins], minimises the sum of squares (x - y)^2 by turns (section 3.3, algorithm 1): codes for the basis, then
// the basis for the codes, v = (B B^T)^-1 B x, once or Rounds times, and moves the basis a part of the way there,
//
//	v <- Momentum*v + (1-Momentum)*v'
//
// As in the authors' code, 1e-4 of the present basis is added on both sides of the least squares, here for activations
// too, so that codes that no x has leave no hole. The first update starts, as there, from v[j] = 0.6745*d*2^j/2^(k-1)
// if signed, and 2*0.6745*d*2^j/(2^k - 1) if not, j from 0. The deviation d is that of x; for unsigned x, of the normal
// distribution whose positive half has the mean square of the positive x. (The authors take the deviation of the
// initial weights, and 1 after batch norm.)
//
// A tie goes to the lower level. The place in the table is the binary code, bit j for v[j]. Where x is NaN, y is NaN
// and dx is 0; infinities saturate. An update with x that is not finite is an error, and so is all else without a
// state.
type LQNets struct {
	Bits     int // k, 1 to 8
	Signed   bool
	Scales   int     // 1, or the number of channels; 0 is 1
	Momentum float64 // 0 to 1
	Rounds   int     // alternations in an update; 0 is 1

	state Params
}

var (
	_ Codebook = LQNets{}
	_ Binned   = LQNets{}
)

var lqNetsOptions = []Option{
	{Name: "momentum", Doc: "share of the old basis in the moving average", Default: 0.9, Max: 1},
	{Name: "rounds", Doc: "alternations of codes and basis in an update", Default: 1, Min: 1, Max: 1000},
}

var _ = Register(Method{
	Name:    "lq_nets",
	Source:  "Zhang et al. 2018, arXiv 1807.10029, section 3",
	Doc:     "sums of a learned basis, found by alternating least squares",
	Weights: true, Activations: true, MinBits: 1, MaxBits: 8,
	Options: lqNetsOptions,
	Is: func(s Spec) Traits {
		return Traits{Levels: Table, State: []string{"basis"}, Form: s.stairs(1<<s.Bits <= MaxStairs)}
	},
	New: func(s Spec) (Estimator, error) {
		o, err := optionValues(lqNetsOptions, s.Options)
		l := LQNets{
			Bits: s.Bits, Signed: s.Signed, Scales: s.Scales, Momentum: o["momentum"], Rounds: int(o["rounds"]),
		}
		if err == nil {
			err = l.check()
		}
		if err == nil && s.Weights && !s.Signed {
			err = errors.New("unsigned weights; expected signed, as the codes of weights are -1 and 1")
		}
		return l, prefixed("lq_nets", err)
	},
})

func (l LQNets) check() error {
	switch {
	case l.Bits < 1 || l.Bits > 8:
		return fmt.Errorf("%d bits; expected 1 to 8", l.Bits)
	case !(l.Momentum >= 0 && l.Momentum <= 1):
		return fmt.Errorf("a momentum of %v; expected 0 to 1", l.Momentum)
	case l.Rounds < 0:
		return fmt.Errorf("%d rounds; expected 1 or more, or 0 for 1", l.Rounds)
	}
	return nil
}

// Params is empty.
func (LQNets) Params() []Learned { return nil }

// Init implements [Estimator]; nothing is learned by gradients.
func (l LQNets) Init(p Params, _ []float32) error {
	return prefixed("lq_nets", checkParams("parameters", p))
}

// State is the basis: v[j] of channel c is element j*C + c.
func (l LQNets) State(int) []Learned {
	return []Learned{{Name: "basis", Len: l.Bits * max(l.Scales, 1)}}
}

// WithState implements [Stateful].
func (l LQNets) WithState(state Params) Estimator {
	l.state = state
	return l
}

// Update implements [Stateful].
func (l LQNets) Update(state Params, x []float32, p Params, step int) error {
	channels := max(l.Scales, 1)
	err := l.check()
	if err == nil {
		err = errors.Join(checkParams("parameters", p), checkParams("state arrays", state, l.Bits*channels))
	}
	if err == nil {
		err = checkChannels("basis", channels, len(x))
	}
	if err == nil {
		err = checkStatistics(x)
	}
	if err != nil {
		return prefixed("lq_nets", err)
	}
	if step == 0 {
		l.start(state[0], x)
	}
	next := slices.Clone(state[0])
	for range max(l.Rounds, 1) {
		if err := l.fit(next, x); err != nil {
			return prefixed("lq_nets", err)
		}
	}
	l.move(state[0], next)
	return nil
}

// move moves the basis a part of the way to the next one.
func (l LQNets) move(basis, next []float32) {
	for i, v := range next {
		basis[i] = float32(float64(l.Momentum*float64(basis[i])) + float64((1-l.Momentum)*float64(v)))
	}
}

// start writes the basis that the first update starts from.
func (l LQNets) start(basis, x []float32) {
	const thirdQuartile = 0.6745 // of a normal distribution, to the digits of the authors' code
	channels := len(basis) / l.Bits
	deviation := make([]float64, channels)
	for c := range deviation {
		_, deviation[c] = meanDeviation(x[c:], channels)
	}
	unit := thirdQuartile / math.Ldexp(1, l.Bits-1)
	if !l.Signed {
		unit = thirdQuartile * 2 / (math.Ldexp(1, l.Bits) - 1)
		clear(deviation)
		for i, v := range x {
			positive := float64(max(v, 0))
			deviation[i%channels] += positive * positive // exact, so fusing it with the sum changes nothing
		}
		for c := range deviation {
			deviation[c] = math.Sqrt(2 * deviation[c] / float64(len(x)/channels))
		}
	}
	for c, d := range deviation {
		for j := range l.Bits {
			basis[j*channels+c] = float32(math.Ldexp(unit*max(d, MinScale), j))
		}
	}
}

// fit replaces the basis by the one with the least squares for the codes that x has with it.
func (l LQNets) fit(basis, x []float32) error {
	channels := len(basis) / l.Bits
	tables, err := newLevelTables(l.levels(basis))
	if err != nil {
		return err
	}
	for c := range channels {
		// How often x has each code, and the sum of these x, is all that least squares need.
		counts, sums := make([]float64, 1<<l.Bits), make([]float64, 1<<l.Bits)
		t := &tables[c]
		for i := c; i < len(x); i += channels {
			code := t.places[t.find(x[i])]
			counts[code]++
			sums[code] += float64(x[i])
		}
		l.solve(basis, c, counts, sums)
	}
	return nil
}

// factor is b[j] of a code.
func (l LQNets) factor(code, j int) float64 {
	switch {
	case code>>j&1 == 1:
		return 1
	case l.Signed:
		return -1
	}
	return 0
}

// levels are those of the channels, in the order of the codes.
func (l LQNets) levels(basis []float32) [][]float32 {
	channels := len(basis) / l.Bits
	levels := make([][]float32, channels)
	for c := range levels {
		levels[c] = make([]float32, 1<<l.Bits)
		for code := range levels[c] {
			sum := 0.0
			for j := range l.Bits {
				sum += l.factor(code, j) * float64(basis[j*channels+c])
			}
			levels[c][code] = float32(sum)
		}
	}
	return levels
}

// tables checks the parameters and the state, and returns the levels of the channels.
func (l LQNets) tables(p Params) ([]levelTable, error) {
	err := l.check()
	if err == nil {
		err = checkParams("parameters", p)
	}
	if err == nil {
		err = checkParams("state arrays", l.state, l.Bits*max(l.Scales, 1))
	}
	if err != nil {
		return nil, err
	}
	return newLevelTables(l.levels(l.state[0]))
}

// Table implements [Codebook].
func (l LQNets) Table(_ []float32, p Params) ([][]float32, error) {
	if _, err := l.tables(p); err != nil {
		return nil, prefixed("lq_nets", err)
	}
	return l.levels(l.state[0]), nil
}

// Indices implements [Codebook].
func (l LQNets) Indices(indices []int32, x []float32, p Params) error {
	return l.quantize(indices, make([]float32, len(x)), x, p, "indices", len(indices))
}

// Forward implements [Estimator].
func (l LQNets) Forward(y, x []float32, p Params) error {
	return l.quantize(nil, y, x, p, "y", len(y))
}

func (l LQNets) quantize(indices []int32, y, x []float32, p Params, name string, n int) error {
	tables, err := l.tables(p)
	if err == nil {
		err = checkLength(name, n, len(x))
	}
	if err == nil {
		err = lookUp(indices, y, x, tables)
	}
	return prefixed("lq_nets", err)
}

// Backward implements [Estimator].
func (l LQNets) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	tables, err := l.tables(p)
	if err == nil {
		err = checkGradients(dx, dy, len(x), dp)
	}
	if err == nil {
		err = checkChannels("basis", len(tables), len(x))
	}
	if err != nil {
		return prefixed("lq_nets", err)
	}
	for i, v := range x {
		g, levels := dy[i], tables[i%len(tables)].levels
		inside := levels[0] <= v && v <= levels[len(levels)-1]
		if v != v || !l.Signed && !inside {
			g = 0
		}
		dx[i] = g
	}
	return nil
}
