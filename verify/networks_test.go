package verify

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/internal/onnxruntime"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/networks/networkstest"
	"github.com/qat-go/qat/threads"
	"github.com/qat-go/qat/train"
)

// learn takes steps of gradient descent on the first n training images, and returns the first loss and the last.
func learn(t *testing.T, m *train.Model, n, steps int, rate float32) (first, last float32) {
	t.Helper()
	in := m.Net.Shape()
	x := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(n, in.H, in.W, in.C))
	y := tensor.New(tensor.Of(tensor.Int32), tensor.WithShape(n))
	if err := m.Batches(context.Background(), m.Data.Train.Head(n), func(pixels []float32, labels []int32, _ int) error {
		copy(x.Float32s(), pixels)
		copy(y.Int32s(), labels)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	pool := kernels.NewPool(2)
	defer pool.Close()
	if err := m.Net.Calibrate((*threads.Pool)(pool), nil, x); err != nil {
		t.Fatal(err)
	}
	c := layers.NewContext((*threads.Pool)(pool), true)
	logits, err := m.Net.Build(c, x)
	if err != nil {
		t.Fatal(err)
	}
	loss := layers.CrossEntropy(c, logits, layers.Targets{Labels: c.Input("y", y)})
	var wrt []*G.Node
	for _, p := range m.Net.Store.Learnable() {
		wrt = append(wrt, c.Node(p))
	}
	grads, err := c.Grad(loss, wrt...)
	if err != nil {
		t.Fatal(err)
	}
	vm, err := machine.New(pool, machine.Options{}, append(grads, loss)...)
	if err != nil {
		t.Fatal(err)
	}
	for step := range steps {
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		c.Commit()
		if last = float32(*loss.Value().(*G.F32)); step == 0 {
			first = last
		}
		for i, p := range m.Net.Store.Learnable() {
			w := p.Data()
			for j, g := range grads[i].Value().(*tensor.Dense).Float32s() {
				if w[j] -= rate * g; p.Floor > 0 {
					w[j] = max(w[j], p.Floor)
				}
			}
		}
	}
	return first, last
}

// Networks that have each operation wherever it can stand train, are evaluated as simulated, and every file has their logits.
func TestNetworks(t *testing.T) {
	for _, n := range []struct {
		name         string
		build        func(networks.Shape, int) *networks.Network
		convolutions int // in integers
		steps        int
		loss         float32 // at most, as a part of the first
		concat       configs.Concat
	}{
		{"pooled", networkstest.Pooled, 5, 30, 0.33, configs.ConcatShared}, {"plain", networkstest.Plain, 4, 60, 0.8, configs.ConcatShared}, // half of its values are dropped
		{"perceptron", networkstest.Perceptron, 2, 40, 0.8, configs.ConcatShared},
		{"joined", networkstest.Joined, 10, 80, 0.9, configs.ConcatShared}, {"requantized", networkstest.Joined, 10, 80, 0.9, configs.ConcatRequantize},
		{"oblong", networkstest.Oblong, 4, 60, 0.9, configs.ConcatShared},
		{"leaky", networkstest.Leaky, 5, 80, 0.9, configs.ConcatShared}, {"averaged", networkstest.Averaged, 6, 80, 0.9, configs.ConcatShared},
		{"uneven", networkstest.Uneven, 3, 80, 0.9, configs.ConcatShared},
	} {
		t.Run(n.name, func(t *testing.T) { certify(t, n.build, n.convolutions, n.steps, n.loss, n.concat) })
	}
}

func certify(t *testing.T, build func(networks.Shape, int) *networks.Network, convolutions, steps int, loss float32, concat configs.Concat) {
	cfg, err := configs.Load("quickstart", []string{"quant.weights.bits=4", "quant.activations.bits=4"})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Quant.Concat = concat
	m, err := train.Open(cfg, "", 2)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if m.Net, err = layers.New(build(m.Net.Shape(), 10), &cfg.Quant, m.Net.Input, 1); err != nil {
		t.Fatal(err)
	}
	if first, last := learn(t, m, 40, steps, 0.05); !(last < first*loss) {
		t.Errorf("the loss goes from %g to %g; want less than %g of it", first, last, loss)
	}
	net, err := m.Lower()
	if err != nil {
		t.Fatal(err)
	}
	files := map[configs.Format]string{}
	for _, format := range []configs.Format{configs.Safetensors, configs.ONNX, configs.QONNX} {
		files[format] = filepath.Join(t.TempDir(), "model."+export.Extension(format))
		if err := export.Write(files[format], format, net, export.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	// The images that it was trained on, and others.
	learned, others := m.Data.Train.Head(40), m.Data.Test.Head(80)
	split := datasets.Split{Name: "test", Pixels: slices.Concat(learned.Pixels, others.Pixels), Labels: slices.Concat(learned.Labels, others.Labels)}
	c, err := Certify(context.Background(), m, net, Options{Split: split, Files: files, Threads: 1, Library: onnxruntime.Library()})
	if err != nil {
		t.Fatal(err)
	}
	if c.IntegerTop1 < 0.2 || c.Simulation.Logits != 1200 || c.Simulation.DifferentLogits > 0 {
		t.Errorf("%+v", c)
	}
	if !onnxruntime.Built {
		return
	}
	if len(c.Runs) != 4 {
		t.Fatalf("%d runs, not checked: %q", len(c.Runs), c.NotChecked)
	}
	for _, r := range c.Runs {
		if r.Format != "onnx" || !r.Optimized {
			continue
		}
		if r.DifferentLogits > 0 || r.OnIntegers != convolutions {
			t.Errorf("%d of %d logits differ, %d convolutions on integers", r.DifferentLogits, r.Logits, r.OnIntegers)
		}
		for _, l := range r.Layers {
			if l.Steps.Different() > 0 {
				t.Errorf("%s differs: %v", l.Layer, l.Steps)
			}
		}
	}
}
