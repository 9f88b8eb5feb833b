package quantize_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/networks/networkstest"
	"github.com/qat-go/qat/quantize"
)

func place(t testing.TB, block networks.Block, overrides ...string) []quantize.Site {
	t.Helper()
	cfg, err := configs.Load("resnet20_w4a4", overrides)
	if err != nil {
		t.Fatal(err)
	}
	if block != networks.Basic {
		cfg.Quant.Residual = 8 // and still, sums of real values get no quantizer
	}
	n, err := networks.Build("resnet20", networks.Options{Input: networks.Shape{H: 32, W: 32, C: 3}, Classes: 10, Block: block})
	if err != nil {
		t.Fatal(err)
	}
	sites, err := quantize.Place(n, &cfg.Quant)
	if err != nil {
		t.Fatal(err)
	}
	return sites
}

// row is a site in short: its tensor, bits, s for signed, the channels, and picture.
func row(s quantize.Site) string {
	r := fmt.Sprintf("%s %v", s.Name, s.Spec.Bits)
	if s.Signed {
		r += "s"
	}
	if r += fmt.Sprint(" ", s.Channels); s.Picture {
		r += " picture"
	}
	return r
}

// The first sites of each kind of network, in order, and the last.
func TestPlace(t *testing.T) {
	for _, c := range []struct {
		block     networks.Block
		overrides []string
		first     string
		count     int
		last      string
	}{
		{networks.Basic, nil, "conv1.input 8 3 picture, conv1.weight 8s 16, conv1.output 8 16, layer1.0.conv1.input 4 16, layer1.0.conv1.weight 4s 16, " +
			"layer1.0.conv2.input 4 16, layer1.0.conv2.weight 4s 16, layer1.0.branch 8s 16, layer1.0.output 8 16", 2*20 + 19, "linear.weight 8s 10"},
		{networks.Basic, []string{"quant.residual=fp", "quant.first_last=fp"}, "layer1.0.conv1.input 4 16, layer1.0.conv1.weight 4s 16", 2 * 18, "layer3.2.conv2.weight 4s 64"},
		{networks.Basic, []string{"quant.activations.estimator=affine"}, "conv1.input 8 3 picture, conv1.weight 8s 16, conv1.output 8 16, layer1.0.conv1.input 4 16, layer1.0.conv1.weight 4s 16, " +
			"layer1.0.conv2.input 4 16, layer1.0.conv2.weight 4s 16, layer1.0.branch 8 16", 2*20 + 19, "linear.weight 8s 10"}, // affine has a zero point, not a sign
		{networks.Basic, []string{"quant.activations.signed=false"}, "conv1.input 8 3 picture, conv1.weight 8s 16, conv1.output 8 16, layer1.0.conv1.input 4 16, layer1.0.conv1.weight 4s 16, " +
			"layer1.0.conv2.input 4 16, layer1.0.conv2.weight 4s 16, layer1.0.branch 8s 16", 2*20 + 19, "linear.weight 8s 10"}, // of sums both signs come, whatever activations are said to be
		{networks.BiReal, []string{"model.block=bireal", "quant.residual=fp"}, "conv1.input 8 3 picture, conv1.weight 8s 16, layer1.0.conv1.input 4s 16, layer1.0.conv1.weight 4s 16", 2 * 20, "linear.weight 8s 10"},
	} {
		var rows []string
		for _, s := range place(t, c.block, c.overrides...) {
			rows = append(rows, row(s))
		}
		if all := strings.Join(rows, ", "); !strings.HasPrefix(all, c.first) || len(rows) != c.count || rows[len(rows)-1] != c.last {
			t.Errorf("%s %v: %d sites, the last %s:\n%s\nwant %d, %s, first\n%s", c.block, c.overrides, len(rows), rows[len(rows)-1], all, c.count, c.last, c.first)
		}
	}
}

// Where the size of a stream changes, the quantizer stands before the shortcut, which moves codes; what a stage's first
// block reads is that quantizer's.
func TestStream(t *testing.T) {
	node := map[string]string{}
	for _, s := range place(t, networks.Basic) {
		if s.Role == quantize.Output {
			node[s.Name] = s.Node
		}
	}
	for name, want := range map[string]string{"conv1.output": "relu", "layer1.2.output": "layer1.2.relu2", "layer2.0.branch": "layer2.0.bn2", "layer2.0.output": "layer2.0.relu2"} {
		if node[name] != want {
			t.Errorf("%s is what %q gives, want %q", name, node[name], want)
		}
	}
	if len(node) != 19 {
		t.Errorf("%d quantizers of the stream, want 19: %v", len(node), node)
	}
}

