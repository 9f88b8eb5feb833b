package layers

import (
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/machine"
)

// A step that is not committed leaves every array as it was, so that the same step again gives the same; one that is moves
// what it says, and no more.
func TestAStepIsAFunctionOfItsInputs(t *testing.T) {
	for _, config := range []string{"resnet20_affine_w8a8", "resnet20_lq_nets_w2a2", "resnet20_inq_w5", "resnet20_lsq_plus_w4a4", "resnet20_stochastic_w4a4"} {
		n := calibrated(t, config)
		c, loss, grads := trainGraph(t, n, 1)
		m, err := machine.New(c.pool, machine.Options{Poison: true}, append(slices.Clone(grads), loss)...)
		if err != nil {
			t.Fatal(err)
		}
		run := func() (all []float32) {
			if err := m.RunAll(); err != nil {
				t.Fatal(err)
			}
			for _, node := range grads {
				all = append(all, node.Value().(*tensor.Dense).Float32s()...)
			}
			for _, a := range n.Store.All() {
				if w := c.works[a]; w != nil {
					all = append(all, w.Data()...)
				}
			}
			return append(all, float32(*loss.Value().(*G.F32)))
		}
		for _, a := range n.Store.Learnable() {
			for i := range a.Data() {
				a.Data()[i] *= 1.01 // so that what derives from them moves
			}
		}
		before, first := stateOf(n), run()
		if again := run(); !slices.Equal(again, first) || !slices.Equal(stateOf(n), before) {
			t.Errorf("%s: a step without commit changes something", config)
		}
		old := map[*Array][]float32{}
		for _, a := range n.Store.All() {
			old[a] = slices.Clone(a.Data())
		}
		c.Commit()
		for a, data := range old {
			moves := a.Running || strings.HasSuffix(a.Name, ".updates") || config == "resnet20_affine_w8a8" && strings.HasSuffix(a.Name, ".weight_quantizer.scale")
			if changed := !slices.Equal(a.Data(), data); changed && c.works[a] == nil || moves && !changed {
				t.Errorf("%s: %s changes: %v; that the step works on it: %v", config, a.Name, changed, c.works[a] != nil)
			}
		}
		if again := run(); slices.Equal(again, first) {
			t.Errorf("%s: what was committed makes no difference", config)
		}
	}
}
