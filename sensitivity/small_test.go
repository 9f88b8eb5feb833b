package sensitivity

import (
	"testing"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/layers"
)

// A scale loses at most half of itself in a step, and stays above its floor; what has no floor moves freely.
func TestDescend(t *testing.T) {
	for _, tt := range []struct{ floor, want float32 }{{0, -9}, {1e-3, 0.5}, {0.75, 0.75}} {
		a := &layers.Array{Floor: tt.floor, Value: tensor.New(tensor.WithShape(1), tensor.WithBacking([]float32{1}))}
		(&student{velocity: map[*float32][]float32{}}).descend(a, []float32{1000}, 0.01)
		if got := a.Data()[0]; got != tt.want {
			t.Errorf("with a floor of %v 1 goes to %v by a step of -10, want %v", tt.floor, got, tt.want)
		}
	}
}

// A ratio that all images have is exact; of zeros there is no noise.
func TestRatio(t *testing.T) {
	r := &ratio{}
	r.add(1, 2)
	r.add(2, 4)
	if got := r.loss(4); got != (Loss{Bits: 4, Value: 0.5}) {
		t.Errorf("noise of half the signal: %+v", got)
	}
	r = &ratio{}
	r.add(0, 0)
	r.add(0, 0)
	if got := r.loss(4); got != (Loss{Bits: 4}) {
		t.Errorf("no signal: %+v", got)
	}
}
