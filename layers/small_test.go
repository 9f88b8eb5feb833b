package layers

import (
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/networks/networkstest"
	"github.com/qat-go/qat/threads"
)

// small are networks that have operations wherever they can stand, with what the integer form of each has.
var small = []struct {
	name  string
	build func(networks.Shape, int) *networks.Network
	kinds map[string]int
}{
	{"pooled", networkstest.Pooled, map[string]int{"max_pool": 3, "conv": 5}},
	{"plain", networkstest.Plain, map[string]int{"max_pool": 1, "conv": 4}},
	{"perceptron", networkstest.Perceptron, map[string]int{"conv": 2, "linear": 1}},
	{"joined", networkstest.Joined, map[string]int{"max_pool": 1, "conv": 10, "concat": 3, "average_pool": 1}},
	{"averaged", networkstest.Averaged, map[string]int{"conv": 6, "average_pool": 1, "linear": 1}},
	{"uneven", networkstest.Uneven, map[string]int{"conv": 3, "average_window": 3, "linear": 1}},
	{"oblong", networkstest.Oblong, map[string]int{"max_pool": 2, "conv": 4, "concat": 1}},
	{"leaky", networkstest.Leaky, map[string]int{"lookup": 5, "conv": 5, "add": 2}},
}

// requantized are overrides for a network with concat: those of a network that has it.
var requantized = []string{"model.arch=squeezenet1_1", "quant.concat=requantize"}

// smallNetwork has the quantizers of a config, and scales from a random batch.
func smallNetwork(t testing.TB, build func(networks.Shape, int) *networks.Network, overrides ...string) *Network {
	t.Helper()
	cfg, err := configs.Load("resnet20_w4a4", overrides)
	if err != nil {
		t.Fatal(err)
	}
	n := must(New(build(zoo("").Input, 10), &cfg.Quant, testInput, 1))
	calibrateNetwork(t, n)
	return n
}

// The codes of each tensor of the integer network are those of the simulation, bit for bit.
func TestSmallNetworksInIntegers(t *testing.T) {
	for _, s := range small {
		for _, overrides := range [][]string{
			{}, {"quant.activations.estimator=affine"}, {"quant.weights.bits=2", "quant.activations={estimator: pact, bits: 2}"},
			{"quant.activations={estimator: stochastic, bits: 4}"}, {"quant.weights.granularity=per_channel", "quant.weights.bits=8", "quant.activations.bits=8"},
		} {
			net := smallNetwork(t, s.build, overrides...)
			agree(t, net, 6, 20, overrides)
			compareCodes(t, net, s.name, s.kinds)
		}
	}
}

// What is joined by requantization has a scale for each part: the codes stay those of the simulation, and each part that had no
// scale of its own is requantized.
func TestJoinedByRequantization(t *testing.T) {
	for _, overrides := range [][]string{{}, {"quant.activations.estimator=affine"}, {"quant.residual=5"}} {
		shared := 0
		for _, l := range must(smallNetwork(t, networkstest.Joined, overrides...).Lower("")).Layers {
			if l.Kind() == "requantize" {
				shared++
			}
		}
		net := smallNetwork(t, networkstest.Joined, append(overrides, requantized...)...)
		agree(t, net, 6, 20, overrides)
		compareCodes(t, net, "joined", map[string]int{"max_pool": 1, "conv": 10, "concat": 3, "requantize": shared + 4})
	}
}

// compareCodes compares all tensors' codes, and counts the layers of each kind.
func compareCodes(t *testing.T, net *Network, name string, kinds map[string]int) {
	t.Helper()
	pool := kernels.NewPool(2)
	defer pool.Close()
	x, _ := batch(6)
	lowered := must(net.Lower(name))
	count, tensors := map[string]int{}, map[string]int{}
	for _, l := range lowered.Layers {
		count[l.Kind()]++
	}
	for kind, n := range kinds {
		if count[kind] != n {
			t.Errorf("%s: %d layers %s; want %d", name, count[kind], kind, n)
		}
	}
	tracer := must(integer.NewTracer(lowered, (*threads.Pool)(pool), 6))
	if _, err := tracer.Run(x.Float32s(), 6); err != nil {
		t.Fatal(err)
	}
	c := testContext(t, false)
	p := newPlan(c, net.layers, nil)
	p.emit(c.b.Input("x", x))
	for i, tensor := range lowered.Tensors {
		if _, ok := tensors[tensor.Name]; ok {
			t.Errorf("%s: two tensors %s", name, tensor.Name)
		}
		tensors[tensor.Name] = i
	}
	var nodes []*G.Node
	var of []int
	for _, s := range p.steps {
		if i, ok := tensors[s.name]; ok && s.out.codes != nil {
			nodes, of = append(nodes, s.out.codes), append(of, i)
		}
	}
	m := must(machine.New(c.pool, machine.Options{}, nodes...))
	if err := m.RunAll(); err != nil {
		t.Fatal(err)
	}
	for name := range tensors { // the first of three that are joined are a tensor of their own
		if strings.Contains(name, ".join") {
			delete(tensors, name)
		}
	}
	if len(nodes) != len(tensors) {
		t.Errorf("%s: codes of %d steps for %d tensors", name, len(nodes), len(tensors))
	}
	for i, node := range nodes {
		got, want := tracer.Codes(of[i], 6), node.Value().(*tensor.Dense).Uint8s()
		if !slices.Equal(got, want) || slices.Min(want) == slices.Max(want) {
			t.Errorf("%s: the codes of %s differ, or are all one", name, lowered.Tensors[of[i]].Name)
		}
	}
}

// Fusions, and loops that are fused, change no bit of a training step.
func TestSmallNetworksKeepTheBits(t *testing.T) {
	for _, s := range small {
		for _, overrides := range [][]string{{}, {"quant.residual=fp", "quant.first_last=fp"}, {"quant.gradients.bits=4"}, requantized} {
			want := resultsOf(t, smallNetwork(t, s.build, overrides...), fusions, machine.Options{Unfused: true})
			for _, unfused := range []bool{false, true} {
				got := resultsOf(t, smallNetwork(t, s.build, overrides...), nil, machine.Options{Unfused: unfused, Poison: true})
				if !slices.Equal(got, want) {
					t.Errorf("%s, %v, unfused %v: the bits differ", s.name, overrides, unfused)
				}
			}
		}
	}
}
