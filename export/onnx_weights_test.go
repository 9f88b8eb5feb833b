package export

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
)

func TestWeightScale(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 100000 {
		sx, sw := float32(math.Ldexp(1+rng.Float64(), rng.IntN(20)-15)), float32(math.Ldexp(1+rng.Float64(), rng.IntN(20)-15))
		switch i { // found by trying: the quotient does not give the product back, its neighbour does
		case 0:
			sx, sw = 1.519899, 1.315877
		case 1:
			sx, sw = 1.2699394, 1.5748783
		case 2:
			sw = -sw
		}
		sum := sx * sw
		if i < 2 && sx*(sum/sx) == sum {
			t.Errorf("%v*(%v/%v) is exact; the case tests nothing", sx, sum, sx)
		}
		if s, ok := weightScale(sx, sum); !ok || sx*s != sum {
			t.Fatalf("weightScale(%v, %v) = %v, %v", sx, sum, s, ok)
		}
	}
	if s, ok := weightScale(1.5, 1.5000001); ok {
		t.Errorf("1.5*%v is 1.5000001", s)
	}
	if _, ok := weightScale(1e30, 1e-30); ok {
		t.Error("a scale of 0")
	}
}

func TestNewONNXModelRejects(t *testing.T) {
	for name, tt := range map[string]struct {
		format configs.Format
		opset  int
		change func(n *integer.Network)
		want   string
	}{
		"opset":   {configs.ONNX, 12, func(*integer.Network) {}, "opset 12 is not available; want one of [13 21 25]"},
		"format":  {configs.Safetensors, 21, func(*integer.Network) {}, `format "safetensors" is no form of ONNX`},
		"network": {configs.ONNX, 21, func(n *integer.Network) { n.Tensors[0].Scale = 0 }, "scale 0"},
		"std":     {configs.QONNX, 21, func(n *integer.Network) { n.Std[0] = 0 }, "channel 0: mean"},
		"scale": {configs.ONNX, 21, func(n *integer.Network) {
			n.Tensors[5].Scale = 1.5
			n.Layers[5].(*integer.Linear).Scale[1] = 1.5000001
		}, "linear: channel 1: no weight scale times the input's scale 1.5 is 1.5000001"},
		"target": {configs.ONNX, 21, func(n *integer.Network) { n.Target = integer.Dyadic }, "ONNX computes with target float32 only"},
		"clamp":  {configs.QONNX, 0, func(n *integer.Network) { n.Layers[1].(*integer.Requantize).Lo = 9 }, "requantize: codes clamped to 9..15 of 0..15"},
	} {
		net := small()
		tt.change(net)
		if _, err := NewONNXModel(net, tt.format, Options{Opset: tt.opset}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, tt.want)
		}
	}
}