// A sign follows from what comes before: not from the name of a block.
func TestSigns(t *testing.T) {
	n := &networks.Network{Input: networks.Shape{H: 4, W: 4, C: 2}}
	conv := networks.Conv{Out: 2, Window: networks.Square(1, 1, 0)}
	x := n.Add("a", conv, networks.Input)
	x = n.Add("b", conv, x)
	x = n.Add("relu", networks.ReLU{}, x)
	y := n.Add("c", conv, x)
	x = n.Add("sum", networks.Add{}, x, n.Add("relu2", networks.ReLU{}, y)) // not negative either
	x = n.Add("d", conv, x)
	n.Add("linear", networks.Linear{Out: 3}, n.Add("pool", networks.GlobalAveragePool{}, x))
	q := &configs.Quant{Residual: 8, FirstLast: configs.Same}
	for _, s := range []*configs.TensorSpec{&q.Weights, &q.Activations} {
		s.Bits, s.Estimator, s.Signed = 4, configs.LSQ, configs.SignedAuto
	}
	sites, err := quantize.Place(n, q)
	if err != nil {
		t.Fatal(err)
	}
	signed := map[string]bool{}
	for _, s := range sites {
		signed[s.Name] = s.Signed
	}
	for name, want := range map[string]bool{"a.input": false, "b.input": true, "c.input": false, "d.input": false, "linear.input": true,
		"sum.branch": false, "c.output": false, "sum.output": false} {
		if got, ok := signed[name]; !ok || got != want {
			t.Errorf("%s: signed %v (%v), want %v", name, got, ok, want)
		}
	}
}

