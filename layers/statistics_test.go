package layers

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/threads"
)

// frozenBatchNorm has 5 channels and running statistics that no batch has.
func frozenBatchNorm() *BatchNorm {
	n := newBatchNorm("bn", 5)
	n.frozen = true
	for c := range n.Mean.Data() {
		n.Mean.Data()[c], n.Var.Data()[c] = float32(c)-1, 0.5+float32(c)
	}
	return n
}

// y = gamma*(x - mean)/sqrt(var + eps) + beta with constants mean and var.
func TestFrozenBatchNorm(t *testing.T) {
	n, c := frozenBatchNorm(), testContext(t, true)
	x, g := random(1, 3, 4, 4, 5), random(2, 3, 4, 4, 5)
	copy(n.Gamma.Data(), []float32{1, -2, 0.5, 3, 1})
	copy(n.Beta.Data(), []float32{0, 1, 2, 3, 4})
	in := c.b.Param("x", x)
	y := (&normed{n, in, n.statistics(c, in)}).apply(c)
	out, grads := gradients(t, c, y, c.b.Input("g", g), in, c.node(n.Gamma), c.node(n.Beta))
	dgamma, dbeta := make([]float64, 5), make([]float64, 5)
	for i, v := range x.Float32s() {
		ch := i % 5
		inv := 1 / math.Sqrt(0.5+float64(ch)+1e-5)
		xhat, gamma, dy := (float64(v)-float64(ch)+1)*inv, float64(n.Gamma.Data()[ch]), float64(g.Float32s()[i])
		near(t, fmt.Sprintf("y[%d]", i), out[i], gamma*xhat+float64(ch))
		near(t, fmt.Sprintf("dx[%d]", i), grads[0][i], dy*gamma*inv)
		dgamma[ch] += dy * xhat
		dbeta[ch] += dy
	}
	for ch := range 5 {
		near(t, "dgamma", grads[1][ch], dgamma[ch])
		near(t, "dbeta", grads[2][ch], dbeta[ch])
		near(t, "running mean", n.Mean.Data()[ch], float64(ch)-1)
		near(t, "running variance", n.Var.Data()[ch], 0.5+float64(ch))
	}
}

// Fused operations give the bits of the single ones when frozen, too.
func TestFusionKeepsTheBitsOfFrozenBatchNorm(t *testing.T) {
	run := func(off []rewrite, frozen bool) (out []float32) {
		n := calibrated(t, "resnet20_w4a4")
		n.FreezeBatchNorm(frozen)
		c := testContext(t, true)
		without(c, off...)
		loss, grads := buildTraining(t, c, n, 3)
		m, err := machine.New(c.pool, machine.Options{Unfused: off != nil}, append(grads, loss)...)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.RunAll(); err != nil {
			t.Fatal(err)
		}
		c.Commit()
		for _, g := range grads {
			out = append(out, g.Value().(*tensor.Dense).Float32s()...)
		}
		for _, b := range n.Store.Of(Updated) {
			out = append(out, b.Data()...)
		}
		return append(out, float32(*loss.Value().(*G.F32)))
	}
	fused := run(nil, true)
	if !slices.Equal(fused, run(fusions, true)) {
		t.Error("fused and single operations differ")
	}
	if slices.Equal(fused, run(nil, false)) {
		t.Error("freezing changes nothing")
	}
}

