package networks

import (
	"cmp"
	"fmt"
)

// Linear is y = x*weight + bias over all elements of the input, which has one pixel.
type Linear struct {
	weights
	Out    int
	NoBias bool
	Start  Start // of the weights; "" is [Uniform]
}

// Kind implements [Op].
func (Linear) Kind() Kind { return "linear" }

// Shape implements [Op].
func (l Linear) Shape(in []Shape) (Shape, error) {
	if first(in).H != 1 || first(in).W != 1 {
		return Shape{}, fmt.Errorf("the input is %v; expected 1x1 pixels: pool or flatten it", first(in))
	}
	return Shape{1, 1, l.Out}, cmp.Or(positive("out", l.Out), l.Start.check())
}

// Arrays implements [Op].
func (l Linear) Arrays(in []Shape) []Array {
	return withBias(!l.NoBias, l.Out, Array{Name: "weight", Shape: []int{first(in).Len(), l.Out}, Group: WeightsGroup, Start: cmp.Or(l.Start, Uniform)})
}

// MACs implements [Op].
func (l Linear) MACs(in []Shape) int64 { return int64(first(in).Len()) * int64(l.Out) }
