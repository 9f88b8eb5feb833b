package layers

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/networks"
)

// What cannot be trained yet is refused with what and where; nothing of it is computed as something else.
func TestUntrainable(t *testing.T) {
	asymmetric := networks.Square(3, 1, 1)
	asymmetric.Pad.Bottom = 0
	wide := networks.Square(3, 1, 1)
	wide.Kernel.W, wide.Pad = 5, networks.Pad{Top: 1, Left: 2, Bottom: 1, Right: 2}
	for _, c := range []struct {
		op   networks.Op
		want string
	}{
		{networks.Conv{Out: 4, Window: networks.Square(3, 1, 1), Groups: 2}, "grouped convolutions (a)"},
		{networks.Conv{Out: 4, Window: asymmetric}, "convolutions with padding that is not the same on all sides (a)"},
		{networks.Conv{Out: 4, Window: wide}, "convolutions whose height is not its width (a); convolutions with padding that is not the same on all sides (a)"},
		{networks.Conv{Out: 4, Window: networks.Square(3, 1, 3)}, "convolutions padded by their kernel's size or more (a)"},
		{networks.MaxPool{Window: asymmetric}, "max_pool with padding that is not the same on all sides (a)"},
		{networks.LeakyReLU{}, "leaky_relu (a)"}, {networks.PReLU{}, "prelu (a)"},
		{networks.AveragePool{Window: networks.Square(2, 2, 0)}, "average_pool (a)"},
	} {
		net := &networks.Network{Input: networks.Shape{H: 8, W: 8, C: 4}}
		net.Add("pool", networks.GlobalAveragePool{}, net.Add("relu", networks.ReLU{}, net.Add("a", c.op, networks.Input)))
		net.Add("linear", networks.Linear{Out: 10}, "pool")
		quant := &configs.Quant{}
		_, err := New(net, quant, testInput, 1)
		var e *UntrainableError
		if want := "cannot be trained yet: " + c.want; !errors.As(err, &e) || err.Error() != want {
			t.Errorf("%+v: %v; want %s", c.op, err, want)
		}
		described, err := Describe(net, quant, testInput)
		if err != nil {
			t.Fatal(err)
		}
		if err := described.IntegerForm(); err == nil || !strings.Contains(err.Error(), "cannot be trained yet") {
			t.Errorf("%+v: integer form: %v", c.op, err)
		}
	}
}

// untrainable are the networks of the zoo that cannot be trained yet.
var untrainable = []string{"resnet8", "mobilenet_v1", "mobilenet_v2", "ds_cnn", "squeezenet1_1"}

// Each network of the zoo has a table, and is trained or refused.
func TestZooIsTrainedOrRefused(t *testing.T) {
	cfg, err := configs.Load("resnet20_w4a4", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range networks.Archs() {
		n, err := Describe(must(networks.Build(a.Name, networks.Options{Input: networks.Shape{H: 96, W: 96, C: 3}, Classes: 10})), &cfg.Quant, testInput)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Trainable(); (err != nil) != slices.Contains(untrainable, a.Name) {
			t.Errorf("%s: %v", a.Name, err)
		}
		if rows := n.Table(); len(rows) != len(n.LayerNames()) {
			t.Errorf("%s: %d rows of %d layers", a.Name, len(rows), len(n.LayerNames()))
		}
	}
}

// zooNetwork is a network of the zoo with scales from a random batch of 32x32 pixels.
func zooNetwork(t *testing.T, arch string, o networks.Options, overrides ...string) *Network {
	t.Helper()
	cfg, err := configs.Load("resnet20_w4a4", overrides)
	if err != nil {
		t.Fatal(err)
	}
	o.Input, o.Classes = zoo("").Input, 10
	n := must(New(must(networks.Build(arch, o)), &cfg.Quant, testInput, 1))
	calibrateNetwork(t, n)
	return n
}

// Fusions change no bit of a training step where shortcuts have weights, and where batch norm comes first.
func TestZooFusionKeepsTheBits(t *testing.T) {
	for _, c := range []struct {
		arch      string
		o         networks.Options
		overrides []string
	}{
		{"resnet20", networks.Options{Shortcut: networks.OptionB}, nil},
		{"preresnet20", networks.Options{}, nil},
		{"preresnet20", networks.Options{Shortcut: networks.OptionB}, []string{"quant.residual=fp", "quant.activations.estimator=pact"}},
		{"resnet8", networks.Options{Form: networks.TorchForm}, nil},
	} {
		want := resultsOf(t, zooNetwork(t, c.arch, c.o, c.overrides...), fusions, machine.Options{Unfused: true})
		got := resultsOf(t, zooNetwork(t, c.arch, c.o, c.overrides...), nil, machine.Options{Poison: true})
		if !slices.Equal(got, want) {
			t.Errorf("%s, %+v: the bits differ", c.arch, c.o)
		}
	}
}

// Where each convolution has batch norm, the integer network is that of the simulation; elsewhere it is refused before
// anything is trained.
func TestZooInIntegers(t *testing.T) {
	agree(t, zooNetwork(t, "resnet20", networks.Options{Shortcut: networks.OptionB}), 6, 20, nil)
	agree(t, zooNetwork(t, "resnet20", networks.Options{Shortcut: networks.OptionB}, "quant.activations.estimator=affine"), 6, 20, nil)
	agree(t, zooNetwork(t, "resnet8", networks.Options{Form: networks.TorchForm}), 6, 20, nil)
	for arch, want := range map[string]string{
		"preresnet20": "layer1.0.bn1, layer1.1.bn1, layer1.2.bn1 and 9 more cannot run in integers: what it gives is not quantized before something else reads it",
	} {
		n := zooNetwork(t, arch, networks.Options{})
		_, err := n.Lower("test")
		if got := n.IntegerForm(); err == nil || got == nil || err.Error() != got.Error() || err.Error() != want {
			t.Errorf("%s: %v, and %v before training; want %s", arch, err, got, want)
		}
	}
}
