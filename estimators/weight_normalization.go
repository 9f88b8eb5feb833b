package estimators

// normalizedWeights are the weights of a layer, centred and divided by their deviation: Li et al. 2020,
// https://arxiv.org/abs/1909.13144, section 2.4,
//
//	x' = (x - mean)/(deviation + 1e-5)
//
// in float64, rounded once. It returns the divisor too.
func normalizedWeights(x []float32) (normalized []float32, divisor float64, err error) {
	const epsilon = 1e-5
	if len(x) == 0 {
		return x, 1, nil
	}
	if err := checkStatistics(x); err != nil {
		return nil, 0, err
	}
	mean, deviation := meanDeviation(x, 1)
	divisor = deviation + epsilon
	normalized = make([]float32, len(x))
	for i, v := range x {
		normalized[i] = float32((float64(v) - mean) / divisor)
	}
	return normalized, divisor, nil
}
