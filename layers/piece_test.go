package layers

import (
	"math"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/machine"
)

// The gradients of the pieces of a batch, a graph of one image that runs on each, add up to those of the batch, but for
// the rounding of sums.
func TestPiecesAddUpToTheBatch(t *testing.T) {
	for config, overrides := range map[string][]string{
		"resnet20_fp32": nil, "resnet20_w4a4": {"quant.activations.n=per_tensor", "quant.gradients.bits=4"},
		"resnet20_pact_w4a4": nil, "resnet20_sawb_pact_w2a2": {"quant.activations.ste=dsq"}, "resnet20_stochastic_w4a4": nil,
	} {
		pieces(t, config, calibrated(t, config, overrides...))
	}
	for _, s := range small { // dropout draws by the place in the batch
		pieces(t, s.name, smallNetwork(t, s.build))
	}
}

func pieces(t *testing.T, config string, n *Network) {
	const images = 2
	n.FreezeBatchNorm(true) // else its statistics are those of the images that a graph sees
	run := func(size int, do func(run func(), c *Context, x, y *tensor.Dense, loss *G.Node, grads []*G.Node)) {
		c := testContext(t, true)
		c.Batch = images
		x, y := batch(size)
		logits, err := n.Build(c, x)
		if err != nil {
			t.Fatal(err)
		}
		loss := CrossEntropy(c, logits, Targets{Labels: c.b.Input("y", y)})
		var wrt []*G.Node
		for _, p := range n.Store.Learnable() {
			wrt = append(wrt, c.Node(p))
		}
		grads, err := c.b.Grad(loss, wrt...)
		if err != nil {
			t.Fatal(err)
		}
		m, err := machine.New(c.pool, machine.Options{}, append(grads, loss)...)
		if err != nil {
			t.Fatal(err)
		}
		do(func() {
			if err := m.RunAll(); err != nil {
				t.Fatal(err)
			}
		}, c, x, y, loss, grads)
	}
	sum := make([][]float32, len(n.Store.Learnable()))
	size := make([][]float64, len(sum)) // sums of what each piece gives without its sign: what cancels is rounded, too
	total := float32(0)
	allX, allY := batch(images)
	run(1, func(run func(), c *Context, x, y *tensor.Dense, loss *G.Node, grads []*G.Node) {
		for c.First = range images {
			copy(x.Float32s(), allX.Float32s()[c.First*len(x.Float32s()):])
			y.Int32s()[0] = allY.Int32s()[c.First]
			run()
			total += float32(*loss.Value().(*G.F32))
			for i, g := range grads {
				v := g.Value().(*tensor.Dense).Float32s()
				if sum[i] == nil {
					sum[i], size[i] = make([]float32, len(v)), make([]float64, len(v))
				}
				for j := range v {
					sum[i][j] += v[j]
					size[i][j] += math.Abs(float64(v[j]))
				}
			}
		}
	})
	run(images, func(run func(), c *Context, _, _ *tensor.Dense, loss *G.Node, grads []*G.Node) {
		run()
		near(t, config+": loss", total, float64(*loss.Value().(*G.F32)))
		for i, a := range n.Store.Learnable() {
			want, most, worst := grads[i].Value().(*tensor.Dense).Float32s(), 0.0, 0.0
			for j, v := range want {
				most, worst = max(most, size[i][j]), max(worst, math.Abs(float64(v-sum[i][j])))
			}
			if worst > 3e-6*most {
				t.Errorf("%s: gradient of %s: the pieces' are off by %g, of %g", config, a.Name, worst, most)
			}
		}
	})
}
