package train

import (
	"cmp"
	"fmt"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/internal/memory"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/threads"
)

const (
	// besides is what a run takes beside arenas, batches and data: parts of the sums of weight gradients, transformed
	// weights, an evaluation, garbage.
	besides = 28 << 20
	// program is what a process takes before it has read anything, where the system does not tell.
	program = 30 << 20
	// planned is the largest batch that memory is planned for; larger ones take more in proportion.
	planned = 256
)

// Memory estimates what a run of a config takes at its peak, in bytes, in this process. images is how many its data set has;
// bench, that it is [Bench], which makes its own.
func Memory(cfg *configs.Config, images, workers int, bench bool) (int64, error) {
	if cfg == nil {
		return 0, errNoConfig
	}
	if len(cfg.Quant.Schedule) > 0 && bench {
		cfg = cfg.Final()
	}
	if stages := len(cfg.Quant.Schedule); stages > 0 {
		most := int64(0)
		for i := range stages {
			need, err := Memory(cfg.InStage(i), images, workers, bench)
			if err != nil {
				return 0, err
			}
			most = max(most, need)
		}
		return most, nil
	}
	small := *cfg
	small.Train.Batch = min(cfg.Train.Batch, planned)
	data, err := datasets.Describe(string(cfg.Data.Dataset), cfg.DataOptions(""))
	if err != nil {
		return 0, err
	}
	m, err := newModel(&small, data, workers)
	if err != nil {
		return 0, err
	}
	defer m.Close()
	if bench {
		images = cfg.Train.Batch + m.benchImages()
	}
	in, b := m.Net.Shape(), small.Train.Batch
	image := in.H * in.W * in.C
	batch := 4 * b * image
	peak, fixed := 0, 0
	if cfg.Train.Trains() {
		_, _, outputs, err := m.buildStep(false)
		if err != nil {
			return 0, err
		}
		arena, err := machine.Size(m.pool, machine.Options{}, outputs...)
		if err != nil {
			return 0, err
		}
		peak = arena + (1+loaded)*batch
		fixed = m.fixedBytes()
		if cfg.Quant.Distillation.On() {
			arena, arrays, err := m.teacherBytes()
			if err != nil {
				return 0, err
			}
			peak, fixed = peak+arena, fixed+arrays
		}
	}
	if n := m.Net.WantedBatches(); n > 0 {
		calibration, err := m.calibrationBytes(n, batch)
		if err != nil {
			return 0, err
		}
		if !cfg.Train.Trains() && cfg.Quant.BiasCorrection {
			arena, err := m.Net.CorrectionBytes((*threads.Pool)(m.pool), b)
			if err != nil {
				return 0, err
			}
			calibration = max(calibration, arena+(n+1+loaded)*batch)
		}
		peak = max(peak, calibration)
	}
	run := int64(peak) * int64(cfg.Train.Batch) / int64(b)
	evaluation, err := m.evaluationBytes()
	if err != nil {
		return 0, err
	}
	// Epochs end with an evaluation beside the training.
	larger, err := m.largerEvaluation()
	if err != nil {
		return 0, err
	}
	run = max(run+int64(fixed)+int64(larger), int64(evaluation))
	garbage := int64(besides)
	if bench { // which looks at no tensors and writes no files
		garbage = min(garbage, run/2)
	}
	switch {
	case bench:
	case datasets.OfFiles(string(cfg.Data.Dataset)):
		image = perFile
	case data.Real:
		image *= 4
	}
	memory.Settle()() // what planning left, and models before this one, whose weights are those of the run
	return cmp.Or(memory.Resident(), program) + int64(images)*int64(image) + run + garbage, nil
}

// perFile is what an image that stays in its file takes: its name and label, and its place in the order of an epoch.
const perFile = 64

// loaded is how many batches a loader has: the one in use and those ahead.
const loaded = 3

// fixedBytes is what training takes that does not depend on its batch, beside weights and the arena.
func (m *Model) fixedBytes() int {
	learned, weights, largest := 0, 0, 0
	for _, a := range m.Net.Store.Learnable() {
		n := len(a.Data())
		learned += 4 * n
		if a.Group == networks.WeightsGroup {
			weights, largest = weights+n, max(largest, n)
		}
	}
	fixed := learned * len(newMethod(&m.Config.Train.Optimizer).keeps())
	if m.Config.Train.Batches() > 1 {
		fixed += learned // the sums of gradients
	}
	if m.Config.Train.WeightEMA > 0 {
		fixed += learned
	}
	if m.Net.Quantized() {
		fixed += 2 * weights // packed in bytes, for training and for evaluation
		fixed += 4 * largest * m.pool.Threads()
	}
	return fixed + 4*largest // in the bytes of a checkpoint
}

