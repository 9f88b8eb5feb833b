package layers

import (
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/machine"
)

// A step that is not committed leaves every array as it was, so that the same step again gives the same; one that is moves
// what it says, and no more.
func TestAStepIsAFunctionOfItsInputs(t *testing.T) {
	for config, overrides := range map[string][]string{"resnet20_fp32": nil, "resnet20_w4a4": nil} {
		n := calibrated(t, config, overrides...)
		c, loss, grads := trainGraph(t, n, 3)
		outputs := slices.Concat(grads, c.Moved())
		m, err := machine.New(c.Pool, machine.Options{Poison: true}, append(outputs, loss)...)
		if err != nil {
			t.Fatal(err)
		}
		run := func() (all []float32) {
			if err := m.RunAll(); err != nil {
				t.Fatal(err)
			}
			for _, node := range outputs {
				all = append(all, node.Value().(*tensor.Dense).Float32s()...)
			}
			return append(all, float32(*loss.Value().(*G.F32)))
		}
		before, first := stateOf(n), run()
		if again := run(); !slices.Equal(again, first) || !slices.Equal(stateOf(n), before) {
			t.Errorf("%s: a step without commit changes something", config)
		}
		moves := map[*Array]bool{}
		for _, m := range c.moved {
			moves[m.array] = true
		}
		old := map[*Array][]float32{}
		for _, a := range n.Store.All() {
			old[a] = slices.Clone(a.Data())
		}
		c.Commit()
		for a, data := range old {
			if changed := !slices.Equal(a.Data(), data); changed != moves[a] || a.Running && !changed {
				t.Errorf("%s: %s changes: %v; that the step moves it: %v", config, a.Name, changed, moves[a])
			}
		}
		if again := run(); slices.Equal(again, first) {
			t.Errorf("%s: what was committed makes no difference", config)
		}
	}
}
