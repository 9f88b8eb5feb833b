package train

import (
	"math"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/networks"
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
		w := &layers.Array{Name: "w", Group: networks.WeightsGroup, Value: tensor.New(tensor.WithBacking([]float32{1}), tensor.WithShape(1))}
		cfg := configs.Train{LR: 0.1, Optimizer: configs.Optimizer{Momentum: 0.9, WeightDecay: 0.01, Nesterov: c.nesterov},
			Groups: configs.Groups{Weights: configs.Group{LRMultiplier: 1, WeightDecay: configs.Decay{Inherit: true}}}}
		o := NewOptimizer(&cfg, []*layers.Array{w})
		for i, g := range []float32{0.5, -0.25, 1} {
			if bad := o.update(o.slots["w"], w.Data(), []float32{g}, 1); bad >= 0 {
				t.Fatal("not finite")
			}
			if got := float64(w.Data()[0]); math.Abs(got-c.want[i]) > 1e-6 {
				t.Errorf("nesterov %v, step %d: %v, want %v", c.nesterov, i, got, c.want[i])
			}
		}
	}
}

// A step that would take a scale to its floor, or through zero, halves it, and the next one starts from there.
func TestScalesHalveAtMost(t *testing.T) {
	s := &layers.Array{Name: "s", Group: networks.ScalesGroup, Floor: 0.25, Value: tensor.New(tensor.WithBacking([]float32{8, 8, 8}), tensor.WithShape(3))}
	cfg := configs.Train{LR: 1, Groups: configs.Groups{Scales: configs.Group{LRMultiplier: 1}}}
	o := NewOptimizer(&cfg, []*layers.Array{s})
	for i, want := range [][]float32{{4, 4.5, 7}, {2, 2.25, 6}, {1, 1.125, 5}, {0.5, 0.5625, 4}, {0.25, 0.28125, 3}, {0.25, 0.25, 2}} {
		o.update(o.slots["s"], s.Data(), []float32{100, 3.5, 1}, 1)
		if !slices.Equal(s.Data(), want) {
			t.Errorf("step %d: scales %v, want %v", i+1, s.Data(), want)
		}
	}
	if o.FloorHits["s"] != 6+5 {
		t.Errorf("%d hits, want 11", o.FloorHits["s"])
	}
}

func TestSGDFloorAndNonFinite(t *testing.T) {
	s := &layers.Array{Name: "s", Group: networks.ScalesGroup, Floor: 0.5, Value: tensor.New(tensor.WithBacking([]float32{1}), tensor.WithShape(1))}
	cfg := configs.Train{LR: 1, Groups: configs.Groups{Scales: configs.Group{LRMultiplier: 1}}}
	o := NewOptimizer(&cfg, []*layers.Array{s})
	o.update(o.slots["s"], s.Data(), []float32{3}, 1)
	if s.Data()[0] != 0.5 || o.FloorHits["s"] != 1 {
		t.Errorf("scale %v with %d hits, want 0.5 and 1", s.Data()[0], o.FloorHits["s"])
	}
	if bad := o.update(o.slots["s"], s.Data(), []float32{float32(math.NaN())}, 1); bad != 0 || s.Data()[0] != 0.5 {
		t.Errorf("NaN gradient: element %d, scale %v", bad, s.Data()[0])
	}
}

// Values: torch 1.13, nn.utils.clip_grad_norm_([a, b], 1) on gradients (3, 0) and (-4).
func TestClipGradNorm(t *testing.T) {
	cfg := configs.Train{LR: 1, ClipGradNorm: 1, Groups: configs.Groups{Weights: configs.Group{LRMultiplier: 1}}}
	b := graph.New()
	var params []*layers.Array
	var nodes []*G.Node
	var terms []*G.Node
	for _, c := range []struct {
		name  string
		value []float32
		grad  []float32
	}{{"a", []float32{0, 0}, []float32{3, 0}}, {"b", []float32{0}, []float32{-4}}} {
		p := &layers.Array{Name: c.name, Group: networks.WeightsGroup, Value: tensor.New(tensor.WithBacking(c.value), tensor.WithShape(len(c.value)))}
		params = append(params, p)
		n := b.Param(p.Name, p.Value)
		nodes = append(nodes, n)
		k := G.NewConstant(tensor.New(tensor.WithBacking(c.grad), tensor.WithShape(len(c.grad))))
		terms = append(terms, G.Must(G.Sum(G.Must(G.HadamardProd(n, k)))))
	}
	loss := G.Must(G.Add(terms[0], terms[1]))
	if _, err := G.Grad(loss, nodes...); err != nil {
		t.Fatal(err)
	}
	vm := G.NewTapeMachine(loss.Graph(), G.BindDualValues(nodes...))
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	o := NewOptimizer(&cfg, params)
	if err := o.Step(G.NodesToValueGrads(nodes)); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{-0.6, 0, 0.8} {
		got := append(slices.Clone(params[0].Data()), params[1].Data()...)[i]
		if math.Abs(float64(got)-want) > 1e-6 {
			t.Errorf("element %d is %v, want %v", i, got, want)
		}
	}
}
