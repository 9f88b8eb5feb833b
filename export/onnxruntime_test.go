//go:build onnxruntime

package export

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
	"github.com/qat-go/qat/internal/onnx"
	"github.com/qat-go/qat/internal/onnxruntime"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/threads"
)

var ort *onnxruntime.Runtime

func TestMain(m *testing.M) {
	var err error
	if ort, err = onnxruntime.Open(onnxruntime.Library()); err != nil {
		fmt.Fprintf(os.Stderr, "%v; ONNXRUNTIME_LIB must name the shared library\n", err)
		os.Exit(1)
	}
	status := m.Run()
	ort.Close()
	os.Exit(status)
}

// onnxruntime gives the codes of every tensor and the logits of random networks, bit for
// bit, and every convolution and average, and every sum that is fused, runs on an integer
// kernel.
func TestRuntimeAgrees(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	compared, differing := map[string]int{}, 0
	for i := range 90 {
		net := integertest.Random(rng)
		if i < 6 {
			net = integertest.ResNet20(rng, []int{8, 4, 2}[i/2])
		} else if i%3 == 0 {
			net = integertest.RandomWindows(rng)
		}
		opset, weights := Opsets()[i%3], configs.ONNXAuto
		if i%4 == 3 {
			weights = configs.ONNXUint8
		}
		sums := configs.ONNXReal
		if i%5 == 4 {
			sums = configs.ONNXFused
		}
		m, err := NewONNXModel(net, configs.ONNX, Options{Opset: opset, Weights: weights, Sums: sums})
		if err != nil {
			t.Fatal(err)
		}
		wantIntegerKernels(t, net, m.model.Marshal(), sums)
		const n = 3
		x := integertest.Pictures(rng, net, n)
		pool := threads.New(2)
		r, err := integer.NewTracer(net, pool, n)
		if err != nil {
			t.Fatal(err)
		}
		logits, err := r.Run(x, n)
		if err != nil {
			t.Fatal(err)
		}
		got := runModel(t, net, m.Watched(), x, n, true)
		for tensor, name := range m.Values {
			to := net.Tensors[tensor]
			want := Planes(r.Codes(tensor, n), n, to.C)
			if len(got[name].Codes) != len(want) {
				t.Fatalf("network %d: %s has %d codes, want %d", i, name, len(got[name].Codes), len(want))
			}
			for j, v := range got[name].Codes {
				if v != want[j] {
					different(t, sums, "network %d, opset %d: %s: code %d of onnxruntime is %d, want %d", i, opset, name, j, v, want[j])
					differing++
				}
				compared[name]++
			}
		}
		for j, v := range got[onnxLogits].Floats {
			if v != logits[j] {
				different(t, sums, "network %d, opset %d: logit %d of onnxruntime is %v, want %v", i, opset, j, v, logits[j])
			}
			compared[onnxLogits]++
		}
		pool.Close()
	}
	if compared[onnxLogits] < 1000 || compared["block0.add.codes"] < 10000 {
		t.Errorf("compared too little: %v", compared)
	}
	all := 0
	for _, n := range compared {
		all += n
	}
	if differing > all/1000 {
		t.Errorf("%d of %d codes differ", differing, all)
	}
}

// different fails where onnxruntime has the arithmetic of the target float32.
func different(t *testing.T, sums configs.ONNXSums, format string, args ...any) {
	t.Helper()
	if sums != configs.ONNXFused || onnxruntime.SumsRoundOnce() {
		t.Fatalf(format, args...)
	}
}