func Example() {
	cfg, err := configs.Load("resnet20_w4a4", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	n, err := networks.Build("resnet20", networks.Options{Input: networks.Shape{H: 32, W: 32, C: 3}, Classes: 10})
	if err != nil {
		fmt.Println(err)
		return
	}
	sites, err := quantize.Place(n, &cfg.Quant)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range sites[:4] {
		fmt.Println(s.Name, s.Spec.Estimator, s.Spec.Bits, s.Signed)
	}
	// Output:
	// conv1.input affine 8 false
	// conv1.weight lsq 8 true
	// conv1.output lsq 8 false
	// layer1.0.conv1.input lsq 4 false
}

// Max pooling passes codes and signs on: the quantizer of a stream stands before it, that of a convolution's input after it,
// and what follows a ReLU stays without sign.
func TestMaxPool(t *testing.T) {
	cfg, err := configs.Load("resnet20_w4a4", nil)
	if err != nil {
		t.Fatal(err)
	}
	sites, err := quantize.Place(networkstest.Pooled(networks.Shape{H: 32, W: 32, C: 3}, 10), &cfg.Quant)
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, s := range sites {
		if s.Role != quantize.Weights {
			rows = append(rows, s.Node+": "+row(s))
		}
	}
	want := "conv1: conv1.input 8 3 picture, relu1: conv1.output 8 16, conv2: conv2.input 4 16, conv3: conv3.input 4 16, bn3: block.branch 8s 16, " +
		"relu3: block.output 8 16, conv4: conv4.input 4 16, conv5: conv5.input 4 24, linear: linear.input 8 32"
	if got := strings.Join(rows, ", "); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// built makes a network of NAME:OPERATION:INPUTS.
func built(text string) func(networks.Shape, int) *networks.Network {
	ops := map[string]networks.Op{"conv": networks.Conv{Out: 2, Window: networks.Square(1, 1, 0)}, "bn": networks.BatchNorm{Eps: 1e-5, Momentum: 0.1},
		"relu": networks.ReLU{}, "relu6": networks.ReLU6{}, "leaky": networks.LeakyReLU{Slope: 0.1}, "drop": networks.Dropout{Rate: 0.5}, "mean": networks.GlobalAveragePool{}, "add": networks.Add{}}
	return func(in networks.Shape, _ int) *networks.Network {
		n := &networks.Network{Input: in}
		for _, node := range strings.Fields(text) {
			part := strings.Split(node, ":")
			n.Add(part[0], ops[part[1]], strings.Split(part[2], ",")...)
		}
		return n
	}
}

// What only moves the images' values keeps their range: the first layer behind it has the images' codes, and the bits of the
// first. Dropout changes values.
func TestImagesAreMoved(t *testing.T) {
	cfg, err := configs.Load("resnet20_w4a4", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		op   networks.Op
		want string
	}{
		{networks.Flatten{}, "first.input 8 192 picture"}, {networks.MaxPool{Window: networks.Square(8, 1, 0)}, "first.input 8 3 picture"},
		{networks.Dropout{Rate: 0.5}, "first.input 8s 3"},
	} {
		n := &networks.Network{Input: networks.Shape{H: 8, W: 8, C: 3}}
		x := n.Add("first", networks.Conv{Out: 4, Window: networks.Square(1, 1, 0)}, n.Add("moved", c.op, networks.Input))
		n.Add("last", networks.Conv{Out: 4, Window: networks.Square(1, 1, 0)}, x)
		sites, err := quantize.Place(n, &cfg.Quant)
		if err != nil {
			t.Fatal(err)
		}
		if got := row(sites[0]); got != c.want {
			t.Errorf("behind %s: %s, want %s", c.op.Kind(), got, c.want)
		}
	}
}

// What is computed from codes has a quantizer before it, one for all that read a tensor, and concatenations one behind them;
// sums of real values have none.
func TestCodesAreRead(t *testing.T) {
	cfg, err := configs.Load("resnet20_w4a4", nil)
	if err != nil {
		t.Fatal(err)
	}
	outputs := func(n *networks.Network) string {
		t.Helper()
		sites, err := quantize.Place(n, &cfg.Quant)
		if err != nil {
			t.Fatal(err)
		}
		var rows []string
		for _, s := range sites {
			if s.Role == quantize.Output {
				rows = append(rows, s.Node+": "+row(s))
			}
		}
		return strings.Join(rows, ", ")
	}
	in := networks.Shape{H: 32, W: 32, C: 3}
	for _, c := range []struct {
		build func(networks.Shape, int) *networks.Network
		want  string
	}{
		{networkstest.Plain, ""},
		{networkstest.Joined, "a.squeeze.relu: a.squeeze.output 8 8, b.squeeze.relu: b.squeeze.output 8 8, b.concat: b.expand1.output 8 24, " +
			"c.conv3.bn: c.branch 8s 16, c.conv1.bn: c.conv1.output 8s 16, c.relu: c.output 8 16, d.relu: d.output 8 20"},
		{networkstest.Leaky, "bn1: conv1.output 8s 12, conv2: conv2.codes 8s 16, relu2: conv2.output 8 16, conv3: conv3.output 8s 16, bn4: block.branch 8s 16, " +
			"block.add: block.output 8s 16, prelu4: conv4.output 8s 16, conv5: add5.branch 8s 16, add5: add5.output 8s 16, relu5: conv5.output 8 16"},
		{networkstest.Averaged, "conv1.relu: conv1.output 8 12, conv2.relu: conv2.output 8 16, pool2: pool2.output 8 16, conv3.relu: conv3.output 8 10, average_pool: average_pool.output 8 10"},
		// who else reads a convolution or a sum makes what follows it no part of it, and a second batch norm is none
		{built("a:conv:input b:conv:a sum:add:b,a relu:relu:sum c:conv:relu d:conv:sum e:add:c,d"), "a: a.output 8s 2, b: sum.branch 8s 2, sum: sum.output 8s 2, c: e.branch 8s 2, d: d.output 8s 2, e: e.output 8s 2"},
		{built("a:conv:input bn:bn:a leaky:leaky:bn b:conv:leaky c:conv:a sum:add:b,c"), "a: a.output 8s 2, b: sum.branch 8s 2, c: c.output 8s 2, sum: sum.output 8s 2"},
		// ReLU is part of a sum; ReLU6 is a function of its codes
		{built("a:conv:input b:conv:a sum:add:b,a relu:relu:sum c:conv:relu"), "a: a.output 8s 2, b: sum.branch 8s 2, relu: sum.output 8 2, c: c.output 8s 2"},
		{built("a:conv:input b:conv:a sum:add:b,a six:relu6:sum c:conv:six"), "a: a.output 8s 2, b: sum.branch 8s 2, sum: b.output 8s 2, six: sum.output 8 2, c: c.output 8s 2"},
		// what dropout gives is read as codes from before it
		{built("a:conv:input relu:relu:a drop:drop:relu mean:mean:drop last:conv:mean"), "relu: a.output 8 2, last: last.output 8s 2"},
		{built("a:conv:input bn:bn:a bn2:bn:bn"), "bn: a.output 8s 2, bn2: bn2.output 8s 2"},
	} {
		if got := outputs(c.build(in, 10)); got != c.want {
			t.Errorf("%s\nwant %s", got, c.want)
		}
	}
	cfg.Quant.Concat = configs.ConcatRequantize
	if got, want := outputs(networkstest.Joined(in, 10)), "a.squeeze.relu: a.squeeze.output 8 8, a.expand1.relu: a.expand1.output 8 12, a.expand3.relu: a.expand3.output 8 10, "+
		"b.squeeze.relu: b.squeeze.output 8 8, b.expand1.relu: b.expand1.output 8 9, b.expand3.relu: b.expand3.output 8 7, b.concat: b.concat.output 8 24, "+
		"c.conv3.bn: c.branch 8s 16, c.conv1.bn: c.conv1.output 8s 16, c.relu: c.output 8 16, d.relu: d.output 8 20"; got != want {
		t.Errorf("with quant.concat: requantize: %s\nwant %s", got, want)
	}
	cfg.Quant.Residual = configs.FP
	if got := outputs(networkstest.Leaky(in, 10)); got != "" {
		t.Errorf("with quant.residual: fp: %s", got)
	}
}
