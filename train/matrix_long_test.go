//go:build long

package train

import (
	"context"
	"fmt"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
)

// Every method that config check accepts, on weights and on activations, with each of its gradient estimators, each flag
// of its options, few and many bits and each kind of first and last layer: three steps of training end as it foretells.
func TestCheckForetellsTraining(t *testing.T) {
	first, err := Open(loadConfig(t), "", 2)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	for _, m := range estimators.Methods() {
		for _, tensor := range []string{"weights", "activations"} {
			fits, tried := m.Weights && tensor == "weights" || m.Activations && tensor == "activations", false
			for _, v := range variations(m) {
				overrides := []string{fmt.Sprintf("quant.%s={estimator: %s, %s}", tensor, m.Name, v.keys), "quant.first_last=" + v.firstLast}
				cfg, err := configs.Load("quickstart", overrides)
				if err != nil { // such as a sign behind a ReLU
					cfg, err = configs.Load("quickstart", append(overrides, "model.block=reactnet", "quant.residual=fp"))
				}
				if err != nil {
					continue
				}
				tried = true
				t.Run(fmt.Sprint(overrides), func(t *testing.T) { threeSteps(t, first, cfg) })
			}
			if tried != fits {
				t.Errorf("%s on %s: fits %t, tried %t", m.Name, tensor, fits, tried)
			}
		}
	}
}

type variation struct{ keys, firstLast string }

// variations are settings of a method beside its name; configs refuse some.
func variations(m estimators.Method) (all []variation) {
	most := fmt.Sprintf("bits: %d", min(m.MaxBits, 8))
	for _, firstLast := range []string{"8", "same", "fp"} {
		all = append(all, variation{fmt.Sprintf("bits: %d", max(m.MinBits, min(m.MaxBits, 3))), firstLast})
	}
	same := func(keys string) { all = append(all, variation{keys, "same"}) }
	same(most)
	same(most + ", narrow: true")
	same(most + ", granularity: per_channel")
	same(most + ", signed: true")
	for _, s := range m.STEs {
		same(most + ", ste: " + s)
	}
	for _, o := range m.Options {
		if o.Max == 1 {
			same(fmt.Sprintf("%s, options: {%s: %g}", most, o.Name, 1-o.Default))
		}
	}
	return all
}

func threeSteps(t *testing.T, first *Model, cfg *configs.Config) {
	cfg.Train.Batch = 2
	m, err := first.with(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.initial(); err != nil {
		t.Fatal(err)
	}
	if err := m.calibrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	newLine(t, m, 0).train(t, 3)
	_, err = m.Lower()
	foretold(t, cfg, err)
}
