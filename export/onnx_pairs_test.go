package export

import (
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/networks"
)

func TestWidestPair(t *testing.T) {
	for name, tt := range map[string]struct {
		weights []int16 // of two outputs
		highest uint8
		want    int
	}{
		"at the limit":      {[]int16{64, 1, 64, -9, -64, -64, 3, 0}, 255, 255 * 128},
		"beyond it":         {[]int16{64, 1, 65, -9, 0, 0, 0, 0}, 255, 255 * 129},
		"negative":          {[]int16{0, 0, 0, 0, -128, 1, -1, 127}, 255, 255 * 129},
		"not neighbours":    {[]int16{100, 0, 0, 29, 0, 0, 0, 0}, 255, 255 * 129},
		"opposite signs":    {[]int16{127, -128, 0, 0, 0, 0, 0, 0}, 255, 255 * 128},
		"of other outputs":  {[]int16{127, 0, 0, 0, 127, 0, 0, 0}, 255, 255 * 127},
		"codes of 4 bits":   {[]int16{127, 127, 0, 0, 0, 0, 0, 0}, 15, 128 * 254},
		"ARM, twice -128":   {[]int16{-128, -128, 0, 0, 0, 0, 0, 0}, 15, 1 << 15},
		"alone in its row":  {[]int16{-128, 127}, 255, 255 * 128},
		"no weight but 0":   {[]int16{0, 0, 0, 0}, 255, 0},
		"the same weight":   {[]int16{70, 70, 70, 70, 0, 0, 0, 0}, 255, 255 * 140},
		"ascending weights": {[]int16{1, 2, 3, 4, 0, 0, 0, 0}, 255, 255 * 7},
	} {
		w := &symmetric{Codes: tt.weights, Scale: make([]float32, 2)}
		if got := w.widestPair(tt.highest); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}

// A layer has UINT8 weights if a pair may not fit 16 bits, or all have them, or none.
func TestStoredWeights(t *testing.T) {
	net := pairs(64)
	for _, tt := range []struct {
		weight     int8
		weights    configs.ONNXWeights
		want       string
		saturating bool
	}{
		{64, "", KernelInt8, false}, {65, "", KernelUint8, false},
		{64, configs.ONNXAuto, KernelInt8, false}, {65, configs.ONNXAuto, KernelUint8, false},
		{64, configs.ONNXUint8, KernelUint8, false}, {65, configs.ONNXUint8, KernelUint8, false},
		{64, configs.ONNXInt8, KernelInt8, false}, {65, configs.ONNXInt8, KernelInt8, true},
	} {
		net.Layers[0].(*integer.Conv).Weights[0] = tt.weight
		m, err := NewONNXModel(net, configs.ONNX, Options{Weights: tt.weights})
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Weights) != 2 || m.Weights[0].Layer != "conv1" || m.Weights[1].Layer != "linear" {
			t.Fatalf("%+v", m.Weights)
		}
		if got := m.Weights[0]; got.Type != tt.want || got.Saturates() != tt.saturating || got.Pair != 255*(64+int(tt.weight)) {
			t.Errorf("weight %d, %q: %+v, want %s", tt.weight, tt.weights, got, tt.want)
		}
		if got := m.Weights[1].Type; (got == KernelUint8) != (tt.weights == configs.ONNXUint8) {
			t.Errorf("weights of %q are %s in a layer whose pairs fit", tt.weights, got)
		}
	}
}

// Two weights of -128 exceed 16 bits by one where codes less 128 are multiplied, however
// few bits the codes have.
func TestStoredWeightsOneBeyond(t *testing.T) {
	net := pairs(0)
	net.Tensors[0].Bits = 4
	w := net.Layers[0].(*integer.Conv).Weights
	for i := range w {
		w[i] = 0
	}
	w[0], w[4] = -128, -127
	for _, tt := range []struct {
		second int8
		want   StoredWeights
	}{{-127, StoredWeights{"conv1", KernelInt8, 32640}}, {-128, StoredWeights{"conv1", KernelUint8, 32768}}} {
		w[4] = tt.second
		m, err := NewONNXModel(net, configs.ONNX, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if m.Weights[0] != tt.want {
			t.Errorf("-128 and %d: %+v, want %+v", tt.second, m.Weights[0], tt.want)
		}
	}
}

// pairs is a network whose first two products add to 255*(weight+64), and all four to
// 255*(weight-64), for inputs of the code 255.
func pairs(weight int8) *integer.Network {
	net := &integer.Network{Name: "pairs", Mean: make([]float32, 3), Std: []float32{1, 1, 1}, Tensors: []integer.Tensor{
		{H: 2, W: 2, C: 3, Bits: 8, Scale: 1. / 64},
		{H: 1, W: 1, C: 4, Bits: 8, Scale: 1. / 64},
	}}
	w := make([]int8, 2*2*3*4) // (height, width, in, out)
	for o := range 4 {
		for i, v := range []int8{weight, 64, -64, -64} {
			w[4*i+o] = v
		}
	}
	net.Layers = []integer.Layer{
		integer.NewConv(net, "conv1", 0, 1, networks.Square(2, 1, 0), 0, w, 8, integer.FoldBias(1./64, []float32{1. / 2}, make([]float32, 4)), true),
		&integer.Linear{Name: "linear", In: 1, Out: 2, Weights: []int8{1, 2, 3, 4, 5, 6, 7, 7}, WeightBits: 8, Scale: []float32{1, 1}, Bias: []int32{0, 0}},
	}
	return net
}
