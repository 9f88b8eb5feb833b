package torchfile

import (
	"fmt"
	"strings"
	"testing"
)

// network is what testdata/make.py puts into each of its files, under names that begin with a prefix.
func network(prefix string) []wanted {
	return []wanted{
		{prefix + "fc.weight", "float32", []int{2, 3}, []float32{0, 0.25, 0.5, 0.75, 1, 1.25}},
		{prefix + "fc.bias", "float32", []int{2}, []float32{-1, 2}},
	}
}

// Checkpoints as the programs around PyTorch write them are read, whatever else is in them.
func TestPrograms(t *testing.T) {
	for _, tt := range []struct{ file, path, prefix, others string }{
		{"lightning.ckpt", "state_dict", "model.", "callbacks.ModelCheckpoint{'monitor': 'acc'}"},
		{"timm.pth.tar", "state_dict", "", "state_dict_ema"},
		{"parallel.th", "state_dict", "module.", ""}, // and a tensor beside it
		{"compiled.pt", "ema_model.module", "_orig_mod.", ""},
		{"inert2.pth", "net", "", ""},
		{"inert3.pth", "net", "", ""},
		{"inert4.pth", "net", "", ""},
		{"inert5.pth", "net", "", ""},
		{"legacy2.pth", "net", "", ""},
		{"legacy3.pth", "net", "", ""},
		{"legacy4.pth", "net", "", ""},
		{"legacy5.pth", "net", "", ""},
		{"cuda.pth", "", "", ""},
	} {
		dicts, err := Parse(read(t, tt.file))
		if err != nil {
			t.Errorf("%s: %v", tt.file, err)
			continue
		}
		var paths []string
		for _, d := range dicts {
			if d.Path == tt.path {
				checkTensors(t, tt.file, d, network(tt.prefix))
			}
			paths = append(paths, d.Path)
		}
		if all := strings.Join(paths, " "); !strings.Contains(all, tt.path) || !strings.Contains(all, tt.others) {
			t.Errorf("%s: dicts %q, want %q and %q", tt.file, paths, tt.path, tt.others)
		}
	}
}

func TestKinds(t *testing.T) {
	dicts, err := Parse(read(t, "kinds.pth"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"fc.weight": "[0 0.25 0.5 0.75 1 1.25]",
		"fc.bias":   "[-1 2]",
		"shared":    "[0.75 1 1.25 1.5 1.75 2 2.25 2.5 2.75 3 3.25 3.5 3.75 4 4.25 4.5 4.75]",
		"strided":   "[0 0.75 0.5 1.25]",
		"parts":     "[1 -2]",
		"marked":    "[0 0.25 0.5 0.75 1 1.25]",
		"zero":      "[]",
		"sparse":    "is sparse",
		"csr":       "is sparse",
		"quantized": "is quantized by PyTorch",
		"complex":   "complex64",
		"meta":      "has no values",
	}
	for _, tensor := range dicts[0].Tensors {
		values, err := tensor.Float32s()
		got := fmt.Sprint(values)
		if err != nil {
			got = err.Error()
		}
		if w := want[tensor.Name]; !strings.Contains(got, w) || w == "" || err != nil && !strings.Contains(got, tensor.Name) {
			t.Errorf("%s: got %s, want %s", tensor.Name, got, w)
		}
		delete(want, tensor.Name)
	}
	if len(want) > 0 {
		t.Errorf("not there: %v", want)
	}
	for file, want := range map[string]string{
		"module.pth": `the checkpoint is an object of class "__main__.Net"; expected a dict of tensors, such as model.state_dict()`,
		"script.pt":  "TorchScript",
	} {
		if _, err := Parse(read(t, file)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", file, err, want)
		}
	}
}
