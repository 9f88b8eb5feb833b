package networks_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/qat-go/qat/networks"
)

// counts are what a network holds and computes: what it learns, elements of kernels of convolutions, channels of batch norm,
// and multiplications of convolutions and linear layers.
type counts struct {
	params, convWeights, normChannels int
	macs                              int64
}

func countsOf(t *testing.T, n *networks.Network) (c counts) {
	t.Helper()
	shapes, err := n.Shapes()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := n.Table()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		c.params, c.macs = c.params+r.Params, c.macs+r.MACs
		if r.Kind == (networks.Conv{}).Kind() {
			c.convWeights += r.Weights
		}
	}
	for _, node := range n.Nodes {
		if node.Op.Kind() == (networks.BatchNorm{}).Kind() {
			c.normChannels += shapes[node.Name].C
		}
	}
	return c
}

// build returns a network with its paper's input and classes where o has none.
func build(t testing.TB, name string, o networks.Options) *networks.Network {
	t.Helper()
	for _, a := range networks.Archs() {
		if a.Name != name {
			continue
		}
		if o.Input == (networks.Shape{}) {
			o.Input = a.Input
		}
		if o.Classes == 0 {
			o.Classes = a.Classes
		}
	}
	n, err := networks.Build(name, o)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Counts are those of the papers' networks:
//
//   - torchvision 0.14's resnet18, 34 and 50, mobilenet_v2, vgg11_bn, vgg16_bn and squeezenet1_1, counted in PyTorch 1.13;
//   - He et al. 2015, table 6, for CIFAR (0.27 M, 0.46 M, 0.66 M, 0.85 M and 1.7 M parameters);
//   - pytorchcv's preresnet20_cifar10 (272,282) and preresnet18, https://github.com/kuangliu/pytorch-cifar's ResNet18 (11,173,962);
//   - Keras's summaries of MLPerf Tiny's networks, of 78,666 parameters (ResNet-8), 221,794 (MobileNet-V1 0.25) and 24,908
//     (DS-CNN), in which the two running statistics of each channel of batch norm count;
//   - what the programs of LQ-Nets (cifar10-vgg-small.py, alexnet_model.py) and tensorpack (alexnet-dorefa.py) have.
func TestZoo(t *testing.T) {
	cifar, tiny := networks.Options{}, networks.Options{Form: networks.MLPerfTiny}
	with := func(s networks.Projection) networks.Options { return networks.Options{Shortcut: s} }
	width := func(w float64) networks.Options { return networks.Options{Width: w} }
	rprelu := 3 * 2 * 3 * (16 + 32 + 64) // of ReActNet's ResNet-20
	for _, c := range []struct {
		name string
		o    networks.Options
		want counts
	}{
		{"resnet8", tiny, counts{78_666 - 2*240, 76_720, 240, 12_501_632}},
		{"resnet20", cifar, counts{269_722, 267_696, 688, 40_551_040}},
		{"resnet20", networks.Options{Block: networks.BiReal}, counts{269_722, 267_696, 688, 40_551_040}},
		{"resnet20", networks.Options{Block: networks.ReActNet}, counts{269_722 + rprelu, 267_696, 688, 40_551_040}},
		{"resnet20", with(networks.OptionB), counts{272_474, 270_256, 784, 40_813_184}},
		{"resnet20", networks.Options{Block: networks.BiReal, Shortcut: networks.PoolConv}, counts{272_474, 270_256, 784, 40_813_184}},
		{"resnet32", cifar, counts{464_154, 461_232, 1136, 68_862_592}},
		{"resnet32", with(networks.OptionB), counts{466_906, 463_792, 1232, 69_124_736}},
		{"resnet44", cifar, counts{658_586, 654_768, 1584, 97_174_144}},
		{"resnet44", with(networks.OptionB), counts{661_338, 657_328, 1680, 97_436_288}},
		{"resnet56", cifar, counts{853_018, 848_304, 2032, 125_485_696}},
		{"resnet56", with(networks.OptionB), counts{855_770, 850_864, 2128, 125_747_840}},
		{"resnet110", cifar, counts{1_727_962, 1_719_216, 4048, 252_887_680}},
		{"resnet110", with(networks.OptionB), counts{1_730_714, 1_721_776, 4144, 253_149_824}},
		{"preresnet20", cifar, counts{269_722, 267_696, 688, 40_551_040}},
		{"preresnet20", with(networks.OptionB), counts{272_282, 270_256, 688, 40_813_184}},
		{"preresnet18", cifar, counts{11_687_848, 11_166_912, 3968, 1_814_073_344}},
		{"resnet18", cifar, counts{11_689_512, 11_166_912, 4800, 1_814_073_344}},
		{"resnet18", networks.Options{Block: networks.BiReal, Shortcut: networks.PoolConv}, counts{11_689_512, 11_166_912, 4800, 1_814_073_344}},
		{"resnet34", cifar, counts{21_797_672, 21_267_648, 8512, 3_663_761_408}},
		{"resnet50", cifar, counts{25_557_032, 23_454_912, 26_560, 4_089_184_256}},
		{"resnet50_v1", cifar, counts{25_557_032, 23_454_912, 26_560, 3_857_973_248}},
		{"resnet18_cifar", cifar, counts{11_173_962, 11_159_232, 4800, 555_422_720}},
		{"vgg_small", cifar, counts{4_660_106, 4_574_592, 1792, 607_600_640}},
		{"vgg7", cifar, counts{12_978_058, 4_574_592, 1792, 615_917_568}},
		{"convnet", cifar, counts{14_029_706, 4_574_592, 3840, 616_966_144}},
		{"vgg11_bn", cifar, counts{132_868_840, 9_217_728, 2752, 7_609_090_048}},
		{"vgg16_bn", cifar, counts{138_365_992, 14_710_464, 4224, 15_470_264_320}},
		{"alexnet_bn", cifar, counts{62_396_104, 3_745_824, 9568, 1_135_256_096}},
		{"alexnet_bn", networks.Options{Form: networks.DoReFa, Input: networks.Shape{H: 224, W: 224, C: 3}}, counts{60_985_320, 2_339_328, 9472, 1_937_082_368}},
		{"mobilenet_v1", cifar, counts{4_231_976, 3_185_088, 10_944, 568_740_352}},
		{"mobilenet_v1", networks.Options{Form: networks.MLPerfTiny, Input: networks.Shape{H: 96, W: 96, C: 3}, Classes: 2, Width: 0.25}, counts{221_794 - 2*2736, 207_600, 2736, 7_489_664}},
		{"mobilenet_v2", cifar, counts{3_504_872, 2_189_760, 17_056, 300_774_272}},
		{"mobilenet_v2", width(0.25), counts{1_519_112, 227_456, 5328, 37_201_312}},
		{"mobilenet_v2", width(0.5), counts{1_968_680, 669_136, 9272, 97_131_840}},
		{"mobilenet_v2", width(0.75), counts{2_636_424, 1_328_784, 13_320, 209_069_792}},
		{"mobilenet_v2", width(1.4), counts{6_108_776, 4_267_840, 23_968, 582_195_824}},
		{"ds_cnn", cifar, counts{24_908 - 2*576, 21_248, 576, 2_656_768}},
		{"squeezenet1_1", cifar, counts{1_235_496, 1_231_552, 0, 349_151_936}},
	} {
		if got := countsOf(t, build(t, c.name, c.o)); got != c.want {
			t.Errorf("%s, %+v: %+v; want %+v", c.name, c.o, got, c.want)
		}
	}
}

// BitOps and sizes of HAWQ's model zoo (https://github.com/Zhen-Dong/HAWQ, model_zoo.md), whose sizes are those of what is
// learned: in G and MiB, the first convolution and the last layer with ends bits.
func TestHAWQ(t *testing.T) {
	for _, c := range []struct {
		name            string
		bits, ends      int
		bitOps, size    string
		published, mega string // as printed there
	}{
		{"resnet18", 32, 32, "1857.6", "44.59", "1858", "44.6"},
		{"resnet18", 8, 8, "116.1", "11.15", "116", "11.1"},
		{"resnet18", 4, 8, "34.7", "5.82", "34", "5.8"},
		{"resnet50_v1", 32, 32, "3950.6", "97.49", "3951", "97.8"},
		{"resnet50_v1", 8, 8, "246.9", "24.37", "247", "24.5"},
		{"resnet50_v1", 4, 8, "67.5", "13.17", "67", "13.1"},
	} {
		rows, err := build(t, c.name, networks.Options{}).Table()
		if err != nil {
			t.Fatal(err)
		}
		var bitOps, size int64
		for i, r := range rows {
			bits := c.bits
			if i == 0 || i == len(rows)-1 {
				bits = c.ends
			}
			bitOps += r.BitOps(bits, bits)
			size += int64(r.Params) * int64(bits)
		}
		if got := fmt.Sprintf("%.1f", float64(bitOps)/1e9); got != c.bitOps {
			t.Errorf("%s at %d bits: %s G BitOps; want %s (published as %s)", c.name, c.bits, got, c.bitOps, c.published)
		}
		if got := fmt.Sprintf("%.2f", float64(size)/8/(1<<20)); got != c.size {
			t.Errorf("%s at %d bits: %s MiB; want %s (published as %s)", c.name, c.bits, got, c.size, c.mega)
		}
	}
}

// Arrays have the names, the lengths and the order of those of torchvision's state dicts, num_batches_tracked left out: the
// digest is of a line "name length" for each.
func TestNames(t *testing.T) {
	for _, c := range []struct{ arch, first, last, sum string }{
		{"resnet18", "conv1.weight", "fc.bias", "0dc5ab45220395ac"},
		{"resnet34", "conv1.weight", "fc.bias", "3b4358caf6dbd45d"},
		{"resnet50", "conv1.weight", "fc.bias", "a823655127940600"},
		{"mobilenet_v2", "features.0.0.weight", "classifier.1.bias", "a2f26d72e2e9d98d"},
		{"vgg11_bn", "features.0.weight", "classifier.6.bias", "30c1fee9c457037b"},
		{"vgg16_bn", "features.0.weight", "classifier.6.bias", "385d6ad509650eeb"},
		{"squeezenet1_1", "features.0.weight", "classifier.1.bias", "eff4f9057e51a9b9"},
	} {
		n := build(t, c.arch, networks.Options{})
		shapes, err := n.Shapes()
		if err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		var names []string
		for _, node := range n.Nodes {
			var in []networks.Shape
			for _, from := range node.Inputs {
				in = append(in, shapes[from])
			}
			for _, a := range node.Op.Arrays(in) {
				names = append(names, node.Name+"."+a.Name)
				fmt.Fprintf(h, "%s.%s %d\n", node.Name, a.Name, a.Len())
			}
		}
		if got := fmt.Sprintf("%x", h.Sum(nil)[:8]); got != c.sum || names[0] != c.first || names[len(names)-1] != c.last {
			t.Errorf("%s: %s to %s, digest %s; want %s to %s, %s:\n%s", c.arch, names[0], names[len(names)-1], got, c.first, c.last, c.sum, strings.Join(names, "\n"))
		}
	}
}

// Keras's forms have their batch norm, biases and padding; LQ-Nets' networks pool before batch norm.
func TestForms(t *testing.T) {
	keras := networks.BatchNorm{Eps: 1e-3, Momentum: 0.01}
	for _, name := range []string{"resnet8", "mobilenet_v1", "ds_cnn"} {
		for _, node := range build(t, name, networks.Options{Form: networks.MLPerfTiny}).Nodes {
			switch op := node.Op.(type) {
			case networks.BatchNorm:
				if op != keras {
					t.Errorf("%s %s: %+v, want %+v", name, node.Name, op, keras)
				}
			case networks.Conv:
				if p := op.Pad; !op.Bias || p.Bottom < p.Top || p.Right < p.Left {
					t.Errorf("%s %s: %+v, want a bias, and no more padding at the beginning than at the end", name, node.Name, op)
				}
			}
		}
		for _, node := range build(t, name, networks.Options{Form: networks.TorchForm}).Nodes {
			if op, ok := node.Op.(networks.Conv); ok && (op.Bias || op.Pad.Top != op.Pad.Bottom) {
				t.Errorf("%s %s: %+v, want no bias and the same padding on all sides", name, node.Name, op)
			}
		}
	}
	for _, node := range build(t, "alexnet_bn", networks.Options{Form: networks.DoReFa, Input: networks.Shape{H: 224, W: 224, C: 3}}).Nodes {
		if op, ok := node.Op.(networks.BatchNorm); ok && op != (networks.BatchNorm{Eps: 1e-4, Momentum: 0.1}) {
			t.Errorf("%s: %+v, want tensorpack's eps of 1e-4", node.Name, op)
		}
	}
	for name, want := range map[string]string{"vgg_small": "conv1 pool1 bn1 relu1", "vgg7": "conv1 bn1 relu1 pool1", "convnet": "conv1 pool1 bn1 relu1", "alexnet_bn": "conv1 pool1 bn1 relu1"} {
		var names []string
		for _, node := range build(t, name, networks.Options{}).Nodes {
			names = append(names, node.Name)
		}
		if all := strings.Join(names, " "); !strings.Contains(all, want) {
			t.Errorf("%s: %s; want %s in it", name, all, want)
		}
	}
}

// Where the size changes, the shortcut of pre-activation networks reads what their branch reads, else the stream.
func TestPreActivation(t *testing.T) {
	for _, s := range []networks.Projection{networks.OptionA, networks.OptionB} {
		n := build(t, "preresnet20", networks.Options{Shortcut: s})
		projection := map[networks.Projection]string{networks.OptionA: "layer2.0.shortcut", networks.OptionB: "layer2.0.shortcut.0"}[s]
		if from := n.Node(projection).Inputs[0]; from != "layer2.0.relu1" {
			t.Errorf("%s reads %s, want layer2.0.relu1", projection, from)
		}
		if in := n.Node("layer2.0.add").Inputs; in[1] != projection {
			t.Errorf("layer2.0.add reads %v, want %s", in, projection)
		}
		if in := n.Node("layer1.1.add").Inputs; in[1] != "layer1.0.add" {
			t.Errorf("layer1.1.add reads %v, want layer1.0.add", in)
		}
	}
}

// A shortcut of pooling and a convolution halves odd sizes as the block's convolution does.
func TestOddPooling(t *testing.T) {
	build(t, "resnet20", networks.Options{Shortcut: networks.PoolConv, Input: networks.Shape{H: 33, W: 27, C: 3}})
}

// Every network is that of its input, which a test of another size shows; a head reads the pixels that there are.
func TestSizes(t *testing.T) {
	for _, a := range networks.Archs() {
		size := networks.Shape{H: 64, W: 96, C: 3}
		if a.Name == "alexnet_bn" {
			size.H = 96
		}
		for _, o := range []networks.Options{{}, {Classes: 2}, {Input: a.Input}, {Input: networks.Shape{H: 1, W: 1, C: 1}, Classes: -1}} {
			if _, err := networks.Build(a.Name, o); err == nil || !strings.HasPrefix(err.Error(), a.Name+": ") {
				t.Errorf("%s of %+v: %v", a.Name, o, err)
			}
		}
		n, err := networks.Build(a.Name, networks.Options{Input: size, Classes: 7})
		if err != nil {
			t.Errorf("%s at %v: %v", a.Name, size, err)
			continue
		}
		shapes, err := n.Shapes()
		if last := n.Nodes[len(n.Nodes)-1].Name; err != nil || shapes[last] != (networks.Shape{H: 1, W: 1, C: 7}) {
			t.Errorf("%s at %v: logits %v, error %v; want 1x1x7", a.Name, size, shapes[last], err)
		}
		if a.Doc == "" || a.Input.Len() == 0 || a.Classes == 0 {
			t.Errorf("%s: doc %q, input %v, %d classes; want all", a.Name, a.Doc, a.Input, a.Classes)
		}
	}
}

// Weights start as in torchvision's networks: its source of 0.14.1.
func TestStarts(t *testing.T) {
	for name, last := range map[string]networks.Start{"squeezenet1_1": networks.Normal, "vgg11_bn": networks.Normal, "mobilenet_v2": networks.Normal, "resnet18": networks.Uniform} {
		n, err := networks.Build(name, networks.Options{Input: networks.Shape{H: 224, W: 224, C: 3}, Classes: 1000})
		if err != nil {
			t.Fatal(err)
		}
		weighted := n.Weighted()
		for i, node := range weighted {
			want := map[bool]networks.Start{false: networks.He, true: networks.HeUniform}[name == "squeezenet1_1"]
			if node.Op.Kind() == (networks.Linear{}).Kind() || i == len(weighted)-1 {
				want = last
			}
			if got := node.Op.Arrays([]networks.Shape{{H: 1, W: 1, C: 4608}})[0].Start; got != want {
				t.Errorf("%s: %s starts %s, want %s", name, node.Name, got, want)
			}
		}
	}
	n := &networks.Network{Input: networks.Shape{H: 2, W: 2, C: 3}}
	n.Add("c", networks.Conv{Out: 4, Window: networks.Square(1, 1, 0), Start: networks.Zeros}, networks.Input)
	if _, err := n.Shapes(); err == nil || !strings.Contains(err.Error(), `c: start is "zeros"; expected one of ["he"`) {
		t.Errorf("weights that start from zeros: %v", err)
	}
}
