package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/atomicfile"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/memory"
	"github.com/qat-go/qat/internal/regular"
	"github.com/qat-go/qat/layers"
)

// Result is the outcome of a run. Accuracies are shares of 1 on the test set.
type Result struct {
	Experiment
	Run    string `json:"run"`
	Epochs int    `json:"epochs"` // that the config asks for; of train.steps, those that they begin
	Steps  int    `json:"steps"`  // that were trained
	// Test is the integer network's accuracy, or the simulation's if the network
	// has no integer form; Mode says which ("integer" or "simulate").
	Test     float64 `json:"test_top1"`
	TestTop5 float64 `json:"test_top5"`
	Classes  int     `json:"classes"`
	Mode     string  `json:"mode"`
	// Target is the arithmetic of the integer network.
	Target    string  `json:"target,omitempty"`
	Simulated float64 `json:"simulated_top1"`
	// Disagreements counts the test images on which both differ.
	Disagreements *int   `json:"disagreements,omitempty"`
	NotInteger    string `json:"not_integer,omitempty"`
	Quantized     bool   `json:"quantized"` // some tensor is
	// Initial and Calibrated are the float network that the run began with and
	// its quantized form before training; absent if it began with random weights.
	Initial         *float64       `json:"float_top1,omitempty"`
	Calibrated      *float64       `json:"calibrated_top1,omitempty"`
	TrainLoss       float64        `json:"train_loss"`
	ImagesPerSecond float64        `json:"images_per_second"`
	PeakRSSMiB      float64        `json:"peak_rss_mib,omitempty"` // of the process; 0: not known
	SizeBytes       int64          `json:"size_bytes"`
	BitOps          int64          `json:"bitops"`
	Images          int            `json:"test_images"`
	BrokenImages    []string       `json:"broken_images,omitempty"` // that could not be read: why, and which
	Exports         []string       `json:"exports"`                 // files
	Exported        []Exported     `json:"exported,omitempty"`
	BestTop1        float64        `json:"best_top1,omitempty"`
	BestEpoch       int            `json:"best_epoch,omitempty"`
	BestSplit       string         `json:"best_split,omitempty"` // that chose best.qat
	FloorHits       map[string]int `json:"floor_hits,omitempty"`
	// Findings are on the first test images, weights and floors apart.
	Findings layers.Findings `json:"findings"`
	// Missed says by how much what the network costs misses quant.target; "" if by 2 % at most.
	Missed     string         `json:"missed_target,omitempty"`
	Operations []OperationRow `json:"operations,omitempty"` // if profiled
}

// finish evaluates the trained network, exports it and closes the manifest.
func (r *run) finish(ctx context.Context) (*Result, error) {
	res := &Result{Experiment: ExperimentOf(r.Config.InStage(r.stage)), Run: r.dir, Epochs: r.epochs(), Steps: r.st.Step, TrainLoss: r.st.TrainLoss, BestTop1: r.st.BestTop1, BestEpoch: r.st.BestEpoch,
		FloorHits: r.st.FloorHits, Exports: []string{}}
	res.Quantized = r.Net.Quantized()
	res.SizeBytes, res.BitOps = r.Net.Cost()
	res.Missed = r.Net.Missed(r.Config.Quant.Target)
	if r.opt.Profile {
		res.Operations = operations(r.timings)
	}
	if r.st.Seconds > 0 {
		res.ImagesPerSecond = float64(r.st.Step*r.Config.Train.StepImages()) / r.st.Seconds
	}
	memory.Settle() // the training graph is no longer needed
	r.opt.Progress.Message("evaluating on %d test images", r.Data.Test.Len())
	m, err := r.evaluated()
	if err != nil {
		return nil, err
	}
	simulated, err := m.Simulate(ctx, r.Data.Test)
	if err != nil {
		return nil, interrupted(ctx, err)
	}
	res.Simulated, res.Test, res.TestTop5, res.Images, res.Mode = simulated.Top1, simulated.Top1, simulated.Top5, simulated.Images, "simulate"
	res.Classes = simulated.Classes
	net, err := m.Lower()
	if reason, ok := notInteger(err); ok {
		res.NotInteger = reason
	} else if err != nil {
		return nil, err
	} else {
		a, err := r.EvaluateInteger(ctx, net, r.Data.Test)
		if err != nil {
			return nil, interrupted(ctx, err)
		}
		d := Disagreements(simulated, a)
		res.Test, res.TestTop5, res.Mode, res.Disagreements, res.Target = a.Top1, a.Top5, "integer", &d, net.Target.String()
		if res.Exported, err = r.export(net); err != nil {
			return nil, err
		}
		for _, e := range res.Exported {
			res.Exports = append(res.Exports, e.Files...)
		}
		err = Accuracies(net, a, res.Exported, func(n *integer.Network) (*Accuracy, error) { return r.EvaluateInteger(ctx, n, r.Data.Test) })
		if err != nil {
			return nil, interrupted(ctx, err)
		}
	}
	if res.BestEpoch > 0 {
		res.BestSplit = r.validation().Name
	}
	if res.Findings, err = m.findings(ctx, r.st); err != nil {
		return nil, interrupted(ctx, err)
	}
	if err := r.baselines(ctx, res); err != nil {
		return nil, interrupted(ctx, err)
	}
	r.tellBroken()
	for _, err := range r.Data.Broken.List() {
		res.BrokenImages = append(res.BrokenImages, err.Error())
	}
	res.PeakRSSMiB = float64(memory.Peak()) / (1 << 20)
	return res, r.writeManifest(res)
}

