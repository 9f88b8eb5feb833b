package integer_test

import (
	"testing"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/networks"
)

// The order of float operations decides these codes: 91/14 = 6.5 is exact and
// goes to the even 6, while 91*(1/14) lies above the half; 27*7/6 = 31.5 goes to
// 32, while 27*(7/6) lies below the half.
func TestOrderOfOperations(t *testing.T) {
	net := &integer.Network{Tensors: []integer.Tensor{
		{H: 1, W: 1, C: 1, Bits: 8, Scale: 1},
		{H: 1, W: 1, C: 1, Bits: 8, Scale: 14},
		{H: 1, W: 1, C: 1, Bits: 8, Scale: 7},
		{H: 1, W: 1, C: 1, Bits: 8, Scale: 6},
	}}
	net.Layers = []integer.Layer{
		&integer.Requantize{Name: "by 14", In: 0, Out: 1, Hi: 255},
		&integer.Requantize{Name: "by 7", In: 0, Out: 2, Hi: 255},
		&integer.Add{Name: "add", A: 2, B: 1, Out: 3, Hi: 255},
		&integer.Linear{Name: "linear", In: 3, Out: 1, Weights: []int8{1}, WeightBits: 2, Scale: []float32{1}, Bias: []int32{0}},
	}
	r := newRunner(t, net, 1, 1)
	run(t, r, []float32{91}, 1)
	if got := r.Codes(1, 1)[0]; got != 6 {
		t.Errorf("91/14 has code %d, want 6", got)
	}

	// 189 = 27*7, beside a scale so large that the other summand is 0.
	net.Tensors[1].Scale = 1000
	for _, order := range [][2]int{{2, 1}, {1, 2}} {
		net.Layers[2] = &integer.Add{Name: "add", A: order[0], B: order[1], Out: 3, Hi: 255}
		r = newRunner(t, net, 1, 1)
		run(t, r, []float32{189}, 1)
		if a, b, got := r.Codes(2, 1)[0], r.Codes(1, 1)[0], r.Codes(3, 1)[0]; a != 27 || b != 0 || got != 31 {
			t.Errorf("codes %d and %d: 27*(7/6) + 0 has code %d, want 31", a, b, got)
		}
	}
}

func TestNewConvReLU(t *testing.T) {
	net := &integer.Network{Tensors: []integer.Tensor{
		{H: 1, W: 1, C: 1, Bits: 8, Scale: 1},
		{H: 1, W: 1, C: 1, Bits: 4, Signed: true, Scale: 1, ZeroPoint: 8},
	}}
	f := integer.FoldBias(1, []float32{1}, []float32{0})
	for relu, want := range map[bool]uint8{false: 0, true: 8} {
		if c := integer.NewConv(net, "conv", 0, 1, networks.Square(1, 1, 0), 0, []int8{1}, 2, f, relu); c.Lo != want || c.Hi != 15 {
			t.Errorf("ReLU %v: codes from %d to %d, want %d to 15", relu, c.Lo, c.Hi, want)
		}
	}
}