// A pair of products at the limit of 16 bits is right with INT8 weights on all
// processors, one beyond it with what auto takes.
func TestRuntimePairs(t *testing.T) {
	for weight, kernel := range map[int8]string{64: KernelInt8, 65: KernelUint8, 127: KernelUint8} {
		net := pairs(weight)
		m, err := NewONNXModel(net, configs.ONNX, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if m.Weights[0].Type != kernel {
			t.Errorf("weight %d: %+v, want %s", weight, m.Weights[0], kernel)
		}
		wantIntegerKernels(t, net, m.model.Marshal(), configs.ONNXReal)
		x := slices.Repeat([]float32{10}, 3*net.Tensors[0].Len())
		want := logits(t, net, x, 3)
		if got := runModel(t, net, m.model.Marshal(), x, 3, true)[onnxLogits].Floats; !slices.Equal(got, want) {
			t.Errorf("weight %d: logits %v, want %v", weight, got, want)
		}
		if m, err = NewONNXModel(net, configs.ONNX, Options{Weights: configs.ONNXInt8}); err != nil {
			t.Fatal(err)
		}
		if got := runModel(t, net, m.model.Marshal(), x, 3, true)[onnxLogits].Floats; !slices.Equal(got, want) {
			t.Logf("%s: INT8 weights of %d give logits %v, not %v", onnxruntime.Processor(), weight, got, want)
			if !m.Weights[0].Saturates() {
				t.Error("which no bound tells")
			}
		}
	}
}

// All pairs of codes of each sum have the integer network's sums, also where onnxruntime's
// own kernel would round them otherwise.
func TestRuntimeSums(t *testing.T) {
	x := make([]float32, 0, 3<<16)
	for i := range 1 << 16 {
		x = append(x, float32(i>>8), float32(i&255), 0)
	}
	for name, p := range pairSums {
		net := p.network()
		codes := func(sums configs.ONNXSums) []uint8 {
			m, err := NewONNXModel(net, configs.ONNX, Options{Sums: sums})
			if err != nil {
				t.Fatal(err)
			}
			return runModel(t, net, m.Watched(), x, 1, true)[m.Values[3]].Codes
		}
		want, got := newCodePairs(net, net.Layers[2].(*integer.Add)).codes, codes(configs.ONNXReal)
		for i, v := range want {
			if got[i] != v {
				t.Fatalf("%s: the sum of %d and %d is %d, want %d", name, i>>8, i&255, got[i], v)
			}
		}
		other := 0
		for i, v := range codes(configs.ONNXFused) {
			if v != want[i] {
				other++
			}
		}
		t.Logf("%s: %s: fused, %d of %d pairs differ", onnxruntime.Processor(), name, other, len(want))
		if other > 0 {
			different(t, configs.ONNXFused, "%s: fused, %d pairs differ", name, other)
		}
	}
}

// 200 images through a ResNet-20 of 8 bits, whose every layer has pairs beyond 16
// bits: what .ci/run has on an emulated processor without VNNI.
func TestRuntimeImages(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	net := integertest.ResNet20(rng, 8)
	m, err := NewONNXModel(net, configs.ONNX, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range m.Weights {
		if w.Type != KernelUint8 {
			t.Errorf("%+v, want %s", w, KernelUint8)
		}
	}
	wantIntegerKernels(t, net, m.model.Marshal(), configs.ONNXReal)
	const n = 50
	other, all := 0, 0
	for range 4 {
		x := integertest.Pictures(rng, net, n)
		got, want := runModel(t, net, m.model.Marshal(), x, n, true)[onnxLogits].Floats, logits(t, net, x, n)
		for i, v := range want {
			if got[i] != v {
				other++
			}
			all++
		}
	}
	t.Logf("%s: %d of %d logits differ", onnxruntime.Processor(), other, all)
	if other > 0 {
		t.Errorf("%d of %d logits differ", other, all)
	}
}

func runModel(t *testing.T, net *integer.Network, model []byte, x []float32, n int, optimize bool) map[string]onnxruntime.Output {
	t.Helper()
	s, err := ort.Session(model, onnxruntime.Options{Optimize: optimize, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	in := net.Tensors[0]
	got, err := s.Run(Planes(x, n, in.C), int64(n), int64(in.C), int64(in.H), int64(in.W))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// wantIntegerKernels checks the operators of the graph that onnxruntime makes.
func wantIntegerKernels(t *testing.T, net *integer.Network, model []byte, sums configs.ONNXSums) {
	t.Helper()
	data, err := ort.Dump(model)
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Unmarshal(data)
	if err != nil {
		t.Fatal(err)
	}
	got, want := map[string]int{}, map[string]int{}
	for _, n := range m.Graph.Nodes {
		got[n.Op]++
	}
	kernel := map[string]string{"conv": "QLinearConv", "add": "QLinearAdd", "average_pool": "QLinearGlobalAveragePool", "average_window": "ConvInteger", "linear": "QGemm"}
	if sums != configs.ONNXFused {
		delete(kernel, "add")
	}
	for _, l := range net.Layers {
		want[kernel[l.Kind()]]++
	}
	for _, op := range kernel {
		if got[op] != want[op] {
			t.Errorf("%s: onnxruntime has %d nodes %s, want %d: %v", net.Name, got[op], op, want[op], got)
		}
	}
}

// A tensor that only a requantization to 8 bits reads keeps its own rounding:
// onnxruntime would make one of both.
func TestRuntimeRequantizesTwice(t *testing.T) {
	net := &integer.Network{Name: "requantized", Mean: make([]float32, 3), Std: []float32{1, 1, 1}, Tensors: []integer.Tensor{
		{H: 6, W: 6, C: 3, Bits: 8, Scale: 0.02, ZeroPoint: 128},
		{H: 6, W: 6, C: 4, Bits: 8, Scale: 0.011},
		{H: 6, W: 6, C: 4, Bits: 8, Scale: 0.017, ZeroPoint: 9},
		{H: 6, W: 6, C: 2, Bits: 8, Scale: 0.01},
	}}
	rng := rand.New(rand.NewPCG(1, 2))
	weights := func(n int) []int8 {
		w := make([]int8, n)
		for i := range w {
			w[i] = int8(rng.IntN(15) - 7)
		}
		return w
	}
	fold := func(tensor, channels int) integer.Folded {
		return integer.FoldBias(net.Tensors[tensor].Scale, []float32{0.03}, make([]float32, channels))
	}
	f := fold(3, 5)
	net.Layers = []integer.Layer{
		integer.NewConv(net, "conv1", 0, 1, networks.Square(1, 1, 0), 0, weights(12), 4, fold(0, 4), true),
		&integer.Requantize{Name: "requantize", In: 1, Out: 2, Hi: 255},
		integer.NewConv(net, "conv2", 2, 3, networks.Square(1, 1, 0), 0, weights(8), 4, fold(2, 2), true),
		&integer.Linear{Name: "linear", In: 3, Out: 5, Weights: weights(6 * 6 * 2 * 5), WeightBits: 4, Scale: f.Scale, Bias: f.Bias},
	}
	m, err := NewONNXModel(net, configs.ONNX, Options{})
	if err != nil {
		t.Fatal(err)
	}
	const n = 200
	x := integertest.Pictures(rng, net, n)
	got, want := runModel(t, net, m.model.Marshal(), x, n, true)[onnxLogits].Floats, logits(t, net, x, n)
	if !slices.Equal(got, want) {
		t.Errorf("logits %v, want %v", got[:10], want[:10])
	}
}

// Without its optimizations onnxruntime computes with real numbers: nearly all
// codes of a layer are the same, and those that differ are near a half.
func TestRuntimeUnoptimized(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	n, same, all := 20, 0, 0
	for range 10 {
		net := integertest.ResNet20(rng, 4)
		m, err := NewONNXModel(net, configs.ONNX, Options{})
		if err != nil {
			t.Fatal(err)
		}
		x := integertest.Pictures(rng, net, n)
		off, on := runModel(t, net, m.Watched(), x, n, false), runModel(t, net, m.Watched(), x, n, true)
		first := m.Values[net.Layers[0].Output()]
		for i, v := range off[first].Codes {
			if v == on[first].Codes[i] {
				same++
			}
			all++
		}
	}
	if all-same > all/10000 {
		t.Errorf("%d of %d codes of the first layer differ", all-same, all)
	}
}

// The functions in the file compute what QONNX defines, on values in and beyond
// the range and halfway between codes.
func TestRuntimeQuant(t *testing.T) {
	for _, q := range []quantizer{{bits: 4, signed: true}, {bits: 4, signed: true, narrow: true}, {bits: 3}, {bits: 2, narrow: true},
		{bits: 8, zeroPoint: 13}, {bits: 1}, {bits: 32, signed: true}} {
		for _, scale := range []float32{0.25, 0.1, 3.7} {
			g := newONNXGraph(&integer.Network{Tensors: []integer.Tensor{{H: 1, W: 1, C: 2001}}}, 2001)
			b := &qonnxGraph{onnxGraph: g}
			b.zero = b.floats("zero", []float32{0})
			out := b.quant("q", onnxInput, "y", q, []float32{scale})
			g.node("flatten", "Flatten", onnxLogits, []string{out})
			m := &onnx.Model{IRVersion: qonnxIR, Opsets: []onnx.Opset{{Version: qonnxOpset}, {Domain: qonnxDomain, Version: 1}}, Graph: g.Graph, Functions: qonnxFunctions()}
			x := make([]float32, 2001)
			for i := range x {
				x[i] = float32(i-1000) * scale / 8
			}
			for _, optimize := range []bool{false, true} {
				got := runModel(t, g.net, m.Marshal(), x, 1, optimize)[onnxLogits].Floats
				for i, v := range x {
					if want := quantOf(q, scale, v); got[i] != want {
						t.Fatalf("%+v with scale %v, optimized %v: Quant(%v) is %v, want %v", q, scale, optimize, v, got[i], want)
					}
				}
			}
		}
	}
}

// A QONNX file runs in stock onnxruntime, and its real values are those of the
// integer network but for rounding of sums in float32.
func TestRuntimeQONNX(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	const n = 4
	near, all := 0, 0
	for i := range 40 {
		net := integertest.Random(rng)
		switch i % 4 {
		case 0:
			makeBinary(net)
		case 1:
			net = integertest.RandomWindows(rng)
		}
		m, err := NewONNXModel(net, configs.QONNX, Options{})
		if err != nil {
			t.Fatal(err)
		}
		x := integertest.Pictures(rng, net, n)
		want := logits(t, net, x, n)
		for _, optimize := range []bool{false, true} {
			got := runModel(t, net, m.model.Marshal(), x, n, optimize)[onnxLogits].Floats
			for j, v := range want {
				if scale := net.Layers[len(net.Layers)-1].(*integer.Linear).Scale[j%net.Logits().Out]; math.Abs(float64(got[j]-v)) <= math.Abs(float64(scale))/2 {
					near++
				}
				all++
			}
		}
	}
	if all < 500 || float64(near) < 0.8*float64(all) {
		t.Errorf("%d of %d logits have the integers of the integer network", near, all)
	}
}

// QONNX's means in windows that do not all count as many pixels are the integer network's, but where one falls between two
// codes.
func TestRuntimeQONNXAverages(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	for _, pool := range []networks.AveragePool{
		{Window: networks.Square(3, 2, 1)}, {Window: networks.Square(3, 2, 1), Ceil: true, CountPad: true}, {Window: networks.Square(3, 4, 0), Ceil: true},
		{Window: networks.Window{Kernel: networks.Size{H: 2, W: 4}, Stride: networks.Size{H: 3, W: 3}, Pad: networks.Pad{Top: 1, Left: 2, Right: 1}}, Ceil: true, CountPad: true},
	} {
		net := &integer.Network{Name: "averages", Mean: make([]float32, 3), Std: []float32{1, 1, 1}, Tensors: []integer.Tensor{{H: 10, W: 9, C: 3, Bits: 8, Scale: 0.02, ZeroPoint: 128}}}
		shape, err := pool.Shape([]networks.Shape{{H: 10, W: 9, C: 3}})
		if err != nil {
			t.Fatal(err)
		}
		n := shape.Len()
		net.Tensors = append(net.Tensors, integer.Tensor{H: shape.H, W: shape.W, C: 3, Bits: 8, Scale: 0.017, ZeroPoint: 128})
		codes := &integer.Linear{Name: "codes", In: 1, Out: n, Weights: make([]int8, n*n), WeightBits: 2, Scale: slices.Repeat([]float32{0.017}, n), Bias: make([]int32, n)}
		for i := range n {
			codes.Weights[i*n+i] = 1
		}
		net.Layers = []integer.Layer{&integer.AverageWindow{Name: "pool", In: 0, Out: 1, Window: pool.Window, CountPad: pool.CountPad}, codes}
		m, err := NewONNXModel(net, configs.QONNX, Options{})
		if err != nil {
			t.Fatal(err)
		}
		const images = 20
		x := integertest.Pictures(rng, net, images)
		got, want := runModel(t, net, m.model.Marshal(), x, images, true)[onnxLogits].Floats, logits(t, net, x, images)
		other := 0
		for i, v := range want {
			if d := math.Abs(float64(got[i]-v)) / 0.017; d > 1.1 {
				t.Fatalf("%+v: mean %d is %v, want %v", pool, i, got[i], v)
			} else if d > 0.1 {
				other++
			}
		}
		if other > len(want)/50 {
			t.Errorf("%+v: %d of %d means have another code", pool, other, len(want))
		}
	}
}
