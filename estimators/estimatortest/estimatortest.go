// Package estimatortest is the suite that every estimator passes: its outputs are the levels of its definition, all of
// them and no others, and its gradient is the paper's, coded a second time in float64.
package estimatortest

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// Case is an estimator with what its definition says about it.
type Case struct {
	Name      string
	Estimator estimators.Estimator
	Params    estimators.Params
	Bits      int // k: at most 2^k levels

	// Grids has the levels of each channel, ascending, in the unit of x; one grid for a quantizer per tensor.
	Grids [][]float64

	// GridsOf, if not nil, returns the levels that follow from the statistics of x. Grids then says where x is drawn
	// from only. Statistics of what is not finite are an error.
	GridsOf func(x []float64) [][]float64

	// Gradient is the definition's backward pass for finite x, in float64, element i in channel i mod len(Grids). It
	// returns dL/dx and the gradients of the parameters.
	Gradient func(x, dy []float64) (dx []float64, dp [][]float64)

	// Idempotent says that quantizing the outputs changes nothing.
	Idempotent bool
}

// Run runs the suite on each case as a subtest.
func Run(t *testing.T, cases ...Case) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			if err := Check(c); err != nil {
				t.Error(err)
			}
		})
	}
}

// Check is the suite on one case, with all failures joined.
func Check(c Case) error {
	checks := []struct {
		name string
		run  func(Case) error
	}{
		{"grid", checkGrid},
		{"sweep", checkSweep},
		{"idempotence", checkIdempotence},
		{"NaN and Inf", checkNonFinite},
		{"codes", checkCodes},
		{"gradient", checkGradient},
		{"small tensors", checkSmall},
		{"lengths", checkLengths},
	}
	var errs []error
	for _, check := range checks {
		if err := check.run(c); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", check.name, err))
		}
	}
	return errors.Join(errs...)
}

// checkGrid checks that the case itself allows no more levels than k bits have.
func checkGrid(c Case) error {
	for ch, grid := range c.Grids {
		if len(grid) < 1 || len(grid) > 1<<c.Bits || !slices.IsSorted(grid) {
			return fmt.Errorf("channel %d has %d levels; expected at most %d, ascending", ch, len(grid), 1<<c.Bits)
		}
	}
	return nil
}

// checkSweep quantizes evenly spaced x from below the lowest to above the highest level.
func checkSweep(c Case) error {
	x := c.sweep()
	before := slices.Clone(x)
	y := make([]float32, len(x))
	if err := c.Estimator.Forward(y, x, c.Params); err != nil {
		return err
	}
	if !slices.Equal(x, before) {
		return errors.New("x is modified")
	}
	channels := len(c.Grids)
	for ch, grid := range c.gridsOf(x) {
		reached := map[int]bool{}
		for i := ch; i < len(y); i += channels {
			j := nearest(grid, float64(y[i]))
			if !near(float64(y[i]), grid[j], 1e-6) {
				return fmt.Errorf("channel %d: y(%v) = %v is no level; the nearest is %v", ch, x[i], y[i], grid[j])
			}
			if i >= channels && y[i] < y[i-channels] {
				return fmt.Errorf("channel %d: y(%v) = %v is less than y(%v) = %v", ch, x[i], y[i], x[i-channels], y[i-channels])
			}
			reached[j] = true
		}
		if len(reached) != len(grid) {
			return fmt.Errorf("channel %d: %d of %d levels are reached", ch, len(reached), len(grid))
		}
	}
	inPlace := slices.Clone(x)
	if err := c.Estimator.Forward(inPlace, inPlace, c.Params); err != nil {
		return err
	}
	if !slices.Equal(inPlace, y) {
		return errors.New("in place, Forward gives another result")
	}
	return nil
}

func checkIdempotence(c Case) error {
	if !c.Idempotent {
		return nil
	}
	x := c.random()
	once, twice := make([]float32, len(x)), make([]float32, len(x))
	err := errors.Join(c.Estimator.Forward(once, x, c.Params), c.Estimator.Forward(twice, once, c.Params))
	if err == nil && !slices.Equal(once, twice) {
		err = errors.New("quantizing twice differs from quantizing once")
	}
	return err
}

