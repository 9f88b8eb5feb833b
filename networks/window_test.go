package networks_test

import (
	"testing"

	"github.com/qat-go/qat/networks"
)

// Same is TensorFlow's: what a Keras layer with padding="same" adds.
func TestSame(t *testing.T) {
	for _, c := range []struct {
		in             networks.Shape
		kernel, stride networks.Size
		want           networks.Pad
		out            networks.Shape
	}{
		{networks.Shape{H: 32, W: 32, C: 1}, networks.Size{H: 3, W: 3}, networks.Size{H: 2, W: 2}, networks.Pad{Bottom: 1, Right: 1}, networks.Shape{H: 16, W: 16, C: 1}},
		{networks.Shape{H: 33, W: 32, C: 1}, networks.Size{H: 3, W: 3}, networks.Size{H: 2, W: 2}, networks.Pad{Top: 1, Bottom: 1, Right: 1}, networks.Shape{H: 17, W: 16, C: 1}},
		{networks.Shape{H: 32, W: 32, C: 1}, networks.Size{H: 1, W: 1}, networks.Size{H: 2, W: 2}, networks.Pad{}, networks.Shape{H: 16, W: 16, C: 1}},
		{networks.Shape{H: 49, W: 10, C: 1}, networks.Size{H: 10, W: 4}, networks.Size{H: 2, W: 2}, networks.Pad{Top: 4, Left: 1, Bottom: 5, Right: 1}, networks.Shape{H: 25, W: 5, C: 1}},
	} {
		w := networks.Same(c.in, c.kernel, c.stride)
		out, err := networks.Conv{Out: 1, Window: w}.Shape([]networks.Shape{c.in})
		if w.Pad != c.want || out != c.out || err != nil {
			t.Errorf("%v over %v: pad %v gives %v, error %v; want %v and %v", c.kernel, c.in, w.Pad, out, err, c.want, c.out)
		}
	}
}

// Activation functions that learn are in one parameter group with batch norm, and cost what RPReLU costs.
func TestPReLU(t *testing.T) {
	n := &networks.Network{Input: networks.Shape{H: 2, W: 2, C: 3}}
	n.Add("act", networks.PReLU{}, n.Add("conv", networks.Conv{Out: 5, Window: networks.Square(1, 1, 0), Bias: true}, networks.Input))
	rows, err := n.Table()
	if err != nil {
		t.Fatal(err)
	}
	if r := rows[0]; len(rows) != 1 || r.Weights != 15 || r.Params != 15+5+5 || r.Extra != 5 {
		t.Errorf("%+v; want one row of 15 weights and 25 parameters, 5 of them extra", rows)
	}
}

// What operations tell of signs, and whether they move values.
func TestSigns(t *testing.T) {
	for _, op := range networks.Ops() {
		want, is := map[networks.Kind][3]bool{ // of inputs of both signs, of none below 0, moves
			"relu": {true, true, false}, "relu6": {true, true, false}, "leaky_relu": {false, true, false}, "prelu": {false, true, false},
			"add": {false, true, false}, "concat": {false, true, false}, "shortcut": {false, true, true}, "flatten": {false, true, true},
			"dropout": {false, true, false}, "max_pool": {false, true, true}, "average_pool": {false, true, false}, "global_average_pool": {false, true, false},
		}[op.Kind()], [3]bool{op.NonNegative([]bool{false, true}), op.NonNegative([]bool{true, true}), op.Moves()}
		if is != want {
			t.Errorf("%s: %v; want %v", op.Kind(), is, want)
		}
	}
}
