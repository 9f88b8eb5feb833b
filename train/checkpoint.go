package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/digest"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/safetensors"
	"github.com/qat-go/qat/layers"
)

// A checkpoint is a safetensors file: parameters and running statistics under
// their names, what the optimizer keeps under "velocity." + name (of Adam "exp_avg." and "exp_avg_sq."), averages of train.weight_ema
// under "average." + name, all in PyTorch's order of axes, and this metadata:
//
//	format   "qat.checkpoint"
//	version  "3"; before, arrays had other names: see earlierNames; version 1 had no digest and no origin
//	config   the resolved YAML
//	origin   JSON, see origin
//	state    JSON, see state
//	qat.digest  see package digest
const (
	checkpointFormat  = "qat.checkpoint"
	checkpointVersion = "3"
	originKey         = "origin"
)

// earlierNames are the ends of names that arrays had up to version 2, with what they are now.
var earlierNames = map[string]string{"_quantizer.step": "_quantizer.code_scale"}

// rename gives the arrays of an earlier version the names of this one.
func rename(f *safetensors.File) {
	for i, t := range f.Tensors {
		for then, now := range earlierNames {
			if name, ok := strings.CutSuffix(t.Name, then); ok {
				f.Tensors[i].Name = name + now
			}
		}
	}
}

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

	History history `json:"history,omitempty"` // how the run was extended
	Stage   int     `json:"stage,omitempty"`   // of quant.schedule, from 0

	// Bits are what training learned of bit widths, once they stay.
	Bits []configs.LayerBits `json:"bits,omitempty"`
}

// check reports a state that no run can be in.
func (st state) check() error {
	floors := 0
	for _, n := range st.FloorHits {
		floors = min(floors, n)
	}
	most := math.MaxFloat32 * float64(st.Step) // what is computed from larger sums may not be finite
	switch {
	case st.Step < 0 || st.Step > st.Total:
		return fmt.Errorf("metadata \"state\": step %d of %d cannot be", st.Step, st.Total)
	case math.Abs(st.LossSum) > most || math.Abs(st.PenaltySum) > most || math.Abs(st.TrainLoss) > math.MaxFloat32:
		return fmt.Errorf("metadata \"state\": losses of %g, %g and %g cannot be at step %d", st.LossSum, st.PenaltySum, st.TrainLoss, st.Step)
	case st.Correct < 0 || st.Correct > st.Seen:
		return fmt.Errorf("metadata \"state\": %d of %d images correct cannot be", st.Correct, st.Seen)
	case !(st.BestTop1 >= 0 && st.BestTop1 <= 1) || st.BestEpoch < 0 || st.BestEpoch > st.Step:
		return fmt.Errorf("metadata \"state\": accuracy %g in epoch %d cannot be at step %d", st.BestTop1, st.BestEpoch, st.Step)
	case st.Seconds < 0 || floors < 0:
		return fmt.Errorf("metadata \"state\": %g seconds and %d floor hits cannot be", st.Seconds, floors)
	}
	if st.Stage < 0 || st.Stage > st.Step {
		return fmt.Errorf("metadata \"state\": stage %d cannot be at step %d", st.Stage+1, st.Step)
	}
	for _, l := range st.Bits {
		for _, b := range []int{l.Weights, l.Activations} {
			if b != 0 && (b < estimators.MinLearnedBits || b > estimators.MaxLearnedBits) {
				return fmt.Errorf("metadata \"state\": %d bits of %s cannot be learned", b, l.Layer)
			}
		}
	}
	return st.History.check(st.Step)
}

// fits reports a state that no run of cfg can be in.
func (st state) fits(cfg *configs.Config) error {
	t := &cfg.Train
	if stages := len(cfg.Quant.Schedule); st.Stage >= max(stages, 1) {
		return fmt.Errorf("metadata \"state\": stage %d cannot be with quant.schedule of %d stages", st.Stage+1, stages)
	}
	switch {
	case t.Steps > 0 && st.Total > t.Steps:
		return fmt.Errorf("metadata \"state\": step %d of %d cannot be with train.steps %d", st.Step, st.Total, t.Steps)
	case !t.Trains() && st.Step > 0, t.MaxSteps > 0 && st.Total > t.MaxSteps:
		return fmt.Errorf("metadata \"state\": step %d of %d cannot be with train.epochs %d and train.max_steps %d", st.Step, st.Total, t.Epochs, t.MaxSteps)
	case t.Steps == 0 && st.BestEpoch > t.Epochs:
		return fmt.Errorf("metadata \"state\": epoch %d cannot be with train.epochs %d", st.BestEpoch, t.Epochs)
	case len(st.Bits) > 0 && !cfg.Quant.Target.On():
		return errors.New("metadata \"state\": learned bit widths cannot be without quant.target")
	case st.Seen/t.StepImages() > st.Step:
		return fmt.Errorf("metadata \"state\": %d images in %d steps cannot be with train.batch %d and train.accumulate %d", st.Seen, st.Step, t.Batch, t.Batches())
	}
	return nil
}

