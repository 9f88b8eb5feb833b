package layers

import (
	"errors"
	"slices"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/networks"
)

// What reads a flattened image computes the same in integers, which keep it as an image, or is told to have no integer form;
// what files would have in another order is not trained.
func TestBehindFlatten(t *testing.T) {
	norm := networks.BatchNorm{Eps: 1e-5, Momentum: 0.1}
	const flat, untrained = "a cannot run in integers: " + flatRead, "cannot be trained yet"
	one := func(op networks.Op) func(n *networks.Network, f string) string {
		return func(n *networks.Network, f string) string { return n.Add("a", op, f) }
	}
	for name, tt := range map[string]struct {
		add  func(n *networks.Network, flatten string) string
		want string
	}{
		"conv":        {one(networks.Conv{Out: 12, Window: networks.Square(1, 2, 0), Bias: true}), ""},
		"padded conv": {one(networks.Conv{Out: 12, Window: networks.Square(3, 1, 1)}), flat},
		"relu6":       {one(networks.ReLU6{}), ""},
		"leaky":       {one(networks.LeakyReLU{Slope: 0.1}), ""},
		"prelu":       {one(networks.PReLU{}), flat},
		"norm":        {one(norm), flat},
		"mean":        {one(networks.GlobalAveragePool{}), flat},
		"max pool":    {one(networks.MaxPool{Window: networks.Square(1, 1, 0)}), flat},
		"shortcut":    {one(networks.Shortcut{Stride: 1, Out: 512}), flat},
		"groups":      {one(networks.Conv{Out: 512, Window: networks.Square(1, 1, 0), Groups: 512}), untrained},
		"again":       {one(networks.Flatten{}), ""},
		"norm behind linear": {func(n *networks.Network, f string) string {
			return n.Add("bn", norm, n.Add("a", networks.Linear{Out: 12}, f))
		}, ""},
		"sum": {func(n *networks.Network, f string) string {
			return n.Add("sum", networks.Add{}, n.Add("a", networks.Linear{Out: 512}, f), f)
		}, untrained},
		"norm of one pixel": {func(n *networks.Network, _ string) string {
			x := n.Add("a", networks.Flatten{}, n.Add("mean", networks.GlobalAveragePool{}, "relu"))
			return n.Add("bn", norm, x)
		}, ""},
		"sum of two": {func(n *networks.Network, f string) string {
			return n.Add("sum", networks.Add{}, n.Add("a", networks.ReLU6{}, f), f)
		}, ""},
	} {
		n := &networks.Network{Input: zoo("").Input}
		x := n.Add("relu", networks.ReLU{}, n.Add("conv", networks.Conv{Out: 8, Window: networks.Square(3, 4, 1)}, networks.Input))
		x = tt.add(n, n.Add("flatten", networks.Flatten{}, x))
		if name == "norm of one pixel" {
			n.Nodes = slices.DeleteFunc(n.Nodes, func(node networks.Node) bool { return node.Name == "flatten" })
		}
		n.Add("linear", networks.Linear{Out: 10}, x)
		cfg, err := configs.Load("resnet20_w4a4", nil)
		if err != nil {
			t.Fatal(err)
		}
		net, err := New(n, &cfg.Quant, testInput, 1)
		var lacks *UntrainableError
		if errors.As(err, &lacks) != (tt.want == untrained) || lacks == nil && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			continue
		}
		err = net.IntegerForm()
		if err != nil && err.Error() != tt.want || (err == nil) != (tt.want == "") {
			t.Errorf("%s: %v; want %s", name, err, tt.want)
		}
		if err != nil {
			continue
		}
		calibrateNetwork(t, net)
		agree(t, net, 2, 4, []string{name})
	}
}
