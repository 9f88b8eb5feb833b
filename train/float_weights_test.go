package train

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/safetensors"
)

// Float weights of a quantized network are a state dict as PyTorch wants it, without quantizers, and start a network with
// the same bits.
func TestFloatWeights(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.float.safetensors")
	describe := func(overrides ...string) *Model {
		t.Helper()
		cfg, err := configs.Load("resnet20_w4a4", overrides)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Describe(cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(m.Close)
		return m
	}
	m := describe("model.init=random")
	for i, a := range m.Net.Store.Running() {
		a.Data()[0] = float32(i) / 3
	}
	if err := m.WriteFloat(path); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	norms := 0
	for _, x := range f.Tensors {
		if ofQuantizer(x.Name) {
			t.Errorf("%s is a quantizer's", x.Name)
		}
		if strings.HasSuffix(x.Name, ".num_batches_tracked") {
			norms++
			if x.Dtype != safetensors.I64 || len(x.Shape) != 0 || string(x.Data) != "\x00\x00\x00\x00\x00\x00\x00\x00" {
				t.Errorf("%s is %v %v %v, PyTorch has a scalar of int64", x.Name, x.Dtype, x.Shape, x.Data)
			}
		}
	}
	if norms != 19 {
		t.Errorf("num_batches_tracked of %d batch norms, want 19", norms)
	}
	if x, err := f.Get("layer2.0.conv1.weight"); err != nil || !slices.Equal(x.Shape, []int{32, 16, 3, 3}) {
		t.Errorf("layer2.0.conv1.weight: shape %v, %v", x.Shape, err)
	}
	w, err := OpenFloat(path, Reading{})
	if err != nil || w.Config != "resnet20_w4a4" || len(w.Tensors) != 97 || w.Params != 271_098 {
		t.Errorf("read back: %+v, %v", w, err)
	}
	again := describe("model.init="+path, "train.seed=9")
	if _, err := again.initial(); err != nil {
		t.Fatal(err)
	}
	for _, a := range m.starting() {
		if b := again.Net.Store.Array(a.Name); !slices.Equal(a.Data(), b.Data()) {
			t.Errorf("%s has other values", a.Name)
		}
	}
}
