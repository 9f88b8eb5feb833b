package train

import (
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/internal/safetensors"
	"github.com/qat-go/qat/layers"
)

// testdata/version2.qat is of a run of two convolutions with EWGS that was interrupted halfway, written at commit 1961cec:
// arrays have earlier names, and each one comes to where it is now.
func TestEarlierNames(t *testing.T) {
	const path = "testdata/version2.qat"
	old, err := safetensors.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := OpenCheckpoint(path, Reading{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := Describe(c.Config)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if m.average, err = m.newAverage(); err != nil {
		t.Fatal(err)
	}
	NewOptimizer(&c.Config.Train, m.Net.Store.Learnable())
	f, st, err := readCheckpoint(path, Reading{})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.restore(path, f, st, true); err != nil {
		t.Fatal(err)
	}
	then := strings.NewReplacer("_quantizer.code_scale", "_quantizer.step")
	all, renamed := m.Net.Store.Tensors(true), 0
	for _, x := range all {
		if then.Replace(x.Name) != x.Name {
			renamed++
		}
		if v, err := old.Float32s(then.Replace(x.Name)); err != nil || !slices.Equal(v, x.Array.ToFile(x.Data)) {
			t.Errorf("%s has not what the file has (%v)", x.Name, err)
		}
	}
	if len(all) != len(old.Tensors) || renamed != 4 { // of weights and of activations, and of the averages
		t.Errorf("%d arrays, %d of them renamed; the file has %d", len(all), renamed, len(old.Tensors))
	}
	averaged, err := c.LoadNetwork()
	if err != nil {
		t.Fatal(err)
	}
	defer averaged.Close()
	const name = "conv.weight_quantizer."
	if v, err := old.Float32s(layers.AveragePrefix + name + "step"); err != nil || !slices.Equal(v, averaged.Net.Store.Array(name+"code_scale").Data()) {
		t.Errorf("the average has not what the file has (%v)", err)
	}
}
