package layers

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/networks"
)

// A network over the store of another has its arrays, in the same memory and as they are, but for those of tensors that are
// quantized differently, and those of other shapes, which start anew.
func TestStoreOutlivesTheNetwork(t *testing.T) {
	const changed = "layer2.0.conv1."
	a := calibrated(t, "resnet20_w4a4")
	old, values := map[string][]float32{}, map[string][]float32{}
	for _, x := range a.Store.All() {
		x.Kept = []Kept{{VelocityPrefix, make([]float32, len(x.Data()))}}
		old[x.Name], values[x.Name] = x.Data(), slices.Clone(x.Data())
	}
	cfg, err := configs.Load("resnet20_w4a4", []string{"quant.layers[layer2.0.conv1].weights.bits=3"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := Over(a.Store, a.graph, &cfg.Quant, a.Input, 99)
	if err != nil {
		t.Fatal(err)
	}
	anew := 0
	for _, x := range b.Store.All() {
		same := &x.Data()[0] == &old[x.Name][0]
		if fresh := x.Name == changed+"weight_quantizer.scale"; same == fresh || (x.Kept == nil) != fresh {
			t.Errorf("%s has the elements it had: %v", x.Name, same)
		} else if fresh {
			anew++
		} else if !slices.Equal(x.Data(), values[x.Name]) {
			t.Errorf("%s has other elements than before", x.Name)
		}
	}
	if b.layer("conv1").weight() != b.Store.Array("conv1.weight") || anew != 1 || len(old) != len(b.Store.All()) {
		t.Errorf("%d of %d arrays start anew; want 1, and layers that read the store", anew, len(old))
	}
	graph, err := networks.Build("resnet20", networks.Options{Input: a.graph.Input, Classes: 7})
	if err != nil {
		t.Fatal(err)
	}
	c, err := Over(b.Store, graph, &cfg.Quant, a.Input, 99)
	if err != nil {
		t.Fatal(err)
	}
	if w := c.Store.Array("linear.weight"); w.Kept != nil || len(w.Data()) != 7*64 || w.Data()[0] == 0 || w.Data()[0] == values["linear.weight"][0] {
		t.Errorf("linear.weight of another shape: %v with %v, want new ones", w.Value.Shape(), w.Kept)
	}
}

// In training, files have velocities and averages, else the network only.
func TestTensorsOfAStore(t *testing.T) {
	n := testNetwork(t, "resnet20_affine_w8a8")
	names := func(training bool) (all []string) {
		for _, x := range n.Store.Tensors(training) {
			all = append(all, x.Name)
		}
		return all
	}
	plain := names(true)
	if !slices.IsSortedFunc(n.Store.All(), func(a, b *Array) int { return int(a.Role) - int(b.Role) }) {
		t.Error("learned arrays do not come first")
	}
	n.Store.Average = testNetwork(t, "resnet20_affine_w8a8").Store
	weight := n.Store.Array("conv1.weight")
	weight.Kept = []Kept{{VelocityPrefix, []float32{1}}}
	if !slices.Equal(names(false), plain) {
		t.Error("a file of the network has more than the network")
	}
	all := names(true)
	for name, want := range map[string]bool{
		"velocity.conv1.weight": true, "velocity.linear.weight": false, "average.conv1.weight": true, "average.bn1.running_var": true,
		"average.linear.weight_quantizer.scale": true, "average.linear.input_quantizer.zero_point": false,
	} {
		if slices.Contains(all, name) != want {
			t.Errorf("a file of a training has %s: %v", name, !want)
		}
	}
	for _, name := range plain {
		if a := n.Store.Array(name); a == nil || a.Name != name || a.Averaged() == (strings.Contains(name, "_quantizer.")) {
			t.Errorf("%s: %+v; want an array of that name with an average, unless it is a quantizer's", name, a)
		}
	}
}

// Learned scales are no less than 0, zero points fit a byte, variances are not negative, and all is finite.
func TestStoreCheck(t *testing.T) {
	for name, v := range map[string]float32{
		"conv1.weight": float32(math.Inf(1)), "bn1.running_var": -1, "bn1.running_mean": float32(math.Inf(-1)), "layer1.0.conv1.input_quantizer.scale": -1,
		"linear.input_quantizer.zero_point": 256,
	} {
		n := testNetwork(t, "resnet20_w4a4")
		if err := n.Store.Check(); err != nil {
			t.Fatal(err)
		}
		n.Store.Array(name).Data()[0] = v
		if err := n.Store.Check(); err == nil || !strings.HasPrefix(err.Error(), name+"[0] is ") {
			t.Errorf("%s = %g: error %v", name, v, err)
		}
	}
}
