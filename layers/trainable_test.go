package layers

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/networks"
)

// What cannot be trained yet is refused with what and where; nothing of it is computed as something else.
func TestUntrainable(t *testing.T) {
	for _, c := range []struct {
		op   networks.Op
		want string
	}{
		{networks.Conv{Out: 4, Window: networks.Window{Kernel: networks.Size{H: 5, W: 3}, Stride: networks.Size{H: 1, W: 1}, Pad: networks.Pad{Right: 3}}}, "convolutions padded by their kernel's size or more (a)"},
		{networks.Conv{Out: 4, Window: networks.Square(3, 1, 3)}, "convolutions padded by their kernel's size or more (a)"},
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

// Each network of the zoo has a table, and can be trained.
func TestZooIsTrained(t *testing.T) {
	cfg, err := configs.Load("resnet20_w4a4", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range networks.Archs() {
		n, err := Describe(must(networks.Build(a.Name, networks.Options{Input: networks.Shape{H: 96, W: 96, C: 3}, Classes: 10})), &cfg.Quant, testInput)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Trainable(); err != nil {
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

// windowNetwork has convolutions whose windows differ by axis and side, grouped and depthwise ones.
func windowNetwork(t *testing.T) *Network {
	t.Helper()
	cfg, err := configs.Load("resnet20_w4a4", nil)
	if err != nil {
		t.Fatal(err)
	}
	net := &networks.Network{Input: zoo("").Input}
	x := networks.Input
	for i, op := range []networks.Conv{
		{Out: 24, Window: networks.Same(net.Input, networks.Size{H: 10, W: 4}, networks.Size{H: 2, W: 3})},
		{Out: 24, Window: networks.Square(3, 1, 1), Groups: 24},
		{Out: 32, Window: networks.Window{Kernel: networks.Size{H: 1, W: 3}, Stride: networks.Size{H: 1, W: 1}, Pad: networks.Pad{Right: 2}}, Groups: 4},
		{Out: 32, Window: networks.Square(5, 2, 2), Groups: 32},
		{Out: 32, Window: networks.Square(3, 1, 1), Groups: 2},
	} {
		from := x
		x = net.Add(fmt.Sprint("bn", i), networks.BatchNorm{Eps: 1e-5, Momentum: 0.1}, net.Add(fmt.Sprint("conv", i), op, x))
		if i == 4 { // as the end of residual networks is
			x = net.Add("add", networks.Add{}, x, from)
		}
		x = net.Add(fmt.Sprint("relu", i), networks.ReLU{}, x)
	}
	net.Add("linear", networks.Linear{Out: 10}, net.Add("pool", networks.GlobalAveragePool{}, x))
	n := must(New(net, &cfg.Quant, testInput, 1))
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
		{"mobilenet_v1", networks.Options{Width: 0.25}, nil},
	} {
		want := resultsOf(t, zooNetwork(t, c.arch, c.o, c.overrides...), fusions, machine.Options{Unfused: true})
		got := resultsOf(t, zooNetwork(t, c.arch, c.o, c.overrides...), nil, machine.Options{Poison: true})
		if !slices.Equal(got, want) {
			t.Errorf("%s, %+v: the bits differ", c.arch, c.o)
		}
	}
	want := resultsOf(t, windowNetwork(t), fusions, machine.Options{Unfused: true})
	if got := resultsOf(t, windowNetwork(t), nil, machine.Options{Poison: true}); !slices.Equal(got, want) {
		t.Error("windows that differ by axis and side, groups: the bits differ")
	}
}

// Where each convolution has batch norm, the integer network is that of the simulation; so it is without.
func TestZooInIntegers(t *testing.T) {
	agree(t, zooNetwork(t, "resnet20", networks.Options{Shortcut: networks.OptionB}), 6, 20, nil)
	agree(t, zooNetwork(t, "resnet20", networks.Options{Shortcut: networks.OptionB}, "quant.activations.estimator=affine"), 6, 20, nil)
	agree(t, zooNetwork(t, "resnet8", networks.Options{Form: networks.TorchForm}), 6, 20, nil)
	agree(t, windowNetwork(t), 6, 20, nil)
	agree(t, zooNetwork(t, "preresnet20", networks.Options{}), 6, 20, nil)
	agree(t, zooNetwork(t, "preresnet20", networks.Options{Shortcut: networks.OptionB}), 6, 20, nil)
	agree(t, zooNetwork(t, "squeezenet1_1", networks.Options{}), 6, 20, nil)
}
