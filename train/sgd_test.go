package train

import (
	"math"
	"testing"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/layers"
)

// Values: torch 1.13, torch.optim.SGD([w], lr=0.1, momentum=0.9,
// weight_decay=0.01, nesterov=...) on w = 1 with gradients 0.5, -0.25, 1.
func TestSGDAgreesWithPyTorch(t *testing.T) {
	for _, c := range []struct {
		nesterov bool
		want     [3]float64
	}{
		{false, [3]float64{0.949, 0.927151, 0.8065597489999999}},
		{true, [3]float64{0.9031, 0.90757411, 0.6981892081909999}},
	} {
		w := &layers.Param{Name: "w", Group: layers.Weights, Value: tensor.New(tensor.WithBacking([]float32{1}), tensor.WithShape(1))}
		cfg := configs.Train{LR: 0.1, Optimizer: configs.Optimizer{Momentum: 0.9, WeightDecay: 0.01, Nesterov: c.nesterov},
			Groups: configs.Groups{Weights: configs.Group{LRMultiplier: 1, WeightDecay: configs.Decay{Inherit: true}}}}
		o := NewSGD(&cfg, []*layers.Param{w})
		for i, g := range []float32{0.5, -0.25, 1} {
			if bad := o.update(o.slots["w"], w.Data(), []float32{g}); bad >= 0 {
				t.Fatal("not finite")
			}
			if got := float64(w.Data()[0]); math.Abs(got-c.want[i]) > 1e-6 {
				t.Errorf("nesterov %v, step %d: %v, want %v", c.nesterov, i, got, c.want[i])
			}
		}
	}
}

func TestSGDFloorAndNonFinite(t *testing.T) {
	s := &layers.Param{Name: "s", Group: layers.Scales, Floor: 0.5, Value: tensor.New(tensor.WithBacking([]float32{1}), tensor.WithShape(1))}
	cfg := configs.Train{LR: 1, Groups: configs.Groups{Scales: configs.Group{LRMultiplier: 1}}}
	o := NewSGD(&cfg, []*layers.Param{s})
	o.update(o.slots["s"], s.Data(), []float32{3})
	if s.Data()[0] != 0.5 || o.FloorHits["s"] != 1 {
		t.Errorf("scale %v with %d hits, want 0.5 and 1", s.Data()[0], o.FloorHits["s"])
	}
	if bad := o.update(o.slots["s"], s.Data(), []float32{float32(math.NaN())}); bad != 0 || s.Data()[0] != 0.5 {
		t.Errorf("NaN gradient: element %d, scale %v", bad, s.Data()[0])
	}
}
