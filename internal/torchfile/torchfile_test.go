package torchfile

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// wanted is a tensor with its values.
type wanted struct {
	name, dtype string
	shape       []int
	data        []float32
}

var inf = float32(math.Inf(1))

// fixture is what testdata/zip.pth and testdata/legacy.pth hold. PyTorch 1.13.1 wrote them with
//
//	import torch
//	grid = torch.arange(6, dtype=torch.float32).reshape(2, 3) / 4
//	net = torch.nn.BatchNorm2d(2)  # its state_dict() carries _metadata and num_batches_tracked
//	state = net.state_dict()
//	state["weight"] = torch.nn.Parameter(grid)
//	state["transposed"] = grid.t()
//	state["row"] = grid[1]
//	state["expanded"] = torch.tensor([[0.5]]).expand(2, 2)
//	state["scalar"] = torch.tensor(-1.5)
//	state["empty"] = torch.zeros(0, 3)
//	state["half"] = torch.tensor([65504., -2**-24]).half()
//	state["bfloat16"] = torch.tensor([-1.5, 2.**100]).bfloat16()
//	state["double"] = torch.tensor([0.1, 1e300], dtype=torch.float64)
//	state["int8"] = torch.tensor([-128, 127], dtype=torch.int8)
//	state["bool"] = torch.tensor([True, False])
//	checkpoint = {"epoch": 3, "best": 91.5, "optimizer": {"lr": [0.1, None]}, "state_dict": state}
//	torch.save(checkpoint, "zip.pth")
//	torch.save(checkpoint, "legacy.pth", _use_new_zipfile_serialization=False)
var fixture = []wanted{
	{"weight", "float32", []int{2, 3}, []float32{0, 0.25, 0.5, 0.75, 1, 1.25}},
	{"bias", "float32", []int{2}, []float32{0, 0}},
	{"running_mean", "float32", []int{2}, []float32{0, 0}},
	{"running_var", "float32", []int{2}, []float32{1, 1}},
	{"num_batches_tracked", "int64", []int{}, []float32{0}},
	{"transposed", "float32", []int{3, 2}, []float32{0, 0.75, 0.25, 1, 0.5, 1.25}},
	{"row", "float32", []int{3}, []float32{0.75, 1, 1.25}},
	{"expanded", "float32", []int{2, 2}, []float32{0.5, 0.5, 0.5, 0.5}},
	{"scalar", "float32", []int{}, []float32{-1.5}},
	{"empty", "float32", []int{0, 3}, []float32{}},
	{"half", "float16", []int{2}, []float32{65504, -0x1p-24}},
	{"bfloat16", "bfloat16", []int{2}, []float32{-1.5, 0x1p100}},
	{"double", "float64", []int{2}, []float32{0.1, inf}},
	{"int8", "int8", []int{2}, []float32{-128, 127}},
	{"bool", "bool", []int{2}, []float32{1, 0}},
}

func TestParse(t *testing.T) {
	for _, name := range []string{"zip.pth", "legacy.pth"} {
		dicts, err := Parse(read(t, name))
		if err != nil || len(dicts) != 1 || dicts[0].Path != "state_dict" {
			t.Errorf("%s: got %+v, %v", name, dicts, err)
			continue
		}
		checkTensors(t, name, dicts[0], fixture)
	}
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func checkTensors(t *testing.T, file string, d Dict, want []wanted) {
	t.Helper()
	if len(d.Tensors) != len(want) {
		t.Errorf("%s: got %d tensors, want %d", file, len(d.Tensors), len(want))
		return
	}
	for i, w := range want {
		got := d.Tensors[i]
		data, err := got.Float32s()
		if err != nil || !reflect.DeepEqual(wanted{got.Name, got.Dtype, got.Shape, data}, w) {
			t.Errorf("%s: got %s %s %v %v, %v; want %+v", file, got.Name, got.Dtype, got.Shape, data, err, w)
		}
	}
}

// IEEE 754-2008, table 3.5: binary16 has 1 sign, 5 exponent and 10 fraction bits, bias 15.
func TestHalfToFloat32(t *testing.T) {
	for h := range 1 << 16 {
		exponent, fraction := h>>10&0x1f, float64(h&0x3ff)
		want := math.Ldexp(1+fraction/1024, exponent-15)
		switch {
		case exponent == 0:
			want = math.Ldexp(fraction, -24)
		case exponent == 31 && fraction == 0:
			want = math.Inf(1)
		case exponent == 31:
			want = math.NaN()
		}
		if h&0x8000 != 0 {
			want = math.Copysign(want, -1)
		}
		got := halfToFloat32(uint16(h))
		if math.IsNaN(want) != (got != got) || got == got && math.Float32bits(got) != math.Float32bits(float32(want)) {
			t.Fatalf("%#04x: got %g, want %g", h, got, want)
		}
	}
}

// readPretrained reads the ResNet-20 of github.com/akamaster/pytorch_resnet_cifar10, resnet20-12fca82f.th, in the legacy
// format, from where QAT_PRETRAINED says that it is: it is not part of the project.
func readPretrained(t *testing.T) []byte {
	t.Helper()
	path := os.Getenv("QAT_PRETRAINED")
	if path == "" {
		t.Skip("QAT_PRETRAINED does not name resnet20-12fca82f.th")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The expected numbers were computed by PyTorch 1.13.1 in float64.
func TestPretrained(t *testing.T) {
	dicts, err := Parse(readPretrained(t))
	if err != nil || len(dicts) != 1 {
		t.Fatalf("%d dicts, %v", len(dicts), err)
	}
	tensors := dicts[0].Tensors
	values := func(tensor Tensor) []float32 {
		data, err := tensor.Float32s()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	elements, sum := 0, 0.0
	for _, tensor := range tensors {
		data := values(tensor)
		elements += len(data)
		for _, v := range data {
			sum += math.Abs(float64(v))
		}
	}
	if len(tensors) != 97 || elements != 271098 || math.Abs(sum-21349.562590950623) > 1e-6 {
		t.Errorf("got %d tensors with %d elements, sum of absolute values %.17g", len(tensors), elements, sum)
	}
	first := tensors[0]
	if first.Name != "module.conv1.weight" || !reflect.DeepEqual(first.Shape, []int{16, 3, 3, 3}) || values(first)[0] != -0.13818146288394928 {
		t.Errorf("the first tensor is %s %v and begins with %v", first.Name, first.Shape, values(first)[:3])
	}
	last := tensors[len(tensors)-1]
	if last.Name != "module.linear.bias" || !reflect.DeepEqual(last.Shape, []int{10}) || values(last)[9] != -0.27025941014289856 {
		t.Errorf("the last tensor is %s %v = %v", last.Name, last.Shape, values(last))
	}
}
