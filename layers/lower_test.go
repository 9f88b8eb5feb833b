package layers

import (
	"errors"
	"slices"
	"testing"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/threads"
)

// The evaluation in the graph is integer arithmetic: its logits are those of the integer network, bit for bit.
func TestIntegerNetworkAgreesWithSimulation(t *testing.T) {
	for _, overrides := range [][]string{
		{"quant.weights.bits=8", "quant.activations.bits=8"},
		{},
		{"quant.weights.bits=2", "quant.activations.bits=2"},
		{"quant.weights.granularity=per_channel"},
		{"quant.weights.narrow=true", "quant.activations.narrow=true", "quant.residual=3"},
		{"quant.activations.estimator=affine"},
		{"quant.activations={estimator: lsq_plus, bits: 4, options: {zero_point: 1}}", "quant.layers[conv1|linear]={activations: {estimator: lsq, options: {}}}"},
		{"quant.activations={estimator: dsq, bits: 3, options: {zero_point: 1}}", "quant.layers[conv1|linear]={activations: {estimator: lsq, options: {}}}"},
		{"quant.activations={estimator: lsq, bits: 4, ste: ewgs, signed: true}"},
		{"quant.activations={estimator: stochastic, bits: 4}"},
		{"quant.first_last=same", "quant.residual=4"},
	} {
		net := calibrated(t, "resnet20_w4a4", overrides...)
		// A negative, a zero and a tiny gamma take the special paths of folding.
		gamma := net.layer("layer1.0.bn1").norm.Gamma.Data()
		gamma[0], gamma[1], gamma[2] = -1, 0, 1e-30
		net.layer("layer1.0.bn1").norm.Beta.Data()[1] = 0.5
		agree(t, net, 20, 30, overrides)
	}
}

// agree lets the running statistics settle, on n pictures, and compares the logits of the simulation and of the integer
// network.
func agree(t *testing.T, net *Network, n, settle int, overrides []string) {
	t.Helper()
	pool := kernels.NewPool(2)
	defer pool.Close()
	c := NewContext((*threads.Pool)(pool), true)
	x, _ := batch(n)
	logits, err := net.Build(c, x)
	if err != nil {
		t.Fatal(err)
	}
	m, err := machine.New(pool, machine.Options{}, logits)
	if err != nil {
		t.Fatal(err)
	}
	for range settle {
		if err := m.RunAll(); err != nil {
			t.Fatal(err)
		}
		c.Commit()
	}
	e := NewContext((*threads.Pool)(pool), false)
	if logits, err = net.Build(e, x); err != nil {
		t.Fatal(err)
	}
	if m, err = machine.New(pool, machine.Options{Poison: true}, logits); err != nil {
		t.Fatal(err)
	}
	if err := m.RunAll(); err != nil {
		t.Fatal(err)
	}
	lowered, err := net.Lower("test")
	if err != nil {
		t.Fatal(err)
	}
	r, err := integer.NewRunner(lowered, (*threads.Pool)(pool), n)
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Run(x.Float32s(), n)
	if err != nil {
		t.Fatal(err)
	}
	want := logits.Value().(*tensor.Dense).Float32s()
	if !slices.Equal(want, got) || slices.Max(want)-slices.Min(want) < 0.01 {
		t.Errorf("%v:\nsimulated %v\ninteger   %v", overrides, want[:10], got[:10])
	}
}

// Without weights the logits are the biases, rounded to the grid of the sums: the same bits in the simulation and in the
// integer network, and not the biases as they are.
func TestHeadBiasIsRounded(t *testing.T) {
	net := calibrated(t, "resnet20_w4a4", "quant.first_last=4")
	head := net.layer("linear")
	clear(head.weight().Data())
	for o := range head.bias().Data() {
		head.bias().Data()[o] = 0.1 * float32(o-3)
	}
	pool := kernels.NewPool(1)
	defer pool.Close()
	x, _ := batch(1)
	logits, err := net.Build(NewContext((*threads.Pool)(pool), false), x)
	if err != nil {
		t.Fatal(err)
	}
	m, err := machine.New(pool, machine.Options{}, logits)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.RunAll(); err != nil {
		t.Fatal(err)
	}
	lowered, err := net.Lower("test")
	if err != nil {
		t.Fatal(err)
	}
	r, err := integer.NewRunner(lowered, (*threads.Pool)(pool), 1)
	if err != nil {
		t.Fatal(err)
	}
	want, err := r.Run(x.Float32s(), 1)
	if err != nil {
		t.Fatal(err)
	}
	got := logits.Value().(*tensor.Dense).Float32s()
	if !slices.Equal(got, want) {
		t.Errorf("simulated %v\ninteger   %v", got, want)
	}
	if slices.Equal(got, head.bias().Data()) {
		t.Error("no bias was rounded")
	}
}

