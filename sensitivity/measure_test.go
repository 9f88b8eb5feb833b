package sensitivity_test

import (
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/sensitivity"
	"github.com/qat-go/qat/train"
)

// small is a network of two convolutions, one read by two, and a linear layer, on random images.
const small = `
model:
  network:
    nodes:
      - {name: first, conv: {out: 6, kernel: 3, pad: 1}}
      - batch_norm
      - {name: a, relu: }
      - {name: second, conv: {out: 6, kernel: 3, pad: 1}}
      - {name: bn, batch_norm: }
      - {name: sum, add: , from: [bn, a]}
      - relu
      - global_average_pool
      - {name: last, linear: {out: classes}}
data: {dataset: random, random: {height: 8, width: 8, classes: 3, images: 120, test_images: 8}, validation: 60}
train: {epochs: 1, batch: 16, lr: 0.1}
quant: {weights: {bits: 4}, activations: {bits: 4}}
`

func open(t *testing.T, threads int, overrides ...string) *train.Model {
	t.Helper()
	cfg, err := configs.Parse("small.yaml", []byte(strings.NewReplacer(overrides...).Replace(small)))
	if err != nil {
		t.Fatal(err)
	}
	m, err := train.Open(cfg, "", threads)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	for _, a := range m.Net.Store.Of(layers.Updated) { // as if it had been trained
		if a.Running {
			for i := range a.Data() {
				a.Data()[i] += 0.1 * float32(i%5)
			}
		}
	}
	return m
}

