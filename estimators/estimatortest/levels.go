package estimatortest

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/qat-go/qat/estimators"
)

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

// checkCodes compares the codes of a quantizer in integers with its values: all are the scale times a difference of codes
// apart.
func checkCodes(c Case) error {
	u, ok := c.Estimator.(estimators.Integer)
	if !ok {
		return nil
	}
	x := append(c.sweep(), make([]float32, len(c.Grids))...)
	last := len(x) - len(c.Grids)
	values, y, codes, alone := make([]float32, len(x)), make([]float32, len(x)), make([]int32, len(x)), make([]int32, len(x))
	scale := make([]float32, len(c.Grids))
	if err := errors.Join(u.Forward(values, x, c.Params), u.Quantize(codes, y, x, c.Params), u.Quantize(alone, nil, x, c.Params), u.CodeScale(scale, x, c.Params)); err != nil {
		return err
	}
	if !slices.Equal(values, y) || !slices.Equal(codes, alone) {
		return errors.New("results of Forward, of Quantize and of Quantize for codes only disagree")
	}
	for i, code := range codes {
		ch := i % len(c.Grids)
		if want := float64(y[ch]) + float64(scale[ch])*float64(code-codes[ch]); int(code) < u.Qn() || int(code) > u.Qp() || !near(float64(y[i]), want, 1e-5) {
			return fmt.Errorf("code %d of x = %v has the value %v; expected %v by the scale %v from code %d on, between %d and %d", code, x[i], y[i], want, scale[ch], codes[ch], u.Qn(), u.Qp())
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
