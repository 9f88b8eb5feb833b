package estimators

import "fmt"

// BiasCorrection measures by how much quantization shifts the outputs of a layer, Nagel et al. 2019,
// https://arxiv.org/abs/1906.04721, section 4.2 and appendix D (empirical correction): for each output channel
//
//	correction = E[y] - E[y']
//
// with the outputs y of the layer before and y' after quantization, on the same data and before its activation
// function. Adding the correction to the bias makes the means equal. Batches are flat, with the channel last, and count
// by their size; sums are in float64, of the difference y - y' itself, so equal large outputs cancel exactly.
type BiasCorrection struct {
	sums []float64
	n    float64
}

// NewBiasCorrection returns the correction of so many output channels.
func NewBiasCorrection(channels int) (*BiasCorrection, error) {
	if channels < 1 {
		return nil, prefixed("bias correction", fmt.Errorf("%d channels; expected 1 or more", channels))
	}
	return &BiasCorrection{sums: make([]float64, channels)}, nil
}

// Observe takes in a batch of outputs y and of quantized outputs. It is an error if either is not finite.
func (b *BiasCorrection) Observe(y, quantized []float32) error {
	if b == nil {
		return errNoObserver
	}
	err := checkObserved(y, len(b.sums))
	if err == nil {
		err = checkObserved(quantized, len(b.sums))
	}
	if err == nil && len(y) != len(quantized) {
		err = fmt.Errorf("%d outputs and %d quantized ones; expected as many", len(y), len(quantized))
	}
	if err != nil {
		return prefixed("bias correction", err)
	}
	for i, v := range y {
		b.sums[i%len(b.sums)] += float64(v) - float64(quantized[i])
	}
	b.n += float64(len(y) / len(b.sums))
	return nil
}

// Correct adds the correction to the bias, of one element for each channel.
func (b *BiasCorrection) Correct(bias []float32) error {
	if b == nil {
		return errNoObserver
	}
	if len(bias) != len(b.sums) {
		return prefixed("bias correction", fmt.Errorf("a bias of %d elements; expected %d", len(bias), len(b.sums)))
	}
	if b.n == 0 {
		return prefixed("bias correction", fmt.Errorf("nothing was observed; expected a batch or more"))
	}
	for c, sum := range b.sums {
		bias[c] = float32(float64(bias[c]) + sum/b.n)
	}
	return nil
}