// Re-estimated statistics are the averages of those of each batch, and nothing else changes.
func TestReestimateBatchNorm(t *testing.T) {
	x := batches(3, 4)
	pool := kernels.NewPool(2)
	defer pool.Close()
	for _, c := range []struct {
		config    string
		tolerance float64 // of all layers but the first: sums that differ in the last bit round to other codes
		overrides []string
	}{
		{"resnet20_fp32", 1e-4, nil}, {"resnet20_w4a4", 0.1, []string{"quant.weights.estimator=lq_nets"}},
		{"resnet20_w4a4", 0.1, []string{"quant.weights.estimator=stochastic", "quant.activations.estimator=stochastic"}},
	} {
		n := calibrated(t, c.config, c.overrides...)
		reestimate := func(x ...*tensor.Dense) []float32 {
			if err := n.ReestimateBatchNorm((*threads.Pool)(pool), slices.Values(x)); err != nil {
				t.Fatal(err)
			}
			return statisticsOf(n)
		}
		before := others(n)
		want := make([]float64, len(statisticsOf(n)))
		for _, b := range x {
			for i, v := range reestimate(b) {
				want[i] += float64(v) / 3
			}
		}
		got := reestimate(x...)
		for i, v := range got {
			tolerance := c.tolerance
			if i < 32 { // mean and variance of the stem
				tolerance = 1e-5
			}
			if math.Abs(float64(v)-want[i]) > tolerance*(1+math.Abs(want[i])) {
				t.Fatalf("%v: statistic %d is %g, want %g", c.overrides, i, v, want[i])
			}
		}
		if !slices.Equal(reestimate(x...), got) {
			t.Errorf("%v: what the statistics were before makes a difference", c.overrides)
		}
		if !slices.Equal(others(n), before) {
			t.Errorf("%v: re-estimation changes more than statistics", c.overrides)
		}
		if m := n.layer("bn1").norm.Momentum; m != 0.1 || n.clock.steady {
			t.Errorf("momentum is left at %g, steady at %v", m, n.clock.steady)
		}
	}
}

func statisticsOf(n *Network) (all []float32) {
	for _, b := range n.Store.Running() {
		all = append(all, b.Data()...)
	}
	return all
}

// others is the state of a network without the running statistics.
func others(n *Network) (all []float32) {
	for _, p := range n.Store.Of(Learned) {
		all = append(all, p.Data()...)
	}
	for _, b := range n.Store.Of(Updated) {
		if !strings.Contains(b.Name, ".running_") {
			all = append(all, b.Data()...)
		}
	}
	return all
}

// The statistics of one batch by hand: convolve, then the mean and the unbiased variance of each channel.
func TestReestimatedStatisticsOfTheStem(t *testing.T) {
	n := testNetwork(t, "resnet20_fp32")
	n.FreezeBatchNorm(true) // re-estimation ends it
	x := batches(1, 2)[0]
	pool := kernels.NewPool(2)
	defer pool.Close()
	if err := n.ReestimateBatchNorm((*threads.Pool)(pool), slices.Values([]*tensor.Dense{x})); err != nil {
		t.Fatal(err)
	}
	const h, cin, cout = 32, 3, 16
	w, in := n.layer("conv1").weight().Data(), x.Float32s()
	at := func(p, r, c, ch int) float64 {
		if r < 0 || r >= h || c < 0 || c >= h {
			return 0
		}
		return float64(in[((p*h+r)*h+c)*cin+ch])
	}
	for o := range cout {
		var y []float64
		mean := 0.0
		for p := range 2 {
			for r := range h {
				for c := range h {
					sum := 0.0
					for k := range 27 {
						kr, kc, ch := k/9, k/3%3, k%3
						sum += at(p, r+kr-1, c+kc-1, ch) * float64(w[k*cout+o])
					}
					y = append(y, sum)
					mean += sum
				}
			}
		}
		mean /= float64(len(y))
		variance := 0.0
		for _, v := range y {
			variance += (v - mean) * (v - mean) / float64(len(y)-1)
		}
		near(t, "mean", n.layer("bn1").norm.Mean.Data()[o], mean)
		near(t, "variance", n.layer("bn1").norm.Var.Data()[o], variance)
	}
}

// A variance that float32 does not hold is an error before it is a running one.
func TestVarianceStaysFinite(t *testing.T) {
	c, n := testContext(t, true), newBatchNorm("bn", 1)
	x := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(2, 1, 1, 1))
	x.Float32s()[0], x.Float32s()[1] = 1e20, -1e20
	m, err := machine.New(c.pool, machine.Options{}, n.statistics(c, c.b.Input("x", x)))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.RunAll(); err == nil || err.Error() != "bn: batch norm statistics: the variance of channel 0 of the input is +Inf" {
		t.Errorf("error %v", err)
	}
	if n.Var.Data()[0] != 1 {
		t.Errorf("the running variance is %g", n.Var.Data()[0])
	}
}
