package verify

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/export/exporttest"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/networks/networkstest"
	"github.com/qat-go/qat/train"
)

// trained returns the integer network, with target dyadic, of a few steps on images of random pixels. shape is "HxWxC", and
// build, unless it is nil, takes the place of the config's network.
func trained(t *testing.T, shape string, classes int, build func(networks.Shape, int) *networks.Network, overrides ...string) *integer.Network {
	t.Helper()
	var h, w, c int
	if _, err := fmt.Sscanf(shape, "%dx%dx%d", &h, &w, &c); err != nil {
		t.Fatal(err)
	}
	cfg, err := configs.Load("quickstart", append([]string{
		"model.init=random", "data.dataset=random", fmt.Sprint("data.random.height=", h), fmt.Sprint("data.random.width=", w), fmt.Sprint("data.random.channels=", c),
		fmt.Sprint("data.random.classes=", classes), "data.random.images=128", "data.random.test_images=1",
	}, overrides...))
	if err != nil {
		t.Fatal(err)
	}
	m, err := train.Open(cfg, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	graph, err := cfg.Network()
	if err != nil {
		t.Fatal(err)
	}
	if build != nil {
		graph = build(m.Net.Shape(), classes)
	}
	for i, node := range graph.Nodes {
		if norm, ok := node.Op.(networks.BatchNorm); ok {
			norm.Momentum = 1 // statistics are those of the last step
			graph.Nodes[i].Op = norm
		}
	}
	if m.Net, err = layers.New(graph, &cfg.Quant, m.Net.Input, 1); err != nil {
		t.Fatal(err)
	}
	learn(t, m, 8, 2, 0.01)
	net, err := m.Lower()
	if err == nil {
		net, err = train.Retarget(net, configs.Dyadic)
	}
	if err != nil {
		t.Fatal(err)
	}
	return net
}

// checkC wants the program to print the network's logits of n images, which differ.
func checkC(t *testing.T, net *integer.Network, n int, program ...string) {
	t.Helper()
	path, want := exporttest.Batch(t, rand.New(rand.NewPCG(1, 2)), net, n)
	for i, arg := range program {
		program[i] = strings.ReplaceAll(arg, "BATCH", path)
	}
	if got := exporttest.Run(t, program...); got != want {
		t.Errorf("the program prints\n%swant\n%s", got, want)
	}
	values := strings.Fields(want)
	slices.Sort(values)
	if different := len(slices.Compact(values)); different < 2*n {
		t.Errorf("only %d different values in\n%s", different, want)
	}
}

// checkNumPy wants the script that reads NumPy's archives to print the network's logits of an image.
func checkNumPy(t *testing.T, net *integer.Network) {
	t.Helper()
	file, image := filepath.Join(t.TempDir(), "model.npz"), filepath.Join(t.TempDir(), "image")
	if err := export.Write(file, configs.NPZ, net, export.Options{}); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	pixels := make([]uint8, net.Tensors[0].Len())
	for i := range pixels {
		pixels[i] = uint8(rng.UintN(256))
	}
	if err := os.WriteFile(image, pixels, 0o666); err != nil {
		t.Fatal(err)
	}
	want := ""
	for o, v := range exporttest.Logits(t, net, pixels) {
		want += fmt.Sprintln(v, net.Classes[o])
	}
	if got := exporttest.Run(t, "python3", "../export/testdata/run.py", file, image); got != want {
		t.Errorf("the script prints\n%swant\n%s", got, want)
	}
}

// Networks with operations wherever they can stand, and inputs that are no images, are C programs without a warning and
// without undefined behaviour, and have the dyadic network's logits.
func TestCPrograms(t *testing.T) {
	for i, n := range []struct {
		name, shape string
		build       func(networks.Shape, int) *networks.Network
		overrides   string
	}{
		{"pooled", "16x16x3", networkstest.Pooled, "quant.weights.bits=2 quant.activations.bits=2"},
		{"plain", "16x16x3", networkstest.Plain, "quant.weights.bits=8 quant.activations.bits=8"},
		{"perceptron", "14x14x1", networkstest.Perceptron, ""},
		{"joined", "20x20x1", networkstest.Joined, "quant.weights.bits=3 quant.activations.bits=5"},
		{"oblong", "20x18x3", networkstest.Oblong, "quant.activations.bits=8"},
		{"leaky", "12x12x2", networkstest.Leaky, "quant.residual=4 quant.activations.narrow=true"}, // whose tables of all channels are short, and begin with code 1
		{"averaged", "24x24x3", networkstest.Averaged, "quant.weights.bits=5 quant.activations.bits=8"},
		{"uneven", "19x23x3", networkstest.Uneven, "quant.weights.bits=5 quant.activations.bits=8"},
		{"requantized", "20x20x3", networkstest.Joined, "model.arch=squeezenet1_1 quant.concat=requantize"},
		{"windows", "49x10x1", nil, "model.network=testdata/windows.yaml quant.concat=requantize"},
		{"mobilenet", "16x16x3", nil, "model.network=networks/mobilenet.yaml"},
	} {
		t.Run(n.name, func(t *testing.T) {
			net := trained(t, n.shape, 7, n.build, strings.Fields(n.overrides)...)
			compiler := [][]string{exporttest.C99, exporttest.CPP}[i%2]
			if strings.Contains(n.overrides, "requantize") {
				checkNumPy(t, net)
			}
			checkC(t, net, 3, exporttest.Compile(t, net, slices.Concat(compiler, exporttest.Sanitized)...), "--cifar", "BATCH")
		})
	}
}
