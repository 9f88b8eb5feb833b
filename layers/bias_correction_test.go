package layers

import (
	"math"
	"slices"
	"testing"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/threads"
)

// meansOf returns the mean of each channel of each layer's output in evaluation, over the batches.
func meansOf(t *testing.T, pool *kernels.Pool, n *Network, x []*tensor.Dense) map[string][]float64 {
	t.Helper()
	in := x[0].Clone().(*tensor.Dense)
	nodes, err := n.outputs(NewContext((*threads.Pool)(pool), false), in)
	if err != nil {
		t.Fatal(err)
	}
	means := map[string][]float64{}
	for name, node := range nodes {
		shape := node.Shape()
		channels := shape[len(shape)-1]
		mean := make([]float64, channels)
		err := runOn((*threads.Pool)(pool), in, x, nodes, []string{name}, func(_ string, y []float32) error {
			for i, v := range y {
				mean[i%channels] += float64(v) * float64(channels) / float64(len(y)) / float64(len(x))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		means[name] = mean
	}
	return means
}

// After the correction the means of all layers are those of the float network, but for the rounding of biases to the
// grid of the integer sums: half a unit.
func TestCorrectBias(t *testing.T) {
	pool := kernels.NewPool(2)
	defer pool.Close()
	x := batches(2, 4)
	for _, overrides := range [][]string{
		{"quant.weights.calibration=min_max"},
		{"quant.layers[layer1.*].weights.bits=fp", "quant.layers[layer1.*].activations.bits=fp", "quant.layers[linear].activations.bits=fp"},
	} {
		n := testNetwork(t, "resnet20_w4a4", append(overrides, "quant.activations.calibration=min_max")...)
		n.FreezeBatchNorm(true)
		calibrateOn(t, n, 2, x...)
		float := must(n.Float())
		untouched := slices.Clone(n.layer("layer1.0.bn1").norm.Beta.Data())
		want, before := meansOf(t, pool, float, x), meansOf(t, pool, n, x)
		if err := n.CorrectBias((*threads.Pool)(pool), float, nil, x...); err != nil {
			t.Fatal(err)
		}
		after := meansOf(t, pool, n, x)
		shift := 0.0
		check := func(layer string, quantized bool, step func(c int) float64) {
			for c, w := range want[layer] {
				if !quantized {
					continue
				}
				shift = max(shift, math.Abs(before[layer][c]-w))
				if d := math.Abs(after[layer][c] - w); d > 0.51*step(c)+1e-5 {
					t.Errorf("%v: %s: the mean of channel %d is %g, of the float network %g, before the correction %g", overrides, layer, c, after[layer][c], w, before[layer][c])
				}
			}
		}
		for _, l := range n.weighted() {
			if norm := n.after(l).norm; norm != nil {
				check(l.Name, l.weights != nil, func(ch int) float64 { return math.Abs(float64(foldedOp{convOp{l}, norm}.fold().Scale[ch])) })
				continue
			}
			check(l.Name, true, func(ch int) float64 {
				if l.input == nil {
					return 0
				}
				return float64(linearOp{l}.fold().Scale[ch])
			})
		}
		if shift < 0.01 {
			t.Errorf("%v: the largest shift before the correction is %g; nothing to see", overrides, shift)
		}
		if fp := n.layer("layer1.0.conv1").weights == nil; slices.Equal(untouched, n.layer("layer1.0.bn1").norm.Beta.Data()) != fp {
			t.Errorf("%v: layer1.0.conv1 in floating point: %v, and its beta changes or stays", overrides, fp)
		}
	}
	// A batch norm that is not all that reads a convolution does not correct it.
	n := smallNetwork(t, func(in networks.Shape, classes int) *networks.Network {
		return &networks.Network{Input: in, Nodes: append(convNorm("1", 4, 4, networks.Input),
			networks.Node{Name: "sum", Op: networks.Add{}, Inputs: []string{"bn1", "conv1"}},
			networks.Node{Name: "pool", Op: networks.GlobalAveragePool{}, Inputs: []string{"sum"}},
			networks.Node{Name: "linear", Op: networks.Linear{Out: classes}, Inputs: []string{"pool"}})}
	})
	images, _ := batch(2)
	if err := n.CorrectBias((*threads.Pool)(pool), must(n.Float()), nil, images); err == nil || err.Error() != "conv1 has neither a bias nor a batch norm to correct" {
		t.Errorf("error %v", err)
	}
	n = testNetwork(t, "resnet20_w4a4")
	if err := n.CorrectBias((*threads.Pool)(pool), n, nil); err == nil {
		t.Error("no batch: no error")
	}
}
