package verify

import (
	"context"
	"math"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
	"github.com/qat-go/qat/internal/onnx"
	"github.com/qat-go/qat/internal/onnxruntime"
	"github.com/qat-go/qat/threads"
	"github.com/qat-go/qat/train"
)

func TestComparison(t *testing.T) {
	var c Comparison
	scale := []float32{0.5, -0.25}
	c.add([]float32{1, 0, 3, 3}, []float32{1, 2, 3, 3.25}, []int32{1, 0}, scale)
	c.add([]float32{-200, 0}, []float32{0, 0}, []int32{1}, scale)
	want := Comparison{Top1: 1.0 / 3, DifferentPredictions: 3, DifferentLogits: 3, Logits: 6, MaxDifference: 200,
		Steps: Steps{0: 3, 8: 1, 1: 1, Most: 1}, correct: 1, images: 3}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	if got := c.Steps.Different(); got != 3 {
		t.Errorf("%d different, want 3", got)
	}
	c = Comparison{}
	c.add([]float32{0}, []float32{0}, []int32{0}, []float32{0})
	if !reflect.DeepEqual(c.Steps, Steps{0: 1}) {
		t.Errorf("equal logits on a scale of 0: steps %v, want one of 0", c.Steps)
	}
}

// NaN differs from everything by NaN, which no bound is below: a program that gives it agrees with nothing.
func TestOutputsThatAreNotFinite(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(-1)} {
		out := map[string]onnxruntime.Output{"logits": {Floats: []float32{1, float32(v)}}}
		if _, err := logitsOf(out, 2); err == nil || !strings.Contains(err.Error(), "logit 1") {
			t.Errorf("error %v for a logit of %g", err, v)
		}
	}
}

// The codes of a layer are compared with those of the tracer, as codes and as
// the real numbers of QONNX.
func TestTraces(t *testing.T) {
	net := integertest.ResNet20(rand.New(rand.NewPCG(3, 4)), 4)
	pool := threads.New(1)
	defer pool.Close()
	const n = 2
	tracer, err := integer.NewTracer(net, pool, n)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tracer.Run(integertest.Pictures(rand.New(rand.NewPCG(1, 2)), net, n), n); err != nil {
		t.Fatal(err)
	}
	for _, format := range []configs.Format{configs.ONNX, configs.QONNX} {
		model, err := export.NewONNXModel(net, format, export.Options{})
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]onnxruntime.Output{}
		for i, info := range net.Tensors {
			codes := export.Planes(tracer.Codes(i, n), n, info.C)
			var reals []float32
			for _, c := range codes {
				reals = append(reals, info.Scale*float32(int(c)-int(info.ZeroPoint)))
			}
			if format == configs.ONNX {
				out[model.Values[i]] = onnxruntime.Output{Codes: codes}
			} else {
				out[model.Values[i]] = onnxruntime.Output{Floats: reals}
			}
		}
		traces := newTraces(net, model)
		if err := traces.add(tracer, out, n); err != nil {
			t.Fatal(err)
		}
		changed := out[model.Values[1]]
		if format == configs.ONNX {
			changed.Codes[5] ^= 3
		} else {
			changed.Floats[5] += 3 * net.Tensors[1].Scale
		}
		if err := traces.add(tracer, out, n); err != nil {
			t.Fatal(err)
		}
		for i, s := range traces.steps {
			want := Steps{0: s.Codes}
			if traces.order[i] == 1 {
				want[0]--
				for _, d := range []int{1, 2, 3} { // of the code's change by exclusive or
					if s.Steps[d] == 1 {
						want[d] = 1
					}
				}
			}
			if s.Codes != int64(2*n*net.Tensors[traces.order[i]].Len()) || !reflect.DeepEqual(s.Steps, want) {
				t.Errorf("%s, %s: %d codes with steps %v, want %v", format, s.Layer, s.Codes, s.Steps, want)
			}
		}
		if format == configs.QONNX {
			changed.Floats[5] = float32(math.NaN())
			if err := traces.add(tracer, out, n); err == nil || !strings.Contains(err.Error(), "value 5 of output "+model.Values[1]+" is NaN") {
				t.Errorf("error %v for NaN", err)
			}
		}
		delete(out, model.Values[1])
		if err := traces.add(tracer, out, n); err == nil || !strings.Contains(err.Error(), "0 values") {
			t.Errorf("%s: error %v for a missing output", format, err)
		}
	}
}

