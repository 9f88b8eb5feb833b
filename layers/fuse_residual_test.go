package layers

import (
	"slices"
	"testing"

	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/networks"
)

// A branch that ends in a ReLU has no gradient where it is 0, as all of a channel is whose batch norm gives 0.
func TestReLUBeforeASum(t *testing.T) {
	build := func(in networks.Shape, classes int) *networks.Network {
		nodes := append(convNorm("1", 8, 2, networks.Input), networks.Node{Name: "relu1", Op: networks.ReLU{}, Inputs: []string{"bn1"}})
		nodes = append(nodes, convNorm("2", 8, 1, "relu1")...)
		return &networks.Network{Input: in, Nodes: append(nodes,
			networks.Node{Name: "relu2", Op: networks.ReLU{}, Inputs: []string{"bn2"}},
			networks.Node{Name: "sum", Op: networks.Add{}, Inputs: []string{"relu2", "relu1"}},
			networks.Node{Name: "relu3", Op: networks.ReLU{}, Inputs: []string{"sum"}},
			networks.Node{Name: "pool", Op: networks.GlobalAveragePool{}, Inputs: []string{"relu3"}},
			networks.Node{Name: "linear", Op: networks.Linear{Out: classes}, Inputs: []string{"pool"}})}
	}
	run := func(off []rewrite) []float32 {
		n := smallNetwork(t, build)
		norm := n.layer("bn2").norm
		norm.Gamma.Data()[0], norm.Beta.Data()[0] = 0, 0
		return resultsOf(t, n, off, machine.Options{})
	}
	if want, got := run(fusions), run(nil); !slices.Equal(got, want) {
		t.Error("fusions change bits")
	}
}
