package layers

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/networks"
)

var testInput = Input{Lo: -2.12, Hi: 2.64}

func testNetwork(t testing.TB, config string, overrides ...string) *Network {
	t.Helper()
	cfg, err := configs.Load(config, overrides)
	if err != nil {
		t.Fatal(err)
	}
	n, err := New(must(cfg.Model.Build(zoo("").Input, 10)), &cfg.Quant, testInput, 1)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func zoo(b configs.Block) networks.Options {
	return networks.Options{Input: networks.Shape{H: 32, W: 32, C: 3}, Classes: 10, Block: networks.Block(b)}
}

// custom is a network of nodes, whose first reads (h, w, c), with the quantizers of all its layers as given.
func custom(t testing.TB, in networks.Shape, weights, activations configs.TensorSpec, nodes ...networks.Node) *Network {
	t.Helper()
	quant := &configs.Quant{Weights: weights, Activations: activations, FirstLast: configs.Same, Residual: configs.FP}
	return must(New(&networks.Network{Input: in, Nodes: nodes}, quant, testInput, 1))
}

// convNorm are a 3x3 convolution and a batch norm, numbered, behind a node.
func convNorm(number string, out, stride int, from string) []networks.Node {
	return []networks.Node{
		{Name: "conv" + number, Op: networks.Conv{Out: out, Window: networks.Square(3, stride, 1)}, Inputs: []string{from}},
		{Name: "bn" + number, Op: networks.BatchNorm{Eps: 1e-5, Momentum: 0.1}, Inputs: []string{"conv" + number}},
	}
}

// valueOp gives what is in the graph already.
type valueOp struct{ v Value }

func (o valueOp) emit(*Context, *step) Value          { return o.v }
func (o valueOp) givesCodes(c *Context, _ *step) bool { return o.v.codes != nil }

// quantized puts a quantizer on v, or on max(v, 0), as a plan does.
func quantized(c *Context, q *Quantizer, v Value, relu bool) Value {
	p := &plan{c: c}
	return p.quantized(q, p.add("x", valueOp{v}), relu)
}

func (p *plan) quantized(q *Quantizer, s *step, relu bool) Value {
	if relu {
		s = p.add("relu", reluOp{}, s)
	}
	p.add(q.Name, quantizeOp{q: q}, s)
	p.end()
	return *p.run()
}

// newBatchNorm is a batch norm of its own.
func newBatchNorm(name string, channels int) *BatchNorm {
	all := must(newLayers(&networks.Network{Input: networks.Shape{H: 2, W: 2, C: channels}, Nodes: []networks.Node{
		{Name: name, Op: networks.BatchNorm{Eps: 1e-5, Momentum: 0.1}, Inputs: []string{networks.Input}}}}))
	return all[0].norm
}

// without switches rewrites off.
func without(c *Context, rs ...rewrite) {
	c.off = map[string]bool{}
	for _, r := range rs {
		c.off[r.name] = true
	}
}

// calibrated is testNetwork with scales from a random batch.
func calibrated(t testing.TB, config string, overrides ...string) *Network {
	t.Helper()
	n := testNetwork(t, config, overrides...)
	calibrateNetwork(t, n)
	return n
}

// calibrateNetwork gives quantizers scales from a random batch.
func calibrateNetwork(t testing.TB, n *Network) {
	t.Helper()
	x, _ := batch(8)
	calibrateOn(t, n, 2, x)
}

// batch returns random pictures and labels.
func batch(n int) (x, y *tensor.Dense) {
	rng := rand.New(rand.NewPCG(1, 2))
	x = tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(n, 32, 32, 3))
	y = tensor.New(tensor.Of(tensor.Int32), tensor.WithShape(n))
	for i := range x.Float32s() {
		x.Float32s()[i] = float32(rng.NormFloat64())
	}
	for i := range y.Int32s() {
		y.Int32s()[i] = int32(rng.IntN(10))
	}
	return x, y
}

func trainGraph(t testing.TB, n *Network, size int) (c *Context, loss *G.Node, grads []*G.Node) {
	t.Helper()
	c = testContext(t, true)
	loss, grads = buildTraining(t, c, n, size)
	return c, loss, grads
}

func buildTraining(t testing.TB, c *Context, n *Network, size int) (loss *G.Node, grads []*G.Node) {
	t.Helper()
	x, y := batch(size)
	logits, err := n.Build(c, x)
	if err != nil {
		t.Fatal(err)
	}
	loss = CrossEntropy(c, logits, Targets{Labels: c.b.Input("y", y)})
	var wrt []*G.Node
	for _, p := range n.Store.Learnable() {
		wrt = append(wrt, c.Node(p))
	}
	grads, err = c.b.Grad(loss, wrt...)
	if err != nil {
		t.Fatal(err)
	}
	return loss, grads
}

// results runs one training step without some rewrites and returns the loss, the gradients and the
// running statistics.
func results(t *testing.T, config string, off []rewrite, opt machine.Options, overrides ...string) []float32 {
	t.Helper()
	return resultsOf(t, calibrated(t, config, overrides...), off, opt)
}

