package layers

import (
	"math/rand/v2"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/machine"
)

var testInput = Input{Height: 32, Width: 32, Channels: 3, Lo: -2.12, Hi: 2.64, Classes: make([]string, 10)}

func testNetwork(t testing.TB, config string, overrides ...string) *Network {
	t.Helper()
	cfg, err := configs.Load(config, overrides)
	if err != nil {
		t.Fatal(err)
	}
	n, err := New(cfg.Model, &cfg.Quant, testInput, 1)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// calibrated is testNetwork with scales from a random batch.
func calibrated(t testing.TB, config string, overrides ...string) *Network {
	t.Helper()
	n := testNetwork(t, config, overrides...)
	pool := kernels.NewPool(2)
	defer pool.Close()
	x, _ := batch(8)
	if err := n.Calibrate(pool, x); err != nil {
		t.Fatal(err)
	}
	return n
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
	loss = CrossEntropy(c, logits, c.B.Input("y", y))
	var wrt []*G.Node
	for _, p := range n.Learnable() {
		wrt = append(wrt, c.Node(p))
	}
	grads, err = c.B.Grad(loss, wrt...)
	if err != nil {
		t.Fatal(err)
	}
	return loss, grads
}

// results runs one training step and returns the loss, the gradients and the
// running statistics.
func results(t *testing.T, config string, parts bool, opt machine.Options, overrides ...string) []float32 {
	t.Helper()
	n := calibrated(t, config, overrides...)
	c := testContext(t, true)
	c.parts = parts
	loss, grads := buildTraining(t, c, n, 5)
	m, err := machine.New(c.Pool, opt, append(append([]*G.Node{}, grads...), loss)...)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.RunAll(); err != nil {
		t.Fatal(err)
	}
	out := []float32{float32(*loss.Value().(*G.F32))}
	for _, g := range grads {
		out = append(out, g.Value().(*tensor.Dense).Float32s()...)
	}
	for _, b := range n.Buffers {
		out = append(out, b.Data...)
	}
	return out
}

// Fused operations and fused loops change no bit.
func TestFusionKeepsTheBits(t *testing.T) {
	for _, overrides := range [][]string{
		{}, {"quant.residual=fp", "quant.first_last=fp"}, {"quant.weights.granularity=per_channel", "quant.weights.bits=2", "quant.activations.bits=2"},
		{"quant.activations.estimator=affine"}, {"quant.residual=3"},
		{"quant.weights.bits=fp"}, {"quant.gradients.bits=4"},
	} {
		want := results(t, "resnet20_w4a4", true, machine.Options{Unfused: true}, overrides...)
		for _, parts := range []bool{false, true} {
			for _, unfused := range []bool{false, true} {
				got := results(t, "resnet20_w4a4", parts, machine.Options{Unfused: unfused, Poison: true}, overrides...)
				for i, v := range got {
					if v != want[i] {
						t.Fatalf("%v, parts %v, unfused %v: value %d is %g, want %g", overrides, parts, unfused, i, v, want[i])
					}
				}
			}
		}
	}
}

// The machine and Gorgonia's tape machine must give the same bits.
func TestMachineAgreesWithTapeMachine(t *testing.T) {
	for _, config := range []string{"resnet20_fp32", "resnet20_w4a4"} {
		t.Run(config, func(t *testing.T) {
			a, b := calibrated(t, config), calibrated(t, config)
			ca, lossA, gradsA := trainGraph(t, a, 3)
			m, err := machine.New(ca.Pool, machine.Options{Poison: true}, append(gradsA, lossA)...)
			if err != nil {
				t.Fatal(err)
			}
			if err := m.RunAll(); err != nil {
				t.Fatal(err)
			}
			cb, lossB, gradsB := trainGraph(t, b, 3)
			vm := G.NewTapeMachine(cb.B.Graph())
			defer vm.Close()
			if err := vm.RunAll(); err != nil {
				t.Fatal(err)
			}
			if x, y := *lossA.Value().(*G.F32), *lossB.Value().(*G.F32); x != y {
				t.Errorf("loss %v, tape machine %v", x, y)
			}
			nonzero := 0
			for i, g := range gradsA {
				x, y := g.Value().(*tensor.Dense).Float32s(), gradsB[i].Value().(*tensor.Dense).Float32s()
				for j := range x {
					if x[j] != y[j] {
						t.Errorf("gradient of %s[%d] is %v, tape machine %v", a.Learnable()[i].Name, j, x[j], y[j])
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
			for i, buf := range a.Buffers {
				for j, v := range buf.Data {
					if v != b.Buffers[i].Data[j] {
						t.Fatalf("%s[%d] is %v, tape machine %v", buf.Name, j, v, b.Buffers[i].Data[j])
					}
				}
			}
		})
	}
}