// interrupted turns an error that a cancelled context caused into ErrInterrupted: the last checkpoint is that of the trained
// network.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return ErrInterrupted
	}
	return err
}

// baselines measures what the run began with: the float network, and the
// quantized one before any training.
func (r *run) baselines(ctx context.Context, res *Result) error {
	if r.Config.Model.Init == configs.RandomInit || !r.Net.Quantized() {
		return nil
	}
	float, quantized := *r.Config, r.Config.InStage(r.stage)
	float.Quant = configs.Quant{}
	for _, b := range []struct {
		cfg *configs.Config
		to  **float64
	}{{&float, &res.Initial}, {quantized, &res.Calibrated}} {
		if b.cfg == quantized && !r.Config.Train.Trains() {
			v := res.Test
			*b.to = &v
			continue
		}
		m, err := r.Model.with(b.cfg)
		if err != nil {
			return err
		}
		if _, err := Await(ctx, m.initial); ctx.Err() != nil {
			return err
		} else if err != nil {
			r.opt.Progress.Message("baseline not measured: %v", err)
			return nil
		}
		if m.Net.Quantized() {
			if err := m.calibrate(ctx); err != nil {
				return err
			}
		}
		a, err := m.Simulate(ctx, m.Data.Test)
		if err != nil {
			return err
		}
		*b.to = &a.Top1
	}
	return nil
}

// Manifest is the provenance of a run, manifest.json.
type Manifest struct {
	Version    string            `json:"version"`
	Earlier    []string          `json:"earlier_versions,omitempty"` // that trained steps of the run, too
	Seed       uint64            `json:"seed"`
	Go         string            `json:"go"`
	Platform   string            `json:"platform"`
	CPU        string            `json:"cpu"`
	KernelPath string            `json:"kernel_path"`
	Threads    int               `json:"threads"`
	Dataset    string            `json:"dataset"`
	SHA256     map[string]string `json:"sha256"`
	Init       string            `json:"init"`
	// SHA-256 of the weights that the files gave.
	InitSHA256    string     `json:"init_sha256,omitempty"`
	QuantizersSHA string     `json:"init_quantizers_sha256,omitempty"`
	TeacherSHA256 string     `json:"teacher_sha256,omitempty"`
	History       []Change   `json:"history,omitempty"` // how the run was extended
	Stages        []Stage    `json:"stages,omitempty"`  // of quant.schedule that have begun
	Started       time.Time  `json:"started"`
	Finished      *time.Time `json:"finished,omitempty"`
	Result        *Result    `json:"result,omitempty"`
}

// writeManifest writes manifest.json; res is nil while the run goes on.
func (r *run) writeManifest(res *Result) error {
	m := Manifest{
		Version: r.opt.Version, Earlier: r.earlier, Seed: r.Config.Train.Seed, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, CPU: cpuName(),
		KernelPath: kernels.Path(), Threads: r.pool.Threads(), Dataset: r.Data.Name, Init: r.init, Started: r.started, Result: res,
		SHA256: r.origin.Data, InitSHA256: r.origin.Init, QuantizersSHA: r.origin.InitQuantizers, TeacherSHA256: r.origin.Teacher, History: r.st.History,
		Stages: stagesUntil(r.Config, r.ends, r.st.Stage),
	}
	if res != nil {
		now := time.Now()
		m.Finished = &now
	}
	js, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(r.path(ManifestFile), append(js, '\n'))
}

// ReadManifest reads the manifest of a run's directory.
func ReadManifest(dir string) (*Manifest, error) {
	path := filepath.Join(dir, ManifestFile)
	text, err := regular.Read(path, maxFile)
	if err != nil {
		return nil, err
	}
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &m, nil
}
