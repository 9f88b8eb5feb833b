package sensitivity_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/sensitivity"
	"github.com/qat-go/qat/train"
)

// lossesOf is a table of random losses of a config's layers, which fall by about four with each bit, and the config's model.
func lossesOf(t testing.TB, seed uint64, config string, overrides ...string) (*configs.Config, *train.Model, *sensitivity.Table) {
	t.Helper()
	cfg := load(t, config, overrides...)
	m, table := lossesFor(t, seed, cfg)
	return cfg, m, table
}

func load(t testing.TB, config string, overrides ...string) *configs.Config {
	t.Helper()
	cfg, err := configs.Load(config, overrides)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func described(t testing.TB, cfg *configs.Config) *train.Model {
	t.Helper()
	m, err := train.Describe(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

func lossesFor(t testing.TB, seed uint64, cfg *configs.Config) (*train.Model, *sensitivity.Table) {
	t.Helper()
	m := described(t, cfg)
	rng := rand.New(rand.NewPCG(seed, 5))
	table := &sensitivity.Table{Method: "random"}
	for _, name := range m.Net.LayerNames() {
		l := sensitivity.Layer{Name: name}
		for _, losses := range []*[]sensitivity.Loss{&l.Weights, &l.Activations} {
			scale := math.Exp(rng.NormFloat64())
			for bits := 2; bits <= 8; bits++ {
				*losses = append(*losses, sensitivity.Loss{Bits: bits, Value: scale * math.Pow(4, -float64(bits))})
			}
		}
		table.Layers = append(table.Layers, l)
	}
	return m, table
}

func spaceOf(t testing.TB, cfg *configs.Config, m *train.Model, apart bool, widths ...int) *sensitivity.Space {
	t.Helper()
	s, err := sensitivity.NewSpace(cfg, m, widths, apart)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func allocated(t testing.TB, s *sensitivity.Space, table *sensitivity.Table, budget string) *sensitivity.Allocation {
	t.Helper()
	limits, err := sensitivity.ParseBudget(budget)
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.Allocate(context.Background(), table, limits, 1)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// reload writes the config of an allocation beside the one that it extends and reads it.
func reload(t testing.TB, s *sensitivity.Space, a *sensitivity.Allocation, cfg *configs.Config) *configs.Config {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "base.yaml"), cfg.YAML(), 0o666); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "mixed.yaml")
	if err := os.WriteFile(path, s.YAML(a, "mixed", "base.yaml"), 0o666); err != nil {
		t.Fatal(err)
	}
	read, err := configs.Load(path, nil)
	if err != nil {
		t.Fatalf("%v in\n%s", err, s.YAML(a, "mixed", "base.yaml"))
	}
	if err := s.Check(a, read); err != nil {
		t.Error(err)
	}
	return read
}

// The config of an allocation has exactly its widths and costs, and costs no more than the limits; peaks of memory are those of the
// integer network.
func TestAllocate(t *testing.T) {
	for name, tt := range map[string]struct {
		config    string
		overrides []string
		apart     bool
		budget    string
	}{
		"together":          {"quickstart", nil, false, "size=0.12MB,bitops=0.6G"},
		"apart":             {"quickstart", nil, true, "size=0.10MB,bitops=0.5G"},
		"memory":            {"plain_cnn_w4a4", nil, true, "size=60%,memory=50%"},
		"memory of a chain": {"quickstart", []string{"model.arch=mobilenet_v1", "model.init=random", "model.width=0.25"}, false, "size=0%,memory=100%"},
		"mean bits":         {"quickstart", []string{"quant.weights.granularity=per_channel"}, true, "mean_bits=3.5"},
		"rules":             {"quickstart", []string{"quant.layers[layer1.0.conv1].weights.bits=7", "quant.layers[layer2.*].weights={bits: 6, granularity: per_channel}"}, true, "size=30%"},
		"projections":       {"quickstart", []string{"model.shortcut=B"}, false, "size=40%"},
		"one reads floats":  {"quickstart", []string{"model.shortcut=B", "quant.layers[layer2.0.shortcut.0].activations.bits=fp"}, false, "size=40%"},
		"narrow residual":   {"quickstart", []string{"quant.residual=5"}, false, "memory=100%"},
		"depthwise":         {"quickstart", []string{"model.arch=ds_cnn", "data.dataset=random", "data.random={height: 49, width: 10, channels: 1}"}, true, "bitops=40%"},
		"float inputs":      {"quickstart", []string{"quant.activations.bits=fp", "quant.residual=fp"}, true, "size=0.11MB"},
		"some float":        {"quickstart", []string{"quant.layers[layer1.*].activations.bits=fp", "quant.layers[layer2.0.conv1].weights.bits=fp"}, false, "size=40%"},
		"first and last":    {"quickstart", []string{"quant.first_last=same", "quant.weights.bits=3"}, false, "size=50%"},
		"staircase":         {"quickstart", []string{"quant.activations={estimator: lq_nets, bits: 2}", "quant.weights.estimator=lq_nets"}, true, "size=50%"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, m, table := lossesOf(t, 1, tt.config, tt.overrides...)
			s := spaceOf(t, cfg, m, tt.apart, 2, 3, 4, 6, 8)
			a := allocated(t, s, table, tt.budget)
			if !a.Proven || a.Bound != a.Loss || len(a.Uniform) != 5 {
				t.Errorf("not proven, or without the networks of one width: %v", a)
			}
			read := reload(t, s, a, cfg)
			net, _, err := train.Outline(read)
			if err != nil {
				t.Fatal(err)
			}
			bits, ops, loss := int64(0), int64(0), 0.0
			for i, r := range net.Table() {
				bits, ops = bits+r.SizeBits, ops+r.BitOps
				l := a.Layers[i]
				loss += l.Loss
				row, _ := table.Layer(l.Name)
				want := 0.0
				if !l.Fixed {
					want = find(row.Weights, l.WeightBits).Value
					if l.ActivationBits < 32 {
						want += find(row.Activations, l.ActivationBits).Value
					}
				}
				if math.Abs(l.Loss-want) > 1e-12*want {
					t.Errorf("%+v; the table says %g", l, want)
				}
				if l.Name != r.Name || l.WeightBits != r.WeightBits || l.ActivationBits != r.InputBits || l.SizeBits != r.SizeBits || l.BitOps != r.BitOps {
					t.Errorf("%+v; the config gives %+v", l, r)
				}
			}
			if math.Abs(loss-a.Loss) > 1e-12*a.Loss {
				t.Errorf("layers lose %g, together %g", loss, a.Loss)
			}
			for _, x := range a.Spent {
				want := float64(bits)
				switch x.Cost {
				case sensitivity.BitOps:
					want = float64(ops)
				case sensitivity.Memory:
					n, err := train.Sketch(context.Background(), read, 1)
					if err != nil {
						t.Fatal(err)
					}
					want = float64(n.PeakBits())
				case sensitivity.MeanBits:
					want = meanBits(t, read, a)
				}
				if math.Abs(x.Amount-want) > 1e-9*want || x.Limit > 0 && x.Amount > x.Limit*(1+1e-9) {
					t.Errorf("%+v; the config costs %g", x, want)
				}
			}
		})
	}
}

// meanBits is the mean over the weights whose width is chosen.
func meanBits(t *testing.T, cfg *configs.Config, a *sensitivity.Allocation) float64 {
	t.Helper()
	n, err := cfg.Network()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := n.Table()
	if err != nil {
		t.Fatal(err)
	}
	bits, weights := 0, 0
	for i, r := range rows {
		if !a.Layers[i].Fixed {
			bits, weights = bits+r.Weights*a.Layers[i].WeightBits, weights+r.Weights
		}
	}
	return float64(bits) / float64(weights)
}

const pooled = `
model:
  network:
    nodes:
      - {name: first, conv: {out: 5, kernel: 3, pad: 1}}
      - {name: a, relu: }
      - {name: pool, max_pool: {kernel: 2, stride: 2}}
      - {name: pooled, conv: {out: 3, kernel: 3, pad: 1}, from: pool}
      - {name: strided, conv: {out: 3, kernel: 1, stride: 2}, from: a}
      - {name: sum, add: , from: [pooled, strided]}
      - relu
      - global_average_pool
      - {name: last, linear: {out: classes}}
data: {dataset: random, random: {height: 8, width: 8, classes: 3, images: 20, test_images: 8}}
train: {epochs: 1, batch: 4, lr: 0.1}
quant: {weights: {bits: 4}, activations: {bits: 4}, first_last: 3}
`

// Sizes of networks of one width are whole bytes, rounded up.
func TestSizeOfOneWidth(t *testing.T) {
	cfg, err := configs.Parse("pooled.yaml", []byte(pooled))
	if err != nil {
		t.Fatal(err)
	}
	m, table := lossesFor(t, 1, cfg)
	bits := 3*(5*27+5*27+15+9) + 64*(5+3+3+3) // of weights, biases and scales
	if u := allocated(t, spaceOf(t, cfg, m, false, 2, 3, 8), table, "size=25%").Uniform[1]; u.Weights != 3 || u.SizeBytes != int64(bits+7)/8 || bits%8 == 0 {
		t.Errorf("all at 3 bits have %+v; want %d bits", u, bits)
	}
}

// Patterns of the written config have no more bytes than one may, whatever the names of layers.
func TestLongNames(t *testing.T) {
	var nodes strings.Builder
	const layers = 48
	name := func(i int) string { return fmt.Sprintf("n%d%s", i, strings.Repeat("x", 95)) }
	for i := range layers {
		fmt.Fprintf(&nodes, "      - {name: %s, conv: {out: 2, kernel: 1}}\n      - relu\n", name(i))
	}
	cfg, err := configs.Parse("long.yaml", []byte(strings.Replace(pooled, pooled[strings.Index(pooled, "      - {name: first"):strings.Index(pooled, "      - global")], nodes.String(), 1)))
	if err != nil {
		t.Fatal(err)
	}
	m, table := lossesFor(t, 1, cfg)
	s := spaceOf(t, cfg, m, false, 2, 4)
	reload(t, s, allocated(t, s, table, "size=100%"), cfg)
}

// What cannot be is told: with the least of each cost, and the nearest.
func TestNoRoom(t *testing.T) {
	cfg, m, table := lossesOf(t, 1, "quickstart")
	s := spaceOf(t, cfg, m, false, 2, 4)
	for budget, want := range map[string]string{
		"size=0.05MB":              "no widths fit size=0.05MB: size is at least 0.07347 MB; want more, lower widths, or",
		"size=0.05MB,bitops=0.15G": "no widths fit size=0.05MB,bitops=150M: size is at least 0.07347 MB, and 0.07347 MB in the allocation that exceeds the limits least; bitops is at least 188.8 M, and 188.8 M in",
		"memory=1KiB":              "memory is at least",
		"mean_bits=1":              "mean_bits is at least 2",
	} {
		limits, err := sensitivity.ParseBudget(budget)
		if err != nil {
			t.Fatal(err)
		}
		var none *sensitivity.NoRoomError
		if _, err = s.Allocate(context.Background(), table, limits, 1); !errors.As(err, &none) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", budget, err, want)
		}
	}
	limits, _ := sensitivity.ParseBudget("size=0.07MB,bitops=1G") // the nearest uses what there is of the other
	var none *sensitivity.NoRoomError
	if _, err := spaceOf(t, cfg, m, true, 2, 4).Allocate(context.Background(), table, limits, 1); !errors.As(err, &none) || none.Nearest[1].Amount < 1.5*none.Least[1].Amount || none.Nearest[1].Amount > 1e9 {
		t.Errorf("%v; want the nearest with more BitOps than the least", err)
	}
	limits, _ = sensitivity.ParseBudget("memory=50%")
	cfg, m, table = lossesOf(t, 1, "quickstart", "quant.activations.bits=fp", "quant.residual=fp")
	var not *layers.NotIntegerError
	if _, err := spaceOf(t, cfg, m, false, 2, 4).Allocate(context.Background(), table, limits, 1); !errors.As(err, &not) {
		t.Errorf("%v; want that there is no integer network", err)
	}
}

