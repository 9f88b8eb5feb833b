package train

import (
	"strings"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/safetensors"
)

// average is a second network, whose parameters are moving averages of those of the network in training.
type average struct {
	model *Model
	ema   estimators.WeightEMA
}

// newAverage returns the average of a config, which the first update starts.
func (m *Model) newAverage() (*average, error) {
	a, err := m.with(m.Config)
	return &average{a, estimators.WeightEMA{Decay: m.Config.Train.WeightEMA}}, err
}

// updateAverage takes the network into its average, if it has one; step is how many updates went before.
func (m *Model) updateAverage(step int) error {
	if m.average == nil {
		return nil
	}
	averages := m.average.model.Net.Averaged()
	for i, w := range m.Net.Averaged() {
		if err := m.average.ema.Update(averages[i], w, step); err != nil {
			return err
		}
	}
	return nil
}

// evaluated is the model that evaluation, best.qat and exports are of: the average if there is one.
func (m *Model) evaluated() (*Model, error) {
	if m.average == nil {
		return m, nil
	}
	return m.average.model, m.average.model.Net.Follow(m.Net)
}

// averagePrefix marks averages in checkpoints.
const averagePrefix = "average."

// addTo writes all that differs from the network in training.
func (a *average) addTo(f *safetensors.File) {
	for _, p := range a.model.Net.Params {
		f.Tensors = append(f.Tensors, safetensors.NewTensor(averagePrefix+p.Name, p.FileShape(), p.ToFile(p.Data())))
	}
	for _, b := range a.model.Net.RunningStatistics() {
		f.Tensors = append(f.Tensors, safetensors.NewTensor(averagePrefix+b.Name, []int{len(b.Data)}, b.Data))
	}
}

// restore reads it back; load is that of Model.restore.
func (a *average) restore(load func(name string, shape []int, set func([]float32) error) error) error {
	for _, p := range a.model.Net.Params {
		if err := load(averagePrefix+p.Name, p.FileShape(), func(v []float32) error { return p.FromFile(p.Data(), v) }); err != nil {
			return err
		}
	}
	for _, b := range a.model.Net.RunningStatistics() {
		if err := load(averagePrefix+b.Name, []int{len(b.Data)}, func(v []float32) error { copy(b.Data, v); return nil }); err != nil {
			return err
		}
	}
	return nil
}

// preferAverages puts the averages of a checkpoint in the place of what they are averages of.
func preferAverages(f *safetensors.File) {
	averaged := map[string]bool{}
	for _, t := range f.Tensors {
		if name, ok := strings.CutPrefix(t.Name, averagePrefix); ok {
			averaged[name] = true
		}
	}
	var kept []safetensors.Tensor
	for _, t := range f.Tensors {
		if !averaged[t.Name] {
			t.Name = strings.TrimPrefix(t.Name, averagePrefix)
			kept = append(kept, t)
		}
	}
	f.Tensors = kept
}
