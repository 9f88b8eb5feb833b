package estimators

import (
	"fmt"
	"math"
)

// Kurtosis is KURE, Shkolnik et al. 2020, https://arxiv.org/abs/2002.07520, section 4.1: weights become robust to
// quantization when their distribution is even, whose kurtosis is 1.8,
//
//	loss = lambda * (K - target)^2,  K = mean of z^4,  z = (w - mean)/deviation
//
//	dw = lambda * 2*(K - target) * 4/(N*deviation) * (z^3 - mean of z^3 - K*z)
//
// over the N weights of a layer; the paper takes the mean over layers. The gradient is that of mean and deviation too.
// Scale and range have no part in it, and are not looked at. Weights that are all equal have no kurtosis: the penalty
// and its gradient are 0.
type Kurtosis struct {
	Lambda, Target float64
}

var kurtosisOptions = []Option{
	lambda,
	{Name: "target", Doc: "the kurtosis of the distribution that is wanted", Default: 1.8, Min: 1, Max: 100},
}

var _ = registerRegularizer(RegularizerKind{
	Name:    "kurtosis",
	Source:  "Shkolnik et al. 2020, arXiv 2002.07520, section 4.1",
	Doc:     "how far the weights' kurtosis is from that of an even distribution",
	Options: kurtosisOptions,
	New: func(o Options) (Regularizer, error) {
		o, err := optionValues(kurtosisOptions, o)
		return Kurtosis{o["lambda"], o["target"]}, prefixed("kurtosis", err)
	},
})

// Penalty implements [Regularizer].
func (k Kurtosis) Penalty(dw, w []float32, _ []float32, _ Range) (loss float64, err error) {
	if err = checkLambda(k.Lambda); err == nil {
		err = checkLength("dw", len(dw), len(w))
	}
	if err == nil && !(k.Target >= 1) { // no distribution has less
		err = fmt.Errorf("a target of %v; expected 1 or more", k.Target)
	}
	if err == nil && len(w) > 0 {
		err = checkStatistics(w)
	}
	if err != nil {
		return 0, prefixed("kurtosis", err)
	}
	mean, deviation := meanDeviation(w, 1)
	if deviation == 0 {
		return 0, nil
	}
	var third, fourth float64
	for _, v := range w {
		z := (float64(v) - mean) / deviation
		third += float64(z * z * z)
		fourth += float64(z * z * z * z)
	}
	n := float64(len(w))
	third, fourth = third/n, fourth/n
	excess := fourth - k.Target
	factor := k.Lambda * 2 * excess * 4 / (n * deviation)
	for i, v := range w {
		z := (float64(v) - mean) / deviation
		dw[i] = float32(float64(dw[i]) + float64(factor*(float64(z*z*z)-third-float64(fourth*z))))
	}
	return k.Lambda * math.Pow(excess, 2), nil
}