// given is cfg in the state's stage, with the bit widths that training learned, of layers that are there.
func (st state) given(cfg *configs.Config) (*configs.Config, error) {
	cfg = cfg.InStage(st.Stage)
	if len(st.Bits) == 0 {
		return cfg, nil
	}
	c := cfg.WithBits(st.Bits)
	if err := c.Fits(); err != nil {
		return nil, fmt.Errorf("metadata \"state\": learned bit widths: %w", err)
	}
	return c, nil
}

// save writes a checkpoint: of the network, or of the training. What is not finite, and restore would refuse, never takes the place of a
// checkpoint.
func (m *Model) save(path string, training bool, st state, from origin) error {
	if err := m.Net.Store.Check(); err != nil {
		return err
	}
	f := &safetensors.File{Metadata: map[string]string{
		"format": checkpointFormat, "version": checkpointVersion, "config": string(m.Config.YAML()), digest.Key: ""}}
	for key, value := range map[string]any{"state": st, originKey: from} {
		js, err := json.Marshal(value)
		if err != nil {
			return err
		}
		f.Metadata[key] = string(js)
	}
	if m.average != nil {
		if _, err := m.evaluated(); err != nil { // its derived scales
			return err
		}
		if err := m.average.Net.Store.Check(); err != nil {
			return fmt.Errorf("average: %w", err)
		}
	}
	for _, t := range m.Net.Store.Tensors(training) {
		f.Tensors = append(f.Tensors, safetensors.Tensor{Name: t.Name, Dtype: safetensors.F32, Shape: t.Array.FileShape(),
			Append: func(b []byte) []byte { return t.Array.AppendFile(b, t.Data) }})
	}
	return safetensors.WriteFile(path, f)
}

// stateBytes is what the tensors of a checkpoint of the training take.
func (m *Model) stateBytes() (size int64) {
	for _, t := range m.Net.Store.Tensors(true) {
		size += 4 * int64(len(t.Data))
	}
	return size
}

// checkSize reports a network of which a checkpoint could not be read again, before training it.
func (m *Model) checkSize() error {
	if err := safetensors.Fits(m.stateBytes()); err != nil {
		return fmt.Errorf("a checkpoint would have %w; want a smaller network, or one without train.weight_ema", err)
	}
	return nil
}

// readCheckpoint opens a checkpoint and checks that it is one.
func readCheckpoint(path string, r Reading) (*safetensors.File, state, error) {
	var st state
	f, err := safetensors.Reading(r).File(path)
	if err != nil {
		return nil, st, err
	}
	if got := f.Metadata["format"]; got != checkpointFormat {
		return nil, st, fmt.Errorf("%s: not a checkpoint of qat: metadata \"format\" is %s, want %q", path, strconv.Quote(got), checkpointFormat)
	}
	switch got := f.Metadata["version"]; got {
	case checkpointVersion:
	case "1", "2":
		rename(f)
	default:
		return nil, st, fmt.Errorf("%s: checkpoint version %s, this program reads versions 1 to %s", path, strconv.Quote(got), checkpointVersion)
	}
	if err := json.Unmarshal([]byte(f.Metadata["state"]), &st); err != nil {
		return nil, st, fmt.Errorf("%s: metadata \"state\": %w", path, err)
	}
	if err := st.check(); err != nil {
		return nil, st, fmt.Errorf("%s: %w", path, err)
	}
	return f, st, nil
}

// restore loads every tensor of a checkpoint of this very config, of the training too if that goes on. Options with a
// schedule are as in the last step.
func (m *Model) restore(path string, f *safetensors.File, st state, training bool) error {
	last := max(st.Step-1, 0)
	m.Net.SetProgress(last, st.History.progress(last, st.Total))
	for _, t := range m.Net.Store.Tensors(training) {
		v, err := shaped(f, t.Name, t.Array.FileShape())
		if i := slices.IndexFunc(v, func(x float32) bool { return x < 0 }); err == nil && i >= 0 && layers.Prefix(t.Name) == layers.SquarePrefix {
			err = fmt.Errorf("%s[%d] is %g, want no mean of squares below 0", t.Name, i, v[i])
		}
		if err == nil {
			err = t.Array.FromFile(t.Data, v)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if a := m.Net.Store.Average; training && a != nil {
		if err := a.Check(); err != nil {
			return fmt.Errorf("%s: average: %w", path, err)
		}
	}
	return m.Net.Store.Check()
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
