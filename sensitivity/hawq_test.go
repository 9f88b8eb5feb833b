package sensitivity_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/sensitivity"
)

// hawqBits is a layer's size as HAWQ's model_zoo.md counts it: all that the layer learns, biases and batch norm too, at the width
// of its weights, and no scales. [networks.Row.SizeBits] has 32 bits for each bias and scale of an output channel, into which batch
// norm folds.
func hawqBits(r networks.Row, bits int) int { return r.Params * bits }

// BitOps and sizes are those of HAWQ's model_zoo.md (github.com/Zhen-Dong/HAWQ, commit 1616df6): in floating point, in 8 bits, and in
// 4 bits but for the first and the last layer, which have 8. It has the numbers that are below without their decimals, cut or
// rounded. Its sizes of ResNet-50 in floating point and 8 bits, 97.8 and 24.5 MiB, are 0.3 to 0.5 % more, perhaps those of a file.
func TestHAWQCosts(t *testing.T) {
	for arch, want := range map[string]string{
		"resnet18": "1857.6 G 44.59 MiB, 116.1 G 11.15 MiB, 34.7 G 5.82 MiB",  // 1858 44.6, 116 11.1, 34 5.8
		"resnet50": "3950.6 G 97.49 MiB, 246.9 G 24.37 MiB, 67.5 G 13.17 MiB", // 3951 97.8, 247 24.5, 67 13.1
	} {
		n, err := networks.Build(arch, networks.Options{Input: networks.Shape{H: 224, W: 224, C: 3}, Classes: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if arch == "resnet50" {
			versionOne(t, n)
		}
		rows, err := n.Table()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, bits := range []int{32, 8, 4} {
			ops, size := int64(0), 0
			for i, r := range rows {
				b := bits
				if i == 0 || i == len(rows)-1 {
					b = max(bits, 8)
				}
				ops += r.BitOps(b, b)
				size += hawqBits(r, b)
			}
			got = append(got, fmt.Sprintf("%.1f G %.2f MiB", float64(ops)/1e9, float64(size)/8/(1<<20)))
		}
		if text := strings.Join(got, ", "); text != want {
			t.Errorf("%s: %s; want %s", arch, text, want)
		}
	}
}

// versionOne takes the strides of ResNet-50 from the 3x3 convolutions to the 1x1 before them, as He et al. and pytorchcv have them.
func versionOne(t *testing.T, n *networks.Network) {
	moved := 0
	for i, node := range n.Nodes {
		conv, ok := node.Op.(networks.Conv)
		one, three := strings.HasSuffix(node.Name, ".0.conv1"), strings.HasSuffix(node.Name, ".0.conv2")
		if !ok || !one && !three || strings.HasPrefix(node.Name, "layer1") {
			continue
		}
		conv.Stride = networks.Size{H: 1, W: 1}
		if one {
			conv.Stride = networks.Size{H: 2, W: 2}
		}
		n.Nodes[i].Op = conv
		moved++
	}
	if moved != 6 {
		t.Fatalf("%d convolutions have other strides; want 6", moved)
	}
}

// The numbers of ResNet-18 in HAWQ's ILP.ipynb: the mean of the Hessian's diagonal of each layer between the first and the last, and
// the squared differences between weights and their values in 4 and in 8 bits. The three shortcuts come behind their blocks.
var (
	hawqLayers = []string{"layer1.0.conv1", "layer1.0.conv2", "layer1.1.conv1", "layer1.1.conv2",
		"layer2.0.conv1", "layer2.0.conv2", "layer2.0.downsample.0", "layer2.1.conv1", "layer2.1.conv2",
		"layer3.0.conv1", "layer3.0.conv2", "layer3.0.downsample.0", "layer3.1.conv1", "layer3.1.conv2",
		"layer4.0.conv1", "layer4.0.conv2", "layer4.0.downsample.0", "layer4.1.conv1", "layer4.1.conv2"}
	hawqTrace = []float64{0.06857826, 0.03162379, 0.03298575, 0.01205663, 0.02222431, 0.00596336, 0.06931772, 0.00807129, 0.00372905, 0.00530698,
		0.00209011, 0.00737569, 0.00210454, 0.00151197, 0.00158041, 0.00078146, 0.00451841, 0.00098745, 0.00072944}
	hawqDelta8 = []float64{0.0235, 0.0125, 0.0102, 0.0082, 0.0145, 0.0344, 0.0023, 0.0287, 0.0148, 0.0333, 0.0682, 0.0027, 0.0448, 0.0336, 0.0576, 0.1130, 0.0102, 0.0947, 0.0532}
	hawqDelta4 = []float64{6.7430, 3.9691, 3.3281, 2.6796, 4.7277, 10.5966, 0.6827, 9.0942, 4.8857, 10.7599, 21.7546, 0.8603, 14.5324, 10.9651, 18.7706, 36.4044, 3.1572, 29.6994, 17.4016}
)

// With HAWQ's sensitivities and limits, the widths of ResNet-18 are those of its bit_config.py, in each of the six; so are those of
// the embedded configs, whose descriptions say what they cost.
func TestHAWQAllocations(t *testing.T) {
	cfg := load(t, "imagenet_resnet18_w4a4", "model.arch=resnet18")
	table := &sensitivity.Table{Method: "hessian"}
	for i, name := range hawqLayers {
		table.Layers = append(table.Layers, sensitivity.Layer{Name: name, Weights: []sensitivity.Loss{{Bits: 4, Value: hawqTrace[i] * hawqDelta4[i]}, {Bits: 8, Value: hawqTrace[i] * hawqDelta8[i]}}})
	}
	space := spaceOf(t, cfg, described(t, cfg), false, 4, 8)
	for budget, want := range map[string]string{ // of bit_config.py: modelsize_0.75 to bops_0.25
		"size=75%":   "8 8888 888 88 888 84 888 84 8",
		"size=50%":   "8 8888 888 88 888 88 848 44 8",
		"size=25%":   "8 8888 888 88 888 88 444 44 8",
		"bitops=75%": "8 8888 888 84 888 84 848 84 8",
		"bitops=50%": "8 8884 888 84 888 44 444 44 8",
		"bitops=25%": "8 8884 848 44 444 44 444 44 8",
	} {
		a := allocated(t, space, table, budget)
		var got []string
		for i, l := range a.Layers {
			if _, block, found := strings.Cut(l.Name, "."); i == 0 || !found || strings.HasSuffix(block, ".conv1") && l.Name != "layer1.1.conv1" {
				got = append(got, "")
			}
			got[len(got)-1] += fmt.Sprint(l.WeightBits)
		}
		if text := strings.Join(got, " "); text != want || !a.Proven {
			t.Errorf("%s: %s, proven %v; want %s", budget, text, a.Proven, want)
		}
		name := "imagenet_resnet18_hawq_" + strings.NewReplacer("=", "", "%", "").Replace(budget)
		embedded := load(t, name)
		if err := space.Check(a, embedded); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		costs := fmt.Sprintf(", %s and %s BitOps", sensitivity.Size.Format(a.Spent[0].Amount), sensitivity.BitOps.Format(a.Spent[1].Amount))
		if embedded.Model.Arch != "resnet18" || !strings.HasSuffix(embedded.Description, costs) {
			t.Errorf("%s is on %s, described by %q; want resnet18 and %q", name, embedded.Model.Arch, embedded.Description, costs)
		}
	}
}
