package networks_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/qat-go/qat/networks"
)

var cifar = networks.Options{Input: networks.Shape{H: 32, W: 32, C: 3}, Classes: 10}

func TestErrors(t *testing.T) {
	conv, relu := networks.Conv{Out: 4, Window: networks.Square(3, 1, 1)}, networks.ReLU{}
	type nodes = []networks.Node
	for _, c := range []struct {
		nodes nodes
		want  string
	}{
		{nil, "no nodes"},
		{nodes{{Name: "", Op: relu, Inputs: []string{"input"}}}, "no name"},
		{nodes{{Name: "a", Op: nil, Inputs: []string{"input"}}}, "a: the node has no operation"},
		{nodes{{Name: "input", Op: relu, Inputs: []string{"input"}}}, "input: the name stands twice"},
		{nodes{{Name: "a", Op: relu, Inputs: []string{"b"}}}, `a: reads "b", which no node before it is called`},
		{nodes{{Name: "a", Op: relu}}, "a: relu reads 0 nodes; expected 1"},
		{nodes{{Name: "a", Op: relu, Inputs: []string{"input"}}, {Name: "b", Op: relu, Inputs: []string{"input"}}}, "a: the output of the last node"},
		{nodes{{Name: "a", Op: networks.Conv{}, Inputs: []string{"input"}}}, "a: out is 0; expected 1 or more"},
		{nodes{{Name: "a", Op: networks.Conv{Out: 1, Window: networks.Square(40, 1, 0)}, Inputs: []string{"input"}}}, "a: a window of 40x40 over an input of 32x32x3, padded by 0"},
		{nodes{{Name: "a", Op: networks.Linear{Out: 3}, Inputs: []string{"input"}}}, "a: the input is 32x32x3; expected 1x1 pixels"},
		{nodes{{Name: "a", Op: networks.BatchNorm{}, Inputs: []string{"input"}}}, "a: eps 0 and momentum 0"},
		{nodes{{Name: "a", Op: conv, Inputs: []string{"input"}}, {Name: "b", Op: networks.Add{}, Inputs: []string{"a", "input"}}}, "b: adds 32x32x4 and 32x32x3"},
		{nodes{{Name: "a", Op: networks.Shortcut{Stride: 2, Out: 2}, Inputs: []string{"input"}}}, "a: out is 2; expected 3 or more"},
		{nodes{{Name: "a", Op: networks.MaxPool{Window: networks.Square(2, 0, 0)}, Inputs: []string{"input"}}}, "a: kernel is 2x2 and stride 0x0; expected 1x1 or more"},
		{nodes{{Name: "a", Op: networks.MaxPool{Window: networks.Square(3, 1, 2)}, Inputs: []string{"input"}}}, "a: pad is 2; expected at most half of the kernel, 1x1"},
		{nodes{{Name: "a", Op: networks.MaxPool{Window: networks.Square(33, 1, 0)}, Inputs: []string{"input"}}}, "a: a window of 33x33 over an input of 32x32x3"},
		{nodes{{Name: "a", Op: networks.Conv{Out: 4, Window: networks.Square(3, 1, 1), Groups: 3}, Inputs: []string{"input"}}}, "a: groups is 3, of an input of 32x32x3 and 4 output channels"},
		{nodes{{Name: "a", Op: networks.Conv{Out: 4, Window: networks.Square(3, 1, 1), Groups: -1}, Inputs: []string{"input"}}}, "a: groups is -1; expected 0, which is 1, or more"},
		{nodes{{Name: "a", Op: networks.Conv{Out: 4, Window: networks.Square(3, 1, -1)}, Inputs: []string{"input"}}}, "a: pad is -1; expected 0 or more on each side"},
		{nodes{{Name: "a", Op: networks.LeakyReLU{Slope: -1}, Inputs: []string{"input"}}}, "a: slope is -1"},
		{nodes{{Name: "a", Op: networks.LeakyReLU{Slope: math.NaN()}, Inputs: []string{"input"}}}, "a: slope is NaN"},
		{nodes{{Name: "a", Op: networks.Dropout{Rate: 1}, Inputs: []string{"input"}}}, "a: rate is 1; expected 0 or more and less than 1"},
		{nodes{{Name: "a", Op: networks.Concat{}, Inputs: []string{"input"}}}, "a: concat reads 1 nodes; expected 2 or more"},
		{nodes{{Name: "a", Op: networks.GlobalAveragePool{}, Inputs: []string{"input"}}, {Name: "b", Op: networks.Concat{}, Inputs: []string{"input", "a"}}}, "b: joins 32x32x3 and 1x1x3; expected equal heights and widths"},
		{nodes{{Name: "a", Op: networks.Shortcut{Out: 8}, Inputs: []string{"input"}}}, "a: stride is 0"},
		{nodes{{Name: "a", Op: &relu, Inputs: []string{"input"}}}, "a: the operation is a *networks.ReLU; expected one of the types that Ops lists"},
		{nodes{{Name: "a", Op: (*networks.ReLU)(nil), Inputs: []string{"input"}}}, "a: the operation is a *networks.ReLU"},
		{nodes{{Name: "a", Op: networks.Shortcut{Stride: 1, Out: 1 << 62}, Inputs: []string{"input"}}}, "a: gives 32x32x4611686018427387904; expected at most 2147483647 elements"},
		{nodes{{Name: "a", Op: networks.Conv{Out: 1 << 30, Window: networks.Square(32, 1, 0)}, Inputs: []string{"input"}}}, "a: weight has the shape [32 32 3 1073741824]; expected at most 2147483647 elements"},
	} {
		n := networks.Network{Input: cifar.Input, Nodes: c.nodes}
		if _, err := n.Shapes(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v; want %q", c.nodes, err, c.want)
		}
	}
	large := networks.Network{Input: networks.Shape{H: 1 << 40, W: 1 << 40, C: 3}, Nodes: nodes{{Name: "a", Op: relu, Inputs: []string{"input"}}}}
	if _, err := large.Shapes(); err == nil || !strings.Contains(err.Error(), "expected at most 2147483647 elements") {
		t.Errorf("of an input of 2^80 pixels: %v", err)
	}
	for _, c := range []struct {
		name, want string
		o          networks.Options
	}{
		{"resnet21", `network "resnet21" is not built; available: resnet8, resnet20`, cifar},
		{"resnet20", "resnet20: the input is 0x0x0", networks.Options{Classes: 10}},
		{"resnet20", "resnet20: linear: out is 0", networks.Options{Input: cifar.Input}},
		{"resnet20", `resnet20 has no block "dense"; it has basic, bireal, reactnet`, networks.Options{Input: cifar.Input, Classes: 10, Block: "dense"}},
		{"vgg_small", `vgg_small has no choice of block; these have: resnet20, resnet32`, networks.Options{Input: cifar.Input, Classes: 10, Block: networks.BiReal}},
		{"resnet50", `resnet50 has no choice of shortcut; these have: resnet20, resnet32`, networks.Options{Input: cifar.Input, Classes: 10, Shortcut: networks.OptionB}},
		{"resnet18", `resnet18 has no shortcut "A"; it has B, pool`, networks.Options{Input: cifar.Input, Classes: 10, Shortcut: networks.OptionA}},
		{"resnet20", "resnet20 has no width; these have: mobilenet_v1, mobilenet_v2", networks.Options{Input: cifar.Input, Classes: 10, Width: 0.5}},
		{"mobilenet_v2", "mobilenet_v2 has no width 5; expected more than 0 and at most 4", networks.Options{Input: cifar.Input, Classes: 10, Width: 5}},
		{"ds_cnn", `ds_cnn has no form "dorefa"; it has mlperf_tiny, torch`, networks.Options{Input: cifar.Input, Classes: 10, Form: networks.DoReFa}},
		{"alexnet_bn", "alexnet_bn: pool5: a window of 3x3 over an input of 2x2x256", networks.Options{Input: networks.Shape{H: 63, W: 63, C: 3}, Classes: 10}},
	} {
		if _, err := networks.Build(c.name, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", c.name, err, c.want)
		}
	}
}

