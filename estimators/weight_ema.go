package estimators

import (
	"fmt"
	"math"
)

// WeightEMA is the exponential moving average of weights (Polyak and Juditsky 1992, https://doi.org/10.1137/0330046, as
// in Izmailov et al. 2018, https://arxiv.org/abs/1803.05407), for evaluation in place of the weights:
//
//	average <- average + (1-d)/(1-d^t) * (w - average)
//
// after update t = 1, 2, ... of the weights. The denominator takes out the bias to the start: the average is
// sum of d^(t-i)*w[i] over sum of d^(t-i), so after the first update it is w itself, and d = 1 is the plain mean.
type WeightEMA struct {
	Decay float64 // d, 0 to 1
}

// Update takes w into the average; step is how many updates went before, so 0 starts it. It is in float64, rounded
// once.
func (e WeightEMA) Update(average, w []float32, step int) error {
	if !(e.Decay >= 0 && e.Decay <= 1) {
		return prefixed("weight EMA", fmt.Errorf("a decay of %v; expected 0 to 1", e.Decay))
	}
	if len(average) != len(w) || step < 0 {
		return prefixed("weight EMA", fmt.Errorf("an average of %d elements at step %d; expected %d, from step 0",
			len(average), step, len(w)))
	}
	part := 1 / float64(step+1)
	if e.Decay < 1 {
		// expm1 keeps the digits of 1-d^t where d is near 1.
		part = -(1 - e.Decay) / math.Expm1(float64(step+1)*math.Log(e.Decay))
	}
	for i, v := range w {
		if step == 0 {
			average[i] = v // what the average is before is of no interest, NaN included
			continue
		}
		a := float64(average[i])
		average[i] = float32(a + float64(part*(float64(v)-a)))
	}
	return nil
}
