package layers

import (
	"errors"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
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
		{networks.Conv{Out: 4, Window: networks.Square(3, 1, 1), Bias: true}, "convolutions with bias (a)"},
		{networks.Conv{Out: 4, Window: asymmetric}, "convolutions with padding that is not the same on all sides (a)"},
		{networks.Conv{Out: 4, Window: wide}, "convolutions whose height is not its width (a); convolutions with padding that is not the same on all sides (a)"},
		{networks.Conv{Out: 4, Window: networks.Square(3, 1, 3)}, "convolutions padded by their kernel's size or more (a)"},
		{networks.MaxPool{Window: asymmetric}, "max_pool with padding that is not the same on all sides (a)"},
		{networks.ReLU6{}, "relu6 (a)"}, {networks.LeakyReLU{}, "leaky_relu (a)"}, {networks.PReLU{}, "prelu (a)"}, {networks.Flatten{}, "flatten (a)"},
		{networks.Dropout{}, "dropout (a)"}, {networks.AveragePool{Window: networks.Square(2, 2, 0)}, "average_pool (a)"},
		{networks.GlobalAveragePool{}, "global_average_pool that no linear layer reads (a)"},
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
	net := &networks.Network{Input: networks.Shape{H: 1, W: 1, C: 4}}
	net.Add("b", networks.Linear{Out: 10, NoBias: true}, net.Add("a", networks.Linear{Out: 4}, networks.Input))
	if _, err := New(net, &configs.Quant{}, testInput, 1); err == nil || err.Error() != "cannot be trained yet: linear layers before the last (a); linear layers without bias (b)" {
		t.Errorf("%v", err)
	}
}
