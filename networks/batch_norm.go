package networks

import "fmt"

// BatchNorm is batch norm over each channel (Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167):
//
//	y = weight*(x - mean)/sqrt(variance + Eps) + bias
//
// with the statistics of the batch in training, running ones in evaluation; those move by Momentum.
type BatchNorm struct {
	same
	Eps, Momentum float64
}

// Kind implements [Op].
func (BatchNorm) Kind() Kind { return "batch_norm" }

// Shape implements [Op].
func (b BatchNorm) Shape(in []Shape) (Shape, error) {
	if !(b.Eps > 0) || !(b.Momentum >= 0 && b.Momentum <= 1) {
		return Shape{}, fmt.Errorf("eps %g and momentum %g; expected a positive eps and a momentum from 0 to 1", b.Eps, b.Momentum)
	}
	return first(in), nil
}

// Arrays implements [Op].
func (BatchNorm) Arrays(in []Shape) []Array {
	channels := []int{first(in).C}
	return []Array{
		{Name: "weight", Shape: channels, Group: BatchNormGroup, Folds: true, Start: Ones},
		{Name: "bias", Shape: channels, Group: BatchNormGroup, Folds: true, Start: Zeros},
		{Name: "running_mean", Shape: channels, Running: true, Folds: true, Start: Zeros},
		{Name: "running_var", Shape: channels, Running: true, Folds: true, Start: Ones},
	}
}