func resultsOf(t *testing.T, n *Network, off []rewrite, opt machine.Options) []float32 {
	t.Helper()
	c := testContext(t, true)
	without(c, off...)
	loss, grads := buildTraining(t, c, n, 5)
	m, err := machine.New(c.pool, opt, append(append([]*G.Node{}, grads...), loss)...)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.RunAll(); err != nil {
		t.Fatal(err)
	}
	c.Commit()
	out := []float32{float32(*loss.Value().(*G.F32))}
	for _, g := range grads {
		out = append(out, g.Value().(*tensor.Dense).Float32s()...)
	}
	for _, b := range n.Store.Of(Updated) {
		out = append(out, b.Data()...)
	}
	return out
}

// Fused operations, none, each alone, each pair and all, and fused loops change no bit.
func TestFusionKeepsTheBits(t *testing.T) {
	for i, overrides := range [][]string{
		{}, {"quant.residual=fp", "quant.first_last=fp"}, {"quant.weights.granularity=per_channel", "quant.weights.bits=2", "quant.activations.bits=2"},
		{"quant.activations.estimator=affine"}, {"quant.residual=3"},
		{"quant.weights.bits=fp"}, {"quant.gradients.bits=4"},
	} {
		want := results(t, "resnet20_w4a4", fusions, machine.Options{Unfused: true}, overrides...)
		strip := 0 // whole pictures, of this size
		same := func(off []rewrite, unfused bool) {
			got := results(t, "resnet20_w4a4", off, machine.Options{Unfused: unfused, Poison: true, Strip: strip}, overrides...)
			for i, v := range got {
				if v != want[i] {
					t.Fatalf("%v, %d rewrites off, unfused %v: value %d is %g, want %g", overrides, len(off), unfused, i, v, want[i])
				}
			}
		}
		same(nil, false)
		same(nil, true)
		same(fusions, false)
		strip = 1500
		same(nil, false)
		same(fusions, false)
		if i > 0 {
			continue
		}
		for j := range fusions { // with four of them, a pair is all but the other two
			same([]rewrite{fusions[j]}, false)
			same(slices.Delete(slices.Clone(fusions), j, j+1), false)
			for k := range j {
				same([]rewrite{fusions[j], fusions[k]}, false)
			}
		}
	}
}

// Each rewrite is used by some network, and says what it does.
func TestRewrites(t *testing.T) {
	used := map[string]bool{}
	for _, r := range rewrites() {
		if r.name == "" || r.doc == "" {
			t.Errorf("rewrite %q has the doc %q; want both", r.name, r.doc)
		}
	}
	count := func(n *Network, train bool) {
		plan := func(off ...rewrite) (ops string) {
			c := testContext(t, train)
			without(c, off...)
			for _, s := range newPlan(c, n.layers, nil).steps {
				ops += fmt.Sprintf("%s %T %+v %v\n", s.name, s.op, s.op, s.again)
			}
			return ops
		}
		all := plan()
		for _, r := range rewrites() {
			used[r.name] = used[r.name] || plan(r) != all
		}
	}
	for _, train := range []bool{true, false} {
		for _, s := range small {
			count(smallNetwork(t, s.build), train)
		}
		for _, overrides := range [][]string{
			{}, {"quant.activations.estimator=lq_nets"}, {"quant.activations.estimator=hwgq", "quant.activations.bits=2"},
			{"quant.activations={estimator: dorefa, ste: dsq}"},
		} {
			count(testNetwork(t, "resnet20_w4a4", overrides...), train)
		}
	}
	for _, r := range rewrites() {
		if !used[r.name] {
			t.Errorf("rewrite %s changes nothing anywhere", r.name)
		}
	}
}

// The machine and Gorgonia's tape machine must give the same bits.
func TestMachineAgreesWithTapeMachine(t *testing.T) {
	for _, config := range []string{"resnet20_fp32", "resnet20_w4a4"} {
		t.Run(config, func(t *testing.T) {
			a, b := calibrated(t, config), calibrated(t, config)
			ca, lossA, gradsA := trainGraph(t, a, 3)
			m, err := machine.New(ca.pool, machine.Options{Poison: true}, append(gradsA, lossA)...)
			if err != nil {
				t.Fatal(err)
			}
			if err := m.RunAll(); err != nil {
				t.Fatal(err)
			}
			ca.Commit()
			cb, lossB, gradsB := trainGraph(t, b, 3)
			vm := G.NewTapeMachine(cb.b.Graph())
			defer vm.Close()
			if err := vm.RunAll(); err != nil {
				t.Fatal(err)
			}
			cb.Commit()
			if x, y := *lossA.Value().(*G.F32), *lossB.Value().(*G.F32); x != y {
				t.Errorf("loss %v, tape machine %v", x, y)
			}
			nonzero := 0
			for i, g := range gradsA {
				x, y := g.Value().(*tensor.Dense).Float32s(), gradsB[i].Value().(*tensor.Dense).Float32s()
				for j := range x {
					if x[j] != y[j] {
						t.Errorf("gradient of %s[%d] is %v, tape machine %v", a.Store.Learnable()[i].Name, j, x[j], y[j])
						break
					}
					if x[j] != 0 {
						nonzero++
					}
				}
			}
			if nonzero < 200_000 {
				t.Errorf("only %d gradients are not zero", nonzero)
			}
			for i, buf := range a.Store.Of(Updated) {
				for j, v := range buf.Data() {
					if v != b.Store.Of(Updated)[i].Data()[j] {
						t.Fatalf("%s[%d] is %v, tape machine %v", buf.Name, j, v, b.Store.Of(Updated)[i].Data()[j])
					}
				}
			}
		})
	}
}
