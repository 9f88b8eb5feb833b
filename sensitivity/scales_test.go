package sensitivity_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/sensitivity"
)

// Eight steps of two widths are those of two networks of their own whose shared arrays are brought together after each step, with
// gradients of Gorgonia's machine.
func TestScalesLearnJointly(t *testing.T) {
	const steps = 8
	widths := []int{2, 4}
	m := open(t, 2, "images: 120", "images: 200", "activations: {bits: 4}", "activations: {bits: fp}", "weights: {bits: 4}", "weights: {bits: fp}")
	for _, a := range m.Net.Store.Of(layers.Learned) { // which are no longer those that a network begins with
		for i := range a.Data() {
			a.Data()[i] *= 1 + 0.1*float32(i%4)
		}
	}
	r := measure(t, m, sensitivity.Options{Methods: []sensitivity.Method{sensitivity.Scales}, Widths: widths, Steps: steps, Images: 4, Seed: 5})

	l, err := datasets.NewLoader(m.Data, m.Data.Train, datasets.LoaderOptions{Batch: 16, Seed: 5, Shuffle: true, DropLast: true, Augment: m.Config.Data.Augment.Options()})
	if err != nil {
		t.Fatal(err)
	}
	it := l.Epoch(0, 0)
	defer it.Close()
	graph, err := m.Config.Model.Build(m.Net.Shape(), 3)
	if err != nil {
		t.Fatal(err)
	}
	x := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(16, 8, 8, 3))
	y := tensor.New(tensor.Of(tensor.Int32), tensor.WithShape(16))
	nets := map[int]*layers.Network{}
	velocity := map[*layers.Array][]float64{}
	for step := range steps {
		b, ok := it.Next()
		if !ok {
			t.Fatal(it.Err())
		}
		copy(x.Float32s(), b.X)
		copy(y.Int32s(), b.Y)
		it.Release(b)
		rate := 0.01 * (1 + math.Cos(math.Pi*float64(step)/steps)) / 2
		descend := func(a *layers.Array, gradient []float64) {
			v := velocity[a]
			if v == nil {
				v = make([]float64, len(gradient))
				velocity[a] = v
			}
			for i, g := range gradient {
				v[i] = 0.9*v[i] + g
				a.Data()[i] -= float32(rate * v[i])
			}
		}
		shared := map[string][]float64{}
		for _, bits := range widths {
			net := nets[bits]
			if net == nil {
				lsq := configs.TensorSpec{Bits: configs.Bits(bits), Estimator: configs.LSQ, Granularity: configs.PerTensor, Signed: configs.SignedAuto, N: configs.NAuto, STE: configs.STEAuto, Calibration: configs.CalibrateAuto}
				if net, err = layers.New(graph, &configs.Quant{Weights: lsq, Activations: lsq, FirstLast: configs.Same, Residual: configs.FP}, m.Net.Input, 1); err != nil {
					t.Fatal(err)
				}
				for _, a := range m.Net.Store.All() {
					if !strings.Contains(a.Name, "_quantizer.") {
						copy(net.Store.Array(a.Name).Data(), a.Data())
					}
				}
				if err := net.Calibrate(m.Threads(), nil, x); err != nil {
					t.Fatal(err)
				}
				nets[bits] = net
			}
			c := layers.NewContext(m.Threads(), true)
			logits, err := net.Build(c, x)
			if err != nil {
				t.Fatal(err)
			}
			loss := layers.CrossEntropy(c, logits, layers.Targets{Labels: c.Input("y", y)})
			arrays := net.Store.Learnable()
			var nodes G.Nodes
			for _, a := range arrays {
				nodes = append(nodes, c.Node(a))
			}
			gradients, err := c.Grad(loss, nodes...)
			if err != nil {
				t.Fatal(err)
			}
			vm := G.NewTapeMachine(loss.Graph())
			if err := vm.RunAll(); err != nil {
				t.Fatal(err)
			}
			for i, a := range arrays {
				g := make([]float64, len(a.Data()))
				for j, v := range gradients[i].Value().Data().([]float32) {
					g[j] = float64(v)
				}
				if strings.Contains(a.Name, "_quantizer.") {
					descend(a, g)
					continue
				}
				if shared[a.Name] == nil {
					shared[a.Name] = make([]float64, len(g))
				}
				for j, v := range g {
					shared[a.Name][j] += v / float64(len(widths))
				}
			}
			vm.Close()
		}
		for name, g := range shared {
			descend(nets[2].Store.Array(name), g)
			copy(nets[4].Store.Array(name).Data(), nets[2].Store.Array(name).Data())
		}
	}
	table := r.Table("scales")
	for _, layer := range table.Layers {
		for _, bits := range widths {
			for what, losses := range map[string][]sensitivity.Loss{".weight": layer.Weights, ".input": layer.Activations} {
				i := slices.IndexFunc(nets[bits].Quantizers, func(q *layers.Quantizer) bool { return q.Name == layer.Name+what })
				want := float64(nets[bits].Quantizers[i].Scale.Data()[0])
				if got := find(losses, bits).Value; math.Abs(got/want-1) > 1e-5 {
					t.Errorf("%s%s at %d bits: the scale is %v, want %v", layer.Name, what, bits, got, want)
				}
			}
		}
	}
}
