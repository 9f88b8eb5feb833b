package train

import (
	"strings"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/safetensors"
	"github.com/qat-go/qat/layers"
)

// newAverage returns a model like this one, over averages of its arrays, which the first update starts.
func (m *Model) newAverage() (*Model, error) {
	a, err := m.with(m.given())
	if err == nil {
		a.Config, a.learned = m.Config, m.learned
		m.Net.Store.Average = a.Net.Store
		a.freeze(a.Net)
	}
	return a, err
}

// updateAverage takes the network into its average, if it has one; step is how many updates went before.
func (m *Model) updateAverage(step int) error {
	return m.Net.Store.UpdateAverage(estimators.WeightEMA{Decay: m.Config.Train.WeightEMA}, step)
}

// evaluated is the model that evaluation, best.qat and exports are of: the average if there is one.
func (m *Model) evaluated() (*Model, error) {
	if m.average == nil {
		return m, nil
	}
	return m.average, m.average.Net.Follow(m.Net)
}

// preferAverages puts the averages of a checkpoint in the place of what they are averages of.
func preferAverages(f *safetensors.File) {
	averaged := map[string]bool{}
	for _, t := range f.Tensors {
		if name, ok := strings.CutPrefix(t.Name, layers.AveragePrefix); ok {
			averaged[name] = true
		}
	}
	var kept []safetensors.Tensor
	for _, t := range f.Tensors {
		if !averaged[t.Name] {
			t.Name = strings.TrimPrefix(t.Name, layers.AveragePrefix)
			kept = append(kept, t)
		}
	}
	f.Tensors = kept
}