// TestPoolShapes has the shapes that PyTorch 1.13's MaxPool2d and AvgPool2d give.
func TestPoolShapes(t *testing.T) {
	for _, c := range []struct{ size, kernel, stride, pad, floor, ceil int }{
		{4, 3, 2, 1, 2, 3}, {4, 2, 2, 0, 2, 2}, {4, 3, 2, 0, 1, 2}, {4, 2, 3, 1, 2, 2}, {4, 1, 3, 0, 2, 2}, {4, 4, 3, 2, 2, 2}, {4, 3, 4, 1, 1, 2},
		{1, 2, 2, 0, 0, 1}, {1, 4, 3, 1, 0, 1}, {3, 4, 3, 0, 0, 1}, {1, 3, 1, 0, 0, 0},
	} {
		for ceil, want := range map[bool]int{false: c.floor, true: c.ceil} {
			window := networks.Square(c.kernel, c.stride, c.pad)
			for _, op := range []networks.Op{networks.MaxPool{Window: window, Ceil: ceil}, networks.AveragePool{Window: window, Ceil: ceil}} {
				s, err := op.Shape([]networks.Shape{{H: c.size, W: 9, C: 5}})
				if got := s.H; err != nil && want > 0 || got != want || err == nil && s.C != 5 {
					t.Errorf("%+v over %d pixels: %v, error %v; want a height of %d", op, c.size, s, err, want)
				}
			}
		}
	}
}

// TestOps asks what every operation must have.
func TestOps(t *testing.T) {
	seen := map[networks.Kind]bool{}
	for _, op := range networks.Ops() {
		if op.Kind() == "" || seen[op.Kind()] || op.Inputs() < 1 && op.Inputs() != networks.Several {
			t.Errorf("%T: kind %q, %d inputs; want a kind of its own and 1 or more, or several", op, op.Kind(), op.Inputs())
		}
		seen[op.Kind()] = true
	}
}

// A network of one's own: two convolutions and what they cost.
func Example() {
	n := &networks.Network{Input: networks.Shape{H: 8, W: 8, C: 3}}
	x := n.Add("conv1", networks.Conv{Out: 4, Window: networks.Square(3, 2, 1)}, networks.Input)
	x = n.Add("relu", networks.ReLU{}, x)
	x = n.Add("pool", networks.GlobalAveragePool{}, x)
	n.Add("linear", networks.Linear{Out: 2}, x)
	rows, err := n.Table()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range rows {
		fmt.Println(r.Name, r.Kind, r.In, r.Out, r.Params, r.MACs)
	}
	// Output:
	// conv1 conv 8x8x3 4x4x4 108 1728
	// linear linear 1x1x4 1x1x2 10 8
}