func measure(t *testing.T, m *train.Model, o sensitivity.Options) *sensitivity.Report {
	t.Helper()
	r, err := sensitivity.Measure(t.Context(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func find(losses []sensitivity.Loss, bits int) sensitivity.Loss {
	return losses[slices.IndexFunc(losses, func(l sensitivity.Loss) bool { return l.Bits == bits })]
}

// The loss with one tensor quantized is that of a network of package layers that quantizes this tensor alone, evaluated whole. The
// images are more than are measured at once.
func TestPerturbAgainstNetworks(t *testing.T) {
	m := open(t, 2)
	r := measure(t, m, sensitivity.Options{Methods: []sensitivity.Method{sensitivity.Perturb}, Images: 60, Widths: []int{2, 4}, Seed: 7})
	if r.Split != "validation" || r.Images != 60 || r.Calibration != 60 {
		t.Errorf("%d %s images, calibrated on %d; want 60 of validation, and all 60 that train", r.Images, r.Split, r.Calibration)
	}
	float, err := m.Net.Float()
	if err != nil {
		t.Fatal(err)
	}
	before, top1 := evaluate(t, m, float, 7, 60)
	if loss := meanOf(before); math.Abs(loss-r.Loss) > 1e-6 || math.Abs(top1-r.Top1) > 1e-9 {
		t.Errorf("the float network has a loss of %v and a top-1 of %v; want %v and %v", r.Loss, r.Top1, loss, top1)
	}
	for _, layer := range []string{"first", "second", "last"} {
		for _, bits := range []int{2, 4} {
			for _, what := range []string{"weights", "activations"} {
				net := alone(t, m, layer, what, bits)
				after, top1 := evaluate(t, m, net, 7, 60)
				loss := meanOf(after)
				growth, squares := loss-meanOf(before), 0.0
				for i, v := range after {
					squares += math.Pow(v-before[i]-growth, 2)
				}
				err := math.Sqrt(squares / 59 / 60)
				row, _ := r.Table("perturb").Layer(layer)
				accuracy, _ := r.Table("accuracy").Layer(layer)
				got, lost := find(row.Weights, bits), find(accuracy.Weights, bits)
				if what == "activations" {
					got, lost = find(row.Activations, bits), find(accuracy.Activations, bits)
				}
				if math.Abs(got.Value-growth) > 1e-5 || math.Abs(got.StdErr-err) > 1e-5 {
					t.Errorf("%s of %s at %d bits: the loss grows by %v, error %v; want %v and %v", what, layer, bits, got.Value, got.StdErr, growth, err)
				}
				if math.Abs(lost.Value-(r.Top1-top1)) > 1e-6 {
					t.Errorf("%s of %s at %d bits: %v of top-1 is lost, want %v", what, layer, bits, lost.Value, r.Top1-top1)
				}
			}
		}
	}
}

// alone is the model's network with one tensor quantized, its levels from the images on which Measure takes them.
func alone(t *testing.T, m *train.Model, layer, what string, bits int) *layers.Network {
	t.Helper()
	quant := &configs.Quant{FirstLast: configs.Same, Residual: configs.FP}
	at, err := m.Config.Quant.AtBits(configs.Bits(bits), []string{layer})
	if err != nil {
		t.Fatal(err)
	}
	quant.Layers = at.Layers
	fp := configs.Override{Keys: []string{"bits"}, Values: configs.TensorSpec{Bits: configs.FP}}
	if what == "weights" {
		quant.Layers[0].Activations = fp
	} else {
		quant.Layers[0].Weights = fp
	}
	graph, err := m.Config.Model.Build(m.Net.Shape(), len(m.Data.Classes))
	if err != nil {
		t.Fatal(err)
	}
	net, err := layers.New(graph, quant, m.Net.Input, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range net.Store.All() {
		if from := m.Net.Store.Array(a.Name); from != nil && !strings.Contains(a.Name, "_quantizer.") {
			copy(a.Data(), from.Data())
		}
	}
	x := images(t, m, m.Data.Train, 7, 100)
	net.FreezeBatchNorm(true)
	if err := net.Calibrate(m.Threads(), nil, x.x); err != nil {
		t.Fatal(err)
	}
	return net
}

type imagesOf struct {
	x *tensor.Dense
	y []int32
}

// images are those that a seed draws of a split, at most so many, in one batch.
func images(t *testing.T, m *train.Model, split datasets.Split, seed uint64, most int) imagesOf {
	t.Helper()
	n := min(most, split.Len())
	l, err := datasets.NewLoader(m.Data, split, datasets.LoaderOptions{Batch: n, Seed: seed, Shuffle: true})
	if err != nil {
		t.Fatal(err)
	}
	it := l.Epoch(0, 0)
	defer it.Close()
	b, ok := it.Next()
	if !ok {
		t.Fatal(it.Err())
	}
	return imagesOf{tensor.New(tensor.WithShape(n, m.Data.Height, m.Data.Width, m.Data.Channels), tensor.WithBacking(slices.Clone(b.X))), slices.Clone(b.Y)}
}

func meanOf(x []float64) (mean float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	return mean
}

// evaluate gives the losses and the top-1 accuracy of a network on images.
func evaluate(t *testing.T, m *train.Model, net *layers.Network, seed uint64, n int) (losses []float64, top1 float64) {
	t.Helper()
	b := images(t, m, m.Data.Validation, seed, n)
	c := layers.NewContext(m.Threads(), false)
	node, err := net.Build(c, b.x)
	if err != nil {
		t.Fatal(err)
	}
	vm := G.NewTapeMachine(node.Graph())
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	logits := node.Value().Data().([]float32)
	classes := len(logits) / len(b.y)
	for i, label := range b.y {
		row := logits[i*classes:][:classes]
		sum := 0.0
		for _, v := range row {
			sum += math.Exp(float64(v) - float64(row[label]))
		}
		losses = append(losses, math.Log(sum))
		if slices.Index(row, slices.Max(row)) == int(label) {
			top1 += 1 / float64(len(b.y))
		}
	}
	return losses, top1
}

// Noise and signal are summed over weights, and over what layers read of all images.
func TestSQNR(t *testing.T) {
	m := open(t, 1)
	r := measure(t, m, sensitivity.Options{Methods: []sensitivity.Method{sensitivity.SQNR}, Images: 33, Widths: []int{8, 3, 3}})
	if !slices.Equal(r.Widths, []int{3, 8}) || len(r.Tables) != 1 {
		t.Fatalf("widths %v, %d tables", r.Widths, len(r.Tables))
	}
	for _, bits := range r.Widths {
		net := alone(t, m, "first", "weights", bits)
		w, q := net.Store.Array("first.weight").Data(), net.Quantizers[0]
		y := make([]float32, len(w))
		if err := q.Values(y, w); err != nil {
			t.Fatal(err)
		}
		noise, signal := 0.0, 0.0
		for i, v := range w {
			noise += math.Pow(float64(y[i])-float64(v), 2)
			signal += math.Pow(float64(v), 2)
		}
		row, _ := r.Table("sqnr").Layer("first")
		if got := find(row.Weights, bits); math.Abs(got.Value-noise/signal) > 1e-9 || got.StdErr != 0 {
			t.Errorf("weights at %d bits: %v, want %v, exact", bits, got, noise/signal)
		}
		// The images have a range that is known, and codes over it.
		x := images(t, m, m.Data.Validation, 0, 33).x.Float32s()
		lo, hi := float64(m.Net.Input.Lo), float64(m.Net.Input.Hi)
		scale := (hi - lo) / (math.Exp2(float64(bits)) - 1)
		zero := math.RoundToEven(-lo / scale)
		noise, signal = 0, 0
		var noises, signals []float64 // of each image
		for i, v := range x {
			if i%(8*8*3) == 0 {
				noises, signals = append(noises, 0), append(signals, 0)
			}
			code := min(max(math.RoundToEven(float64(v)/scale)+zero, 0), math.Exp2(float64(bits))-1)
			noise += math.Pow((code-zero)*scale-float64(v), 2)
			signal += math.Pow(float64(v), 2)
			noises[len(noises)-1] += math.Pow((code-zero)*scale-float64(v), 2)
			signals[len(signals)-1] += math.Pow(float64(v), 2)
		}
		squares := 0.0
		for i, n := range noises {
			squares += math.Pow(n-noise/signal*signals[i], 2)
		}
		err := math.Sqrt(squares/32/33) / (signal / 33)
		if got := find(row.Activations, bits); math.Abs(got.Value/(noise/signal)-1) > 1e-3 || math.Abs(got.StdErr/err-1) > 1e-2 {
			t.Errorf("images at %d bits: %v, want %v, with an error of %v", bits, got, noise/signal, err)
		}
		if d := sensitivity.Decibels(0.01); math.Abs(d-20) > 1e-9 {
			t.Errorf("a hundredth of noise is %v dB, want 20", d)
		}
	}
}

// The same seed gives the same numbers on any number of threads, in any order of methods; another seed others. The model stays
// as it is.
func TestMeasureRepeats(t *testing.T) {
	m := open(t, 1)
	var before []float32
	for _, a := range m.Net.Store.All() {
		before = append(before, a.Data()...)
	}
	o := sensitivity.Options{Images: 55, Seed: 1, Widths: []int{2, 5}}
	first := measure(t, m, o)
	o.Methods = sensitivity.Methods()
	slices.Reverse(o.Methods)
	second := measure(t, open(t, 3), o)
	for _, table := range first.Tables {
		if again := second.Table(table.Method); !reflect.DeepEqual(*again, table) {
			t.Errorf("%v\nand then\n%v", table, *again)
		}
	}
	o.Seed = 2
	if other := measure(t, m, o); reflect.DeepEqual(other.Table("perturb"), first.Table("perturb")) || other.Loss == first.Loss {
		t.Error("another seed takes the same images")
	}
	var after []float32
	for _, a := range m.Net.Store.All() {
		after = append(after, a.Data()...)
	}
	if !slices.Equal(before, after) {
		t.Error("the model has changed")
	}
}

// Without held-out images those of the training set count. A layer that the config leaves in floating point is measured, too,
// and a method that has not so many bits gives way to LSQ.
func TestMeasureOtherConfigs(t *testing.T) {
	for _, quant := range []string{
		"{weights: {bits: fp}, activations: {bits: fp}}",
		"{weights: {bits: 1, estimator: bwn}, activations: {bits: 1, estimator: sign}, residual: fp, layers: {second: {weights: {bits: fp}}}}",
		"{weights: {bits: 4, estimator: apot}, activations: {bits: 8, estimator: affine, calibration: percentile}}",
	} {
		m := open(t, 2, "quant: {weights: {bits: 4}, activations: {bits: 4}}", "quant: "+quant, ", validation: 60", "")
		r := measure(t, m, sensitivity.Options{Images: 500, Widths: []int{3}})
		if r.Split != "train" || r.Images != 120 || len(r.Table("sqnr").Layers) != 3 {
			t.Errorf("%s: %d %s images, %d layers; want the 120 that train, and 3", quant, r.Images, r.Split, len(r.Table("sqnr").Layers))
		}
	}
}

func TestMeasureRefuses(t *testing.T) {
	m := open(t, 1)
	for want, o := range map[string]sensitivity.Options{
		"widths are from 2 to 8 bits; found 1 to 4":          {Widths: []int{4, 1}},
		"take 2 images or more; found 1":                     {Images: 1},
		`method "hess"; want hessian, perturb, sqnr, scales`: {Methods: []sensitivity.Method{"hess"}},
	} {
		if _, err := sensitivity.Measure(t.Context(), m, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", o, err, want)
		}
	}
	if _, err := sensitivity.Measure(t.Context(), nil, sensitivity.Options{}); err == nil {
		t.Error("no model is measured")
	}
	cfg := *m.Config
	described, err := train.Describe(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer described.Close()
	if _, err := sensitivity.Measure(t.Context(), described, sensitivity.Options{}); err == nil {
		t.Error("a model without images is measured")
	}
	ctx, cancel := context.WithCancel(t.Context())
	ctx = train.Watch(ctx, func(w train.Work) {
		if w.Doing == "perturbing" {
			cancel()
		}
	})
	if _, err := sensitivity.Measure(ctx, m, sensitivity.Options{Images: 60}); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}