// Tables that do not fit are told.
func TestTablesThatLack(t *testing.T) {
	cfg, m, table := lossesOf(t, 1, "quickstart")
	limits, _ := sensitivity.ParseBudget("size=50%")
	for want, change := range map[string]func(*sensitivity.Table){
		"random has no loss of layer1.0.conv1 (weights) at 8 bits":              func(x *sensitivity.Table) { x.Layers[1].Weights = x.Layers[1].Weights[:3] },
		"random has no loss of layer1.0.conv2 (activations) at 2 bits":          func(x *sensitivity.Table) { x.Layers[2].Activations = nil },
		"random has no losses of layer layer3.2.conv2; are they those":          func(x *sensitivity.Table) { x.Layers = slices.Delete(x.Layers, 18, 19) },
		"random has losses of layer conv2, which the network has not; are they": func(x *sensitivity.Table) { x.Layers = append(x.Layers, sensitivity.Layer{Name: "conv2"}) },
		"the loss at 2 bits is NaN":                                             func(x *sensitivity.Table) { x.Layers[3].Weights[0].Value = math.NaN() },
		"random says nothing of activations, so their widths cannot be": func(x *sensitivity.Table) {
			for i := range x.Layers {
				x.Layers[i].Activations = nil
			}
		},
	} {
		other := &sensitivity.Table{Method: table.Method}
		for _, l := range table.Layers {
			other.Layers = append(other.Layers, sensitivity.Layer{Name: l.Name, Weights: slices.Clone(l.Weights), Activations: slices.Clone(l.Activations)})
		}
		change(other)
		if _, err := spaceOf(t, cfg, m, true, 2, 8).Allocate(context.Background(), other, limits, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
	s := spaceOf(t, cfg, m, false, 2, 8)
	for i := range table.Layers { // one width for both is chosen without
		table.Layers[i].Activations = nil
	}
	if a := allocated(t, s, table, "size=50%"); !a.Proven {
		t.Error(a)
	}
	for _, try := range []func() error{
		func() error { _, err := s.Allocate(context.Background(), nil, limits, 1); return err },
		func() error { _, err := s.Allocate(context.Background(), table, nil, 1); return err },
		func() error {
			_, err := s.Allocate(context.Background(), table, []sensitivity.Limit{{Cost: "money"}}, 1)
			return err
		},
		func() error { _, err := sensitivity.NewSpace(nil, m, []int{2}, false); return err },
		func() error { _, err := sensitivity.NewSpace(cfg, nil, []int{2}, false); return err },
		func() error { _, err := sensitivity.NewSpace(cfg, m, nil, false); return err },
		func() error { _, err := s.Front(context.Background(), table, sensitivity.Memory, 1); return err },
	} {
		if try() == nil {
			t.Error("no error")
		}
	}
}

// Latency is measured: all of the network's, in one piece, is at least the sum of its parts at the least.
func TestLatency(t *testing.T) {
	cfg, m, table := lossesOf(t, 1, "quickstart")
	s := spaceOf(t, cfg, m, false, 4, 8)
	a := allocated(t, s, table, "latency=1s")
	x := a.Spent[len(a.Spent)-1]
	if x.Cost != sensitivity.Latency || x.Amount < 1e4 || x.Amount > 1e9 {
		t.Errorf("%+v; want some milliseconds", x)
	}
	for _, l := range a.Layers {
		if !l.Fixed && l.WeightBits != 8 {
			t.Errorf("%s has %d bits with all the time in the world", l.Name, l.WeightBits)
		}
	}
	limits, _ := sensitivity.ParseBudget("latency=1ns")
	var none *sensitivity.NoRoomError
	if _, err := s.Allocate(context.Background(), table, limits, 1); !errors.As(err, &none) || none.Least[0].Amount < 1e4 {
		t.Errorf("%v; want the least latency", err)
	}
}

// The widths of ResNet-20's layers that lose least in 0.10 MB.
func ExampleSpace_Allocate() {
	cfg, err := configs.Load("resnet20_w4a4", nil)
	if err != nil {
		panic(err)
	}
	m, err := train.Describe(cfg)
	if err != nil {
		panic(err)
	}
	defer m.Close()
	table := &sensitivity.Table{Method: "guess"} // in place of what Measure gives
	for _, name := range m.Net.LayerNames() {
		table.Layers = append(table.Layers, sensitivity.Layer{Name: name, Weights: []sensitivity.Loss{{Bits: 2, Value: 1}, {Bits: 4, Value: 0.1}}})
	}
	space, err := sensitivity.NewSpace(cfg, m, []int{2, 4}, false)
	if err != nil {
		panic(err)
	}
	limits, err := sensitivity.ParseBudget("size=0.10MB")
	if err != nil {
		panic(err)
	}
	a, err := space.Allocate(context.Background(), table, limits, 1)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%.1f, proven: %v\n", a.Loss, a.Proven)
	fmt.Print(string(space.YAML(a, "mixed", "resnet20_w4a4.yaml")))
	// Output:
	// 6.3, proven: true
	// # The widths that lose least by guess within size=0.1MB: 6.3.
	// # No other widths lose less: that is proven.
	// # size: 0.09421 MB of 0.1 MB
	// # bitops: 528.5 M
	// name: mixed
	// description: "widths of layers by guess for size=0.1MB"
	// extends: resnet20_w4a4.yaml
	// quant:
	//   layers:
	//     "layer3.0.conv2|layer3.1.conv1|layer3.1.conv2|layer3.2.conv1|layer3.2.conv2":
	//       weights: {bits: 2}
	//       activations: {bits: 2}
	//     "layer1.0.conv1|layer1.0.conv2|layer1.1.conv1|layer1.1.conv2|layer1.2.conv1|layer1.2.conv2|layer2.0.conv1|layer2.0.conv2|layer2.1.conv1|layer2.1.conv2|layer2.2.conv1|layer2.2.conv2|layer3.0.conv1":
	//       weights: {bits: 4}
	//       activations: {bits: 4}
}