func TestLowerRefusesFloatLayers(t *testing.T) {
	for override, want := range map[string]string{
		"quant.first_last=fp":                              "conv1, linear cannot run in integers: weights and input are left in floating point (bits: fp)",
		"quant.residual=fp":                                "conv1, layer1.0, layer1.1 and 7 more cannot run in integers: the residual stream is left in floating point (quant.residual: fp)",
		"quant.layers[layer2.1.conv2].weights.bits=fp":     "layer2.1.conv2 cannot run in integers: the weights are left in floating point (bits: fp)",
		"quant.layers[layer2.1.conv2].activations.bits=fp": "layer2.1.conv2 cannot run in integers: the input is left in floating point (bits: fp)",
	} {
		net := testNetwork(t, "resnet20_w4a4", override)
		for _, q := range net.Quantizers {
			q.Scale.Data()[0] = 0.1
		}
		_, err := net.Lower("test")
		var e *NotIntegerError
		if !errors.As(err, &e) || err.Error() != want {
			t.Errorf("%s: %v, want a NotIntegerError %s", override, err, want)
		}
	}
	var e *NotIntegerError
	if _, err := testNetwork(t, "resnet20_w4a4").Lower("test"); !errors.As(err, &e) {
		t.Errorf("before calibration: %v, want a NotIntegerError", err)
	}
}

func TestNetworkDescription(t *testing.T) {
	net := testNetwork(t, "resnet20_w4a4")
	// He et al. 2015, table 6: 0.27 M parameters; the exact count is that of
	// github.com/akamaster/pytorch_resnet_cifar10.
	if got := net.ParamCount(); got != 269_722 {
		t.Errorf("%d parameters, want 269722", got)
	}
	rows := net.Table()
	if len(rows) != 20 || rows[0].WeightBits != 8 || rows[0].InputBits != 8 || rows[1].WeightBits != 4 || rows[19].Kind != "linear" || rows[19].WeightBits != 8 {
		t.Errorf("unexpected table: %+v", rows)
	}
	// 16 channels at 32 x 32 with 3 x 3 kernels: 2,359,296 MACs by hand.
	if r := rows[1]; r.MACs != 2_359_296 || r.BitOps != 16*2_359_296 {
		t.Errorf("%s: %d MACs, %d BitOps", r.Name, r.MACs, r.BitOps)
	}
	if want := must(configs.Load("resnet20_w4a4", nil)).LayerNames(); !slices.Equal(net.LayerNames(), want) {
		t.Errorf("layers %v, in configs %v", net.LayerNames(), want)
	}
}

// Files hold OIHW, memory HWIO.
func TestFileOrder(t *testing.T) {
	p := newLearned("w", networks.WeightsGroup, 2, 2, 3, 5) // H W I O
	for i := range p.Data() {
		p.Data()[i] = float32(i)
	}
	file := p.ToFile(p.Data())
	// Element (o=4, i=2, h=1, w=0) by hand.
	if got, want := file[((4*3+2)*2+1)*2+0], p.Data()[((1*2+0)*3+2)*5+4]; got != want {
		t.Errorf("%v, want %v", got, want)
	}
	back := make([]float32, len(file))
	if err := p.FromFile(back, file); err != nil {
		t.Fatal(err)
	}
	for i, v := range back {
		if v != p.Data()[i] {
			t.Fatalf("element %d comes back as %v", i, v)
		}
	}
	if err := p.FromFile(back, file[1:]); err == nil {
		t.Error("a short array is accepted")
	}
}

// Nodes have the names that they like but for those that files have for something else, and two sums whose names differ by
// ".add" alone are two layers.
func TestNamesOfNodes(t *testing.T) {
	build := func(conv, sum string) (*Network, error) {
		n := &networks.Network{Input: zoo("").Input}
		x := n.Add("first", networks.Conv{Out: 4, Window: networks.Square(3, 2, 1)}, networks.Input)
		y := n.Add(conv, networks.Conv{Out: 4, Window: networks.Square(3, 1, 1)}, x)
		x = n.Add("s", networks.Add{}, n.Add(sum, networks.Add{}, y, x), y)
		n.Add("linear", networks.Linear{Out: 10}, n.Add("mean", networks.GlobalAveragePool{}, x))
		cfg, err := configs.Load("resnet20_w4a4", nil)
		if err != nil {
			t.Fatal(err)
		}
		return New(n, &cfg.Quant, testInput, 1)
	}
	for _, name := range []string{"velocity.conv", "average.conv", "tensors", "linear.input", "first.output"} {
		var e *NameError
		if _, err := build(name, "sum"); !errors.As(err, &e) || e.Node != name {
			t.Errorf("%s: %v; want an error of the name", name, err)
		}
	}
	net, err := build("first.weight", "s.add")
	if err != nil {
		t.Fatal(err)
	}
	calibrateNetwork(t, net)
	agree(t, net, 2, 2, []string{"s and s.add"})
}