// checkNonFinite puts NaN, +Inf and -Inf into one channel after the other.
func checkNonFinite(c Case) error {
	x := c.random()
	if c.GridsOf != nil {
		for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			x[len(x)/2] = float32(bad)
			if c.Estimator.Forward(make([]float32, len(x)), x, c.Params) == nil {
				return fmt.Errorf("no error for the statistics of %v", bad)
			}
		}
		return nil
	}
	want := make([]float32, len(x))
	if err := c.Estimator.Forward(want, x, c.Params); err != nil {
		return err
	}
	channels := len(c.Grids)
	for ch, grid := range c.Grids {
		x, y := slices.Clone(x), make([]float32, len(x))
		x[ch], x[ch+channels], x[ch+2*channels] = float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))
		if err := c.Estimator.Forward(y, x, c.Params); err != nil {
			return err
		}
		for i := range y {
			switch i {
			case ch:
				if y[i] == y[i] {
					return fmt.Errorf("y(NaN) = %v", y[i])
				}
			case ch + channels:
				if top := grid[len(grid)-1]; !near(float64(y[i]), top, 1e-6) {
					return fmt.Errorf("y(+Inf) = %v; expected the highest level, %v", y[i], top)
				}
			case ch + 2*channels:
				if !near(float64(y[i]), grid[0], 1e-6) {
					return fmt.Errorf("y(-Inf) = %v; expected the lowest level, %v", y[i], grid[0])
				}
			default:
				if y[i] != want[i] {
					return fmt.Errorf("y[%d] is %v beside a NaN in x, and %v without it", i, y[i], want[i])
				}
			}
		}
	}
	return nil
}

// checkCodes compares the codes of a quantizer in integers with its values: all are the step times a difference of codes
// apart.
func checkCodes(c Case) error {
	u, ok := c.Estimator.(estimators.Integer)
	if !ok {
		return nil
	}
	x := append(c.sweep(), make([]float32, len(c.Grids))...)
	last := len(x) - len(c.Grids)
	values, y, codes, alone := make([]float32, len(x)), make([]float32, len(x)), make([]int32, len(x)), make([]int32, len(x))
	step := make([]float32, len(c.Grids))
	if err := errors.Join(u.Forward(values, x, c.Params), u.Quantize(codes, y, x, c.Params), u.Quantize(alone, nil, x, c.Params), u.Step(step, x, c.Params)); err != nil {
		return err
	}
	if !slices.Equal(values, y) || !slices.Equal(codes, alone) {
		return errors.New("results of Forward, of Quantize and of Quantize for codes only disagree")
	}
	for i, code := range codes {
		ch := i % len(c.Grids)
		if want := float64(y[ch]) + float64(step[ch])*float64(code-codes[ch]); int(code) < u.Qn() || int(code) > u.Qp() || !near(float64(y[i]), want, 1e-5) {
			return fmt.Errorf("code %d of x = %v has the value %v; expected %v, steps of %v from code %d, between %d and %d", code, x[i], y[i], want, step[ch], codes[ch], u.Qn(), u.Qp())
		}
	}
	if c.GridsOf != nil {
		return nil
	}
	for ch := range c.Grids {
		x[last+ch] = float32(math.NaN())
	}
	if err := u.Quantize(alone, nil, x, c.Params); err != nil {
		return err
	}
	if !slices.Equal(alone, codes) {
		return errors.New("the code of NaN is not that of 0")
	}
	return nil
}

func checkGradient(c Case) error {
	x := c.random()
	rng := rand.New(rand.NewPCG(3, 4))
	dy := make([]float32, len(x))
	for i := range dy {
		dy[i] = float32(rng.NormFloat64())
	}
	wantDx, wantDp := c.Gradient(widen(x), widen(dy))
	dx, dp := make([]float32, len(x)), c.gradients()
	xBefore, dyBefore := slices.Clone(x), slices.Clone(dy)
	if err := c.Estimator.Backward(dx, dp, x, dy, c.Params); err != nil {
		return err
	}
	if !slices.Equal(x, xBefore) || !slices.Equal(dy, dyBefore) {
		return errors.New("x or dy is modified by Backward")
	}
	for i := range dx {
		if !near(float64(dx[i]), wantDx[i], 1e-5) {
			return fmt.Errorf("dx(%v) = %v for dy = %v; expected %v", x[i], dx[i], dy[i], wantDx[i])
		}
	}
	learned := c.Estimator.Params()
	if len(learned) != len(c.Params) || len(wantDp) != len(c.Params) {
		return fmt.Errorf("%d parameters named, %d given, gradients of %d expected", len(learned), len(c.Params), len(wantDp))
	}
	for p := range learned {
		name := learned[p].Name
		for j := range dp[p] {
			if !near(float64(dp[p][j]), wantDp[p][j], 1e-5) {
				return fmt.Errorf("d%s[%d] = %v; expected %v", name, j, dp[p][j], wantDp[p][j])
			}
		}
	}
	if err := c.Estimator.Backward(dy, c.gradients(), x, dy, c.Params); err != nil {
		return err
	}
	if !slices.Equal(dx, dy) {
		return errors.New("with dx in place of dy, Backward gives another result")
	}
	return nil
}

