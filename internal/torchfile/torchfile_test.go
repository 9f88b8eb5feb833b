package torchfile

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

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
var fixture = []Tensor{
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

func TestRead(t *testing.T) {
	for _, name := range []string{"zip.pth", "legacy.pth"} {
		got, err := Read(filepath.Join("testdata", name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(got) != len(fixture) {
			t.Errorf("%s: got %d tensors, want %d", name, len(got), len(fixture))
			continue
		}
		for i, want := range fixture {
			if !reflect.DeepEqual(got[i], want) {
				t.Errorf("%s: got %+v, want %+v", name, got[i], want)
			}
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

func TestReadNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.pth")
	if err := os.WriteFile(path, []byte("not a checkpoint"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil || !strings.HasPrefix(err.Error(), path+": neither a zip archive") {
		t.Errorf("got error %v", err)
	}
}

// pretrained is the ResNet-20 of github.com/akamaster/pytorch_resnet_cifar10, in the legacy format.
const pretrained = "../../../shared/data/pretrained/resnet20-12fca82f.th"

func readPretrained(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile(pretrained)
	if os.IsNotExist(err) {
		t.Skipf("the pretrained ResNet-20 is not at %s", pretrained)
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The expected numbers were computed by PyTorch 1.13.1 in float64.
func TestPretrained(t *testing.T) {
	tensors, err := Parse(readPretrained(t))
	if err != nil {
		t.Fatal(err)
	}
	elements, sum := 0, 0.0
	for _, tensor := range tensors {
		elements += len(tensor.Data)
		for _, v := range tensor.Data {
			sum += math.Abs(float64(v))
		}
	}
	if len(tensors) != 97 || elements != 271098 || math.Abs(sum-21349.562590950623) > 1e-6 {
		t.Errorf("got %d tensors with %d elements, sum of absolute values %.17g", len(tensors), elements, sum)
	}
	first := tensors[0]
	if first.Name != "module.conv1.weight" || !reflect.DeepEqual(first.Shape, []int{16, 3, 3, 3}) || first.Data[0] != -0.13818146288394928 {
		t.Errorf("the first tensor is %s %v and begins with %v", first.Name, first.Shape, first.Data[:3])
	}
	last := tensors[len(tensors)-1]
	if last.Name != "module.linear.bias" || !reflect.DeepEqual(last.Shape, []int{10}) || last.Data[9] != -0.27025941014289856 {
		t.Errorf("the last tensor is %s %v = %v", last.Name, last.Shape, last.Data)
	}
}
