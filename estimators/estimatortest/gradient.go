package estimatortest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/qat-go/qat/estimators"
)

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

// partial quantizes one element less than the channels divide; any error will do for a quantizer per tensor.
func partial(c Case) error {
	if len(c.Grids) == 1 {
		return errors.New("a quantizer per tensor takes any length")
	}
	x := c.random()
	return c.Estimator.Forward(make([]float32, len(x)-1), x[:len(x)-1], c.Params)
}

func (c Case) gradients() estimators.Params {
	dp := make(estimators.Params, len(c.Params))
	for i := range dp {
		dp[i] = make([]float32, len(c.Params[i]))
	}
	return dp
}