// checkSmall quantizes no element, and one for each channel.
func checkSmall(c Case) error {
	for _, n := range []int{0, len(c.Grids)} {
		x := c.random()[:n]
		y, dp := make([]float32, n), c.gradients()
		err := errors.Join(c.Estimator.Forward(y, x, c.Params), c.Estimator.Backward(make([]float32, n), dp, x, y, c.Params))
		if err != nil {
			return fmt.Errorf("%d elements: %w", n, err)
		}
		for p, learned := range c.Estimator.Params() {
			name := learned.Name
			for _, g := range dp[p] {
				if math.IsNaN(float64(g)) || math.IsInf(float64(g), 0) || n == 0 && g != 0 {
					return fmt.Errorf("%d elements: d%s = %v", n, name, g)
				}
			}
		}
	}
	return nil
}

// checkLengths checks that slices of a wrong length are errors, and not panics.
func checkLengths(c Case) error {
	x := c.random()
	short := make([]float32, len(x)-1)
	full := make([]float32, len(x))
	e, p, dp := c.Estimator, c.Params, c.gradients()
	more := append(slices.Clone(p), []float32{1})
	for name, err := range map[string]error{
		"Forward with a short y":            e.Forward(short, x, p),
		"Forward without y":                 e.Forward(nil, x, p),
		"Forward with another parameter":    e.Forward(full, x, more),
		"Backward with a short dx":          e.Backward(short, dp, x, full, p),
		"Backward with a short dy":          e.Backward(full, dp, x, short, p),
		"Backward with another parameter":   e.Backward(full, append(dp, []float32{1}), x, full, more),
		"Backward with one gradient more":   e.Backward(full, append(dp, []float32{1}), x, full, p),
		"Forward of a part of the channels": partial(c),
	} {
		if err == nil {
			return fmt.Errorf("no error from %s", name)
		}
	}
	return nil
}

// partial quantizes one element less than the channels divide; any error will do for a quantizer per tensor.
func partial(c Case) error {
	if len(c.Grids) == 1 {
		return errors.New("a quantizer per tensor takes any length")
	}
	x := c.random()
	return c.Estimator.Forward(make([]float32, len(x)-1), x[:len(x)-1], c.Params)
}

// sweep has 20 values a level in each channel, a quarter of the span beyond both ends.
func (c Case) sweep() []float32 {
	n := 20 << c.Bits
	x := make([]float32, 0, n*len(c.Grids))
	for i := range n {
		for _, grid := range c.Grids {
			lo, span := grid[0], grid[len(grid)-1]-grid[0]
			x = append(x, float32(lo+span*(1.5*float64(i)/float64(n-1)-0.25)))
		}
	}
	return x
}

// random has 100 normal values in each channel; about a third are outside the grid.
func (c Case) random() []float32 {
	rng := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, 0, 100*len(c.Grids))
	for range 100 {
		for _, grid := range c.Grids {
			lo, hi := grid[0], grid[len(grid)-1]
			x = append(x, float32((lo+hi)/2+(hi-lo)/2*rng.NormFloat64()))
		}
	}
	return x
}

func (c Case) gridsOf(x []float32) [][]float64 {
	if c.GridsOf != nil {
		return c.GridsOf(widen(x))
	}
	return c.Grids
}

func (c Case) gradients() estimators.Params {
	dp := make(estimators.Params, len(c.Params))
	for i := range dp {
		dp[i] = make([]float32, len(c.Params[i]))
	}
	return dp
}

func nearest(grid []float64, y float64) (best int) {
	for j, g := range grid {
		if math.Abs(g-y) < math.Abs(grid[best]-y) {
			best = j
		}
	}
	return best
}

func near(got, want, tolerance float64) bool {
	return math.Abs(got-want) <= tolerance*max(math.Abs(want), 0.1)
}

func widen(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}