// calibrated is a quantized network that was not trained.
func calibrated(t *testing.T) *train.Model {
	t.Helper()
	cfg, err := configs.Load("quickstart", []string{"train.epochs=0"})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := train.Run(context.Background(), cfg, train.Options{Out: dir, Threads: 1, Progress: silent{}}); err != nil {
		t.Fatal(err)
	}
	c, err := train.OpenCheckpoint(dir, train.Reading{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Load("", 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

type silent struct{}

func (silent) Message(string, ...any) {}
func (silent) Start(int, int, int)    {}
func (silent) Epoch(train.EpochInfo)  {}
func (silent) Step(train.StepInfo)    {}

func TestCertify(t *testing.T) {
	m := calibrated(t)
	net, err := m.Lower()
	if err != nil {
		t.Fatal(err)
	}
	files := map[configs.Format]string{}
	for _, format := range []configs.Format{configs.Safetensors, configs.ONNX, configs.QONNX} {
		files[format] = filepath.Join(t.TempDir(), "model."+export.Extension(format))
		if err := export.Write(files[format], format, net, export.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	o := Options{Split: m.Data.Test.Head(120), Files: files, Threads: 1, Library: onnxruntime.Library()}
	c, err := Certify(context.Background(), m, net, o)
	if err != nil {
		t.Fatal(err)
	}
	if c.Images != 120 || c.IntegerTop1 < 0.5 || c.Simulation.Logits != 1200 || c.Simulation.DifferentPredictions > 1 || c.Simulation.Steps[0] < 1190 {
		t.Errorf("%+v", c)
	}
	checkSaturation(t, c, files[configs.ONNX], net)
	if !onnxruntime.Built {
		if len(c.Runs) != 0 || len(c.NotChecked) != 2 || !strings.Contains(c.NotChecked[0], "without the tag onnxruntime") {
			t.Errorf("%d runs, not checked: %q", len(c.Runs), c.NotChecked)
		}
	} else {
		checkRuns(t, c)
	}
	// Of files that nothing runs here, it says who does.
	files[configs.C], files[configs.NPZ] = "model.h", "model.npz"
	delete(files, configs.ONNX)
	delete(files, configs.QONNX)
	if c, err = Certify(context.Background(), m, net, Options{Split: m.Data.Test.Head(1), Files: files}); err != nil || len(c.NotChecked) != 2 ||
		!strings.HasPrefix(c.NotChecked[0], "c: the program was not compiled here; ") || !strings.HasPrefix(c.NotChecked[1], "npz: nothing was computed from it here; ") {
		t.Errorf("not checked: %q (%v)", c.NotChecked, err)
	}
	// A file that holds something else is no export of the network.
	net.Layers[0].(*integer.Conv).Bias[0]++
	if _, err := Certify(context.Background(), m, net, Options{Split: o.Split, Files: map[configs.Format]string{configs.Safetensors: files[configs.Safetensors]}}); err == nil ||
		!strings.Contains(err.Error(), "not the network") {
		t.Errorf("error %v for another network's file", err)
	}
}

// checkSaturation checks that a certificate has each layer's weights as the file has
// them, and the widest pair of those that are INT8.
func checkSaturation(t *testing.T, c *Certificate, file string, net *integer.Network) {
	t.Helper()
	if len(c.Saturation) != 1 {
		t.Fatalf("saturation %+v", c.Saturation)
	}
	var layers []string
	for _, l := range net.Layers {
		if l.Kind() == "conv" || l.Kind() == "linear" {
			layers = append(layers, l.LayerName())
		}
	}
	s, widest := c.Saturation[0], 0
	for i, w := range s.Layers {
		if w.Type == export.KernelInt8 {
			widest = max(widest, w.Pair)
		}
		if (w.Pair > s.Limit) != (w.Type == export.KernelUint8) || w.Pair <= 0 || i >= len(layers) || w.Layer != layers[i] {
			t.Errorf("layer %d of %q: %+v", i, layers, w)
		}
	}
	if s.File != file || s.Limit != math.MaxInt16 || s.Widest != widest || widest == 0 || len(s.Layers) != len(layers) {
		t.Errorf("saturation %+v of %s, want the widest to be %d", s, file, widest)
	}
}

// With INT8 weights everywhere, the widest pair is beyond what fits 16 bits.
func TestSaturation(t *testing.T) {
	net := integertest.ResNet20(rand.New(rand.NewPCG(7, 8)), 8)
	for weights, check := range map[configs.ONNXWeights]func(s *Saturation) bool{
		configs.ONNXAuto:  func(s *Saturation) bool { return s.Widest == 0 },
		configs.ONNXUint8: func(s *Saturation) bool { return s.Widest == 0 },
		configs.ONNXInt8:  func(s *Saturation) bool { return s.Widest > s.Limit && s.Widest <= 255*256 },
	} {
		o := export.Options{Weights: weights}
		file := filepath.Join(t.TempDir(), "model.onnx")
		if err := export.Write(file, configs.ONNX, net, o); err != nil {
			t.Fatal(err)
		}
		s, err := saturation(file, net, o)
		if err != nil || len(s.Layers) != 20 || !check(s) {
			t.Errorf("%s: %+v (%v)", weights, s, err)
		}
	}
}

// checkRuns checks what onnxruntime gave.
func checkRuns(t *testing.T, c *Certificate) {
	t.Helper()
	if len(c.Runs) != 4 || c.Runtime == "" || len(c.NotChecked) > 0 {
		t.Fatalf("%d runs in %q, not checked: %q", len(c.Runs), c.Runtime, c.NotChecked)
	}
	for _, r := range c.Runs {
		if r.Logits != 1200 || len(r.Layers) < 40 || r.ImagesPerSecond <= 0 || r.DifferentPredictions > 2 {
			t.Errorf("%s, optimized %v: %+v", r.Format, r.Optimized, r)
		}
		if !r.Optimized {
			continue
		}
		integers, reasons := r.Format == "onnx", map[string]int{}
		for _, k := range r.Kernels {
			if k.Integer != (integers && k.Operator != "Sum") || k.Operator == "none of its name" {
				t.Errorf("%s: %+v", r.Format, k)
			}
			reasons[k.Reason]++
		}
		if r.Convolutions != 19 || r.OnIntegers != map[bool]int{true: 19}[integers] || r.Format == "qonnx" && reasons["Quant nodes give real numbers"] != len(r.Kernels) ||
			integers && reasons["sums are of real numbers, unless export.onnx.sums is fused"] != 9 {
			t.Errorf("%s: %d of %d on integers, %v", r.Format, r.OnIntegers, r.Convolutions, reasons)
		}
		if integers && (r.DifferentLogits > 0 || r.Steps.Different() > 0) {
			t.Errorf("%s: %d logits differ", r.Format, r.DifferentLogits)
		}
		for _, l := range r.Layers {
			if integers && l.Steps.Different() > 0 {
				t.Errorf("%s: %v", l.Layer, l.Steps)
			}
		}
	}
}

// broken are changes of a model in QDQ form after which onnxruntime leaves the
// first convolution to real numbers, with the reason.
var broken = map[string]struct {
	change func(m *onnx.Model)
	want   string
}{
	"4-bit weights without Cast": {func(m *onnx.Model) {
		dq := node(m, "conv1.weight.real")
		dq.Inputs[0] = "conv1.weight"
		for i := range m.Graph.Initializers {
			switch k := &m.Graph.Initializers[i]; k.Name {
			case "conv1.weight", "conv1.weight.zero_point":
				n := int64(1)
				for _, d := range k.Dims {
					n *= d
				}
				k.Type, k.Data = onnx.Int4, make([]byte, (n+1)/2)
			}
		}
	}, "its weights are dequantized from another type than INT8 and UINT8"},
	"Relu and signed codes": {func(m *onnx.Model) { signed(m, false) }, "Relu stands before a quantizer whose zero point is not its lowest code"},
	"Clip of signed codes":  {func(m *onnx.Model) { signed(m, true) }, "Clip stands on signed codes"},
	"no quantizer": {func(m *onnx.Model) {
		node(m, "conv1.codes").Inputs[0] = "conv1.tanh"
		m.Graph.Nodes = insert(m.Graph.Nodes, onnx.Node{Name: "node.tanh", Op: "Tanh", Inputs: []string{"conv1.relu"}, Outputs: []string{"conv1.tanh"}}, "conv1.relu")
	}, "its output is not quantized"},
}

func node(m *onnx.Model, output string) *onnx.Node {
	for i := range m.Graph.Nodes {
		if m.Graph.Nodes[i].Outputs[0] == output {
			return &m.Graph.Nodes[i]
		}
	}
	return nil
}

// insert adds a node after the one that gives a value.
func insert(nodes []onnx.Node, n onnx.Node, after string) []onnx.Node {
	var out []onnx.Node
	for _, old := range nodes {
		if out = append(out, old); old.Outputs[0] == after {
			out = append(out, n)
		}
	}
	return out
}

// signed gives conv1 codes of int8 with zero point 0, clipped or after Relu.
func signed(m *onnx.Model, clip bool) {
	zero := onnx.Tensor{Name: "conv1.zero_point", Type: onnx.Int8, Data: []byte{0}}
	for i := range m.Graph.Initializers {
		if m.Graph.Initializers[i].Name == zero.Name {
			m.Graph.Initializers[i] = zero
		}
	}
	if !clip {
		return
	}
	q := node(m, "conv1.codes")
	q.Inputs[0], q.Outputs[0] = "conv1.sum", "conv1.unclipped"
	m.Graph.Initializers = append(m.Graph.Initializers, onnx.Tensor{Name: "lowest", Type: onnx.Int8, Data: []byte{0xf8}}, onnx.Tensor{Name: "highest", Type: onnx.Int8, Data: []byte{7}})
	m.Graph.Nodes = insert(m.Graph.Nodes, onnx.Node{Name: "node.clip", Op: "Clip", Inputs: []string{"conv1.unclipped", "lowest", "highest"}, Outputs: []string{"conv1.codes"}}, "conv1.unclipped")
}

// written is the model in a file of the format onnx.
func written(t *testing.T, net *integer.Network) *onnx.Model {
	m, err := export.NewONNXModel(net, configs.ONNX, export.Options{})
	if err != nil {
		t.Fatal(err)
	}
	data, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	model, err := onnx.Unmarshal(data)
	if err != nil {
		t.Fatal(err)
	}
	return model
}

// Each rule that keeps a convolution from integers is told.
func TestReason(t *testing.T) {
	net := integertest.ResNet20(rand.New(rand.NewPCG(1, 2)), 4)
	for name, b := range broken {
		model := written(t, net)
		b.change(model)
		if got := reason(configs.ONNX, model, "conv1"); got != b.want {
			t.Errorf("%s: reason %q, want %q", name, got, b.want)
		}
		tryBroken(t, name, model)
	}
	model := written(t, net)
	if got := reason(configs.ONNX, model, "conv1"); got != "no rule that is known here" {
		t.Errorf("reason %q for what runs on integers", got)
	}
	if got, want := reason(configs.ONNX, model, "layer1.0.add"), "sums are of real numbers, unless export.onnx.sums is fused"; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}
	for i := range net.Tensors { // halves, which go to the even code, about an odd zero point
		net.Tensors[i].Scale, net.Tensors[i].ZeroPoint = 0.5, 3
	}
	var add *integer.Add
	for _, l := range net.Layers {
		if l, ok := l.(*integer.Add); ok {
			add = l
			net.Tensors[l.Out].Scale = 1
			break
		}
	}
	model = written(t, net)
	if got, want := reason(configs.ONNX, model, add.Name), "a table has its sums"; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}
}
