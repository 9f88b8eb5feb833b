package train

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/safetensors"
)

// A checkpoint is a safetensors file: parameters and running statistics under
// their names, velocities under "velocity." + name, averages of train.weight_ema
// under "average." + name, all in PyTorch's order of axes, and this metadata:
//
//	format   "qat.checkpoint"
//	version  "1"
//	config   the resolved YAML
//	state    JSON, see state
const (
	checkpointFormat  = "qat.checkpoint"
	checkpointVersion = "1"
	velocityPrefix    = "velocity."
)

// state is where a run stands, besides its tensors.
type state struct {
	Step  int `json:"step"`  // optimizer steps done
	Total int `json:"total"` // of the run, what schedules go by

	// Of the epoch in progress, so that a resumed run reports the same mean.
	LossSum    float64 `json:"loss_sum"`
	PenaltySum float64 `json:"penalty_sum,omitempty"`
	Correct    int     `json:"correct"`
	Seen       int     `json:"seen"`

	BestTop1  float64 `json:"best_top1"`
	BestEpoch int     `json:"best_epoch"`
	// Seconds of training, evaluation not counted.
	Seconds   float64        `json:"seconds"`
	FloorHits map[string]int `json:"floor_hits,omitempty"`
	TrainLoss float64        `json:"train_loss"` // of the last full epoch
}

// save writes a checkpoint; opt may be nil. What is not finite, and restore would refuse, never takes the place of a
// checkpoint.
func (m *Model) save(path string, opt *SGD, st state) error {
	if err := m.Net.CheckState(); err != nil {
		return err
	}
	f := &safetensors.File{Metadata: map[string]string{"format": checkpointFormat, "version": checkpointVersion, "config": string(m.Config.YAML())}}
	js, err := json.Marshal(st)
	if err != nil {
		return err
	}
	f.Metadata["state"] = string(js)
	for _, p := range m.Net.Params {
		f.Tensors = append(f.Tensors, safetensors.NewTensor(p.Name, p.FileShape(), p.ToFile(p.Data())))
		if opt != nil && opt.slots[p.Name] != nil {
			f.Tensors = append(f.Tensors, safetensors.NewTensor(velocityPrefix+p.Name, p.FileShape(), p.ToFile(opt.slots[p.Name].velocity)))
		}
	}
	for _, b := range m.Net.Buffers {
		f.Tensors = append(f.Tensors, safetensors.NewTensor(b.Name, []int{len(b.Data)}, b.Data))
	}
	if m.average != nil {
		if _, err := m.evaluated(); err != nil { // its derived scales
			return err
		}
		if err := m.average.model.Net.CheckState(); err != nil {
			return fmt.Errorf("average: %w", err)
		}
		m.average.addTo(f)
	}
	return safetensors.WriteFile(path, f)
}

// readCheckpoint opens a checkpoint and checks that it is one.
func readCheckpoint(path string) (*safetensors.File, state, error) {
	var st state
	f, err := safetensors.ReadFile(path)
	if err != nil {
		return nil, st, err
	}
	if got := f.Metadata["format"]; got != checkpointFormat {
		return nil, st, fmt.Errorf("%s: not a checkpoint of qat: metadata \"format\" is %s, want %q", path, strconv.Quote(got), checkpointFormat)
	}
	if got := f.Metadata["version"]; got != checkpointVersion {
		return nil, st, fmt.Errorf("%s: checkpoint version %s, this program reads version %s", path, strconv.Quote(got), checkpointVersion)
	}
	if err := json.Unmarshal([]byte(f.Metadata["state"]), &st); err != nil {
		return nil, st, fmt.Errorf("%s: metadata \"state\": %w", path, err)
	}
	if st.Step < 0 || st.Seen < 0 {
		return nil, st, fmt.Errorf("%s: metadata \"state\": step %d, seen %d cannot be", path, st.Step, st.Seen)
	}
	return f, st, nil
}

// restore loads every tensor of a checkpoint of this very config. Options with a schedule are as in the last step.
func (m *Model) restore(path string, f *safetensors.File, st state, opt *SGD) error {
	m.Net.SetProgress(max(st.Step-1, 0), st.Total)
	want := 0
	load := func(name string, shape []int, set func([]float32) error) error {
		want++
		v, err := shaped(f, name, shape)
		if err == nil {
			err = set(v)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	}
	for _, p := range m.Net.Params {
		if err := load(p.Name, p.FileShape(), func(v []float32) error { return p.FromFile(p.Data(), v) }); err != nil {
			return err
		}
		if opt == nil || opt.slots[p.Name] == nil {
			continue
		}
		velocity := opt.slots[p.Name].velocity
		if err := load(velocityPrefix+p.Name, p.FileShape(), func(v []float32) error { return p.FromFile(velocity, v) }); err != nil {
			return err
		}
	}
	for _, b := range m.Net.Buffers {
		if err := load(b.Name, []int{len(b.Data)}, func(v []float32) error { copy(b.Data, v); return nil }); err != nil {
			return err
		}
	}
	if opt != nil && m.average != nil {
		if err := m.average.restore(load); err != nil {
			return err
		}
		if err := m.average.model.Net.CheckState(); err != nil {
			return fmt.Errorf("%s: average: %w", path, err)
		}
	}
	return m.Net.CheckState()
}

// shaped returns a float32 tensor of the file with the shape that the network
// wants, finite.
func shaped(f *safetensors.File, name string, shape []int) ([]float32, error) {
	t, err := f.Get(name)
	if err != nil {
		return nil, err
	}
	if fmt.Sprint(t.Shape) != fmt.Sprint(shape) {
		return nil, fmt.Errorf("%s has shape %v, the network wants %v", name, t.Shape, shape)
	}
	v, err := f.Float32s(name)
	if i := graph.FirstNotFinite(v); i >= 0 {
		return nil, fmt.Errorf("%s[%d] is %g, want a finite number", name, i, v[i])
	}
	return v, err
}