// evaluationBytes is what an evaluation takes that keeps what all quantizers give.
func (m *Model) evaluationBytes() (int, error) {
	arena, err := m.Net.FindingsBytes((*threads.Pool)(m.pool), m.EvalBatch())
	in := m.Net.Shape()
	return arena + (1+loaded)*4*m.EvalBatch()*in.Len(), err
}

// largerEvaluation is what an evaluation takes in addition if train.eval_batch has it compute more images at once.
func (m *Model) largerEvaluation() (int, error) {
	usual := m.usualEvalBatch()
	if m.EvalBatch() <= usual {
		return 0, nil
	}
	in := m.Net.Shape()
	size := func(batch int) (int, error) {
		c := layers.NewContext((*threads.Pool)(m.pool), false)
		logits, err := m.Net.Build(c, tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(batch, in.H, in.W, in.C)))
		if err != nil {
			return 0, err
		}
		arena, err := machine.Size(m.pool, machine.Options{}, logits)
		return arena + (1+loaded)*4*batch*in.Len(), err
	}
	more, err := size(m.EvalBatch())
	if err != nil {
		return 0, err
	}
	less, err := size(usual)
	return more - less, err
}

// calibrationBytes is what calibration on n batches takes, of batch bytes each.
func (m *Model) calibrationBytes(n, batch int) (int, error) {
	in := m.Net.Shape()
	c := layers.NewContext((*threads.Pool)(m.pool), true)
	x := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(m.Config.Train.Batch, in.H, in.W, in.C))
	logits, err := m.Net.Build(c, x)
	if err != nil {
		return 0, err
	}
	arena, err := machine.Size(m.pool, machine.Options{Unfused: true}, logits)
	if err != nil {
		return 0, err
	}
	activation := 0
	for _, r := range m.Net.Table() {
		activation = max(activation, 4*m.Config.Train.Batch*r.Output[0]*r.Output[1]*r.Output[2])
	}
	each := batch
	if n > 1 {
		each += arena // where each batch waits for the others
	}
	return arena + n*each + (1+loaded)*batch + (2+m.Net.KeptBatches())*activation, nil
}

// CheckMemory estimates the memory of a run, with data sets in dir, and returns an error if there is less.
func CheckMemory(cfg *configs.Config, dir string, threads int) (int64, error) {
	if cfg == nil {
		return 0, errNoConfig
	}
	return checkMemory(cfg, datasets.Count(string(cfg.Data.Dataset), cfg.DataOptions(dir)), threads, false, memory.Free())
}

// inputBytes is what a batch of images takes at least. The plan of a graph has one of them in memory, so that what has no room for
// it is not planned.
func inputBytes(cfg *configs.Config) (int64, error) {
	data, err := datasets.Describe(string(cfg.Data.Dataset), cfg.DataOptions(""))
	if err != nil {
		return 0, err
	}
	return 4 * int64(shapeOf(data).Len()) * int64(max(cfg.Train.Batch, cfg.Train.EvalBatch)), nil
}

func checkMemory(cfg *configs.Config, images, threads int, bench bool, free memory.Available) (int64, error) {
	need, err := inputBytes(cfg)
	if err == nil && (free.Bytes == 0 || need <= free.Bytes) {
		need, err = Memory(cfg, images, threads, bench)
	}
	if err != nil || free.Bytes == 0 || need <= free.Bytes {
		return need, err
	}
	lower := fmt.Sprintf("train.batch from %d", cfg.Train.Batch)
	if b := cfg.Train.EvalBatch; b > 0 {
		lower += fmt.Sprintf(" or train.eval_batch from %d", b)
	}
	return need, fmt.Errorf("the run needs about %d MiB of memory, %s has %d MiB for it; lower %s, or go on with --ignore-memory",
		need>>20, free.Where, free.Bytes>>20, lower)
}

// CheckBenchMemory is CheckMemory for [Bench].
func CheckBenchMemory(cfg *configs.Config, threads int) (int64, error) {
	if cfg == nil {
		return 0, errNoConfig
	}
	return checkMemory(cfg, 0, threads, true, memory.Free())
}
