package estimatortest

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

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
