package train

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/internal/machine"
)

// The files of a run's directory.
const (
	ConfigFile     = "config.yaml"
	CheckpointFile = "checkpoint.qat"
	BestFile       = "best.qat"
	MetricsFile    = "metrics.jsonl"
	ManifestFile   = "manifest.json"
)

// Options say where and how a run happens; none of them changes its results.
type Options struct {
	Out      string // the run's directory; runs/NAME if empty
	Resume   bool   // continue the run in Out
	Threads  int    // 0: all cores
	Data     string // where data sets are; the config's data.root if empty
	Version  string // of the program, for the manifest
	Profile  bool   // measure the time of each operation
	Progress Progress
}

// Progress hears how a run goes on.
type Progress interface {
	// Message is a line for the user.
	Message(format string, args ...any)
	// Start tells where training begins, in steps, and how far it goes.
	Start(step, total, stepsPerEpoch int)
	// Step follows every optimizer step.
	Step(s StepInfo)
	// Epoch follows the evaluation after every epoch.
	Epoch(e EpochInfo)
}

// StepInfo is what a training step tells.
type StepInfo struct {
	Step, Epoch     int // from 1
	Loss            float64
	Penalty         *float64 // of the regularizers, not in Loss; nil without any
	MeanLoss        float64  // over the epoch so far
	Accuracy        float64  // of the training pictures of the epoch so far
	LR              float64
	ImagesPerSecond float64 // over the last steps
	Images          int
	Logged          bool // the step is in metrics.jsonl
}

// EpochInfo is what an epoch tells.
type EpochInfo struct {
	Epoch     int
	TrainLoss float64
	TrainTop1 float64
	Penalty   *float64 // mean over the epoch; nil without regularizers
	Split     string   // that Top1 is measured on
	Top1      float64
	Seconds   float64
}

// ErrInterrupted is returned after a run was cancelled and its checkpoint
// saved.
var ErrInterrupted = errors.New("interrupted; the checkpoint is saved, continue with --resume")

// ErrExists says that a run's directory is in use.
var ErrExists = errors.New("the run exists")

// Run trains as cfg says and returns the result. On cancellation of ctx it saves
// a checkpoint and returns ErrInterrupted.
func Run(ctx context.Context, cfg *configs.Config, opt Options) (*Result, error) {
	if opt.Out == "" {
		opt.Out = filepath.Join("runs", cfg.Name)
	}
	r := &run{opt: opt, dir: opt.Out, started: time.Now()}
	if err := r.claim(cfg); err != nil {
		return nil, err
	}
	var err error
	if r.Model, err = Open(cfg, opt.Data, opt.Threads); err != nil {
		return nil, err
	}
	defer r.Close()
	if err := r.train(ctx); err != nil {
		return nil, err
	}
	return r.finish(ctx)
}

// run is one execution.
type run struct {
	*Model
	opt     Options
	dir     string
	started time.Time
	sgd     *SGD
	st      state
	metrics *metrics
	loader  *datasets.Loader
	init    string
	sums    map[string]string // SHA-256 of the splits
	timings []machine.Timing  // if profiled
}

func (r *run) path(file string) string { return filepath.Join(r.dir, file) }

// claim checks that the directory is free, or holds this very run if it is to
// be resumed.
func (r *run) claim(cfg *configs.Config) error {
	saved, err := os.ReadFile(r.path(ConfigFile))
	if errors.Is(err, fs.ErrNotExist) {
		if entries, err := os.ReadDir(r.dir); err == nil && len(entries) > 0 {
			return fmt.Errorf("%w: %s is not empty and holds no run; choose another folder with --out", ErrExists, r.dir)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if !r.opt.Resume {
		return fmt.Errorf("%w: %s; continue it with --resume, or choose another folder with --out", ErrExists, r.dir)
	}
	if diff := firstDifference(string(saved), string(cfg.YAML())); diff != "" {
		return fmt.Errorf("%w: %s was started with another config (%s); use that one, or choose another folder with --out", ErrExists, r.dir, diff)
	}
	return nil
}

// firstDifference names the first line in which two resolved configs differ.
func firstDifference(saved, now string) string {
	a, b := strings.Split(saved, "\n"), strings.Split(now, "\n")
	for i := range max(len(a), len(b)) {
		x, y := "", ""
		if i < len(a) {
			x = strings.TrimSpace(a[i])
		}
		if i < len(b) {
			y = strings.TrimSpace(b[i])
		}
		if x != y {
			return fmt.Sprintf("%q then, %q now", x, y)
		}
	}
	return ""
}

// train brings the network to its trained state: from the start, or from the
// last checkpoint.
func (r *run) train(ctx context.Context) error {
	var err error
	if r.loader, err = r.Model.loader(); err != nil {
		return err
	}
	r.sgd = NewSGD(&r.Config.Train, r.Net.Learnable())
	if r.Config.Train.WeightEMA > 0 {
		if r.average, err = r.newAverage(); err != nil {
			return err
		}
	}
	resumed := false
	if r.opt.Resume {
		f, st, err := readCheckpoint(r.path(CheckpointFile))
		switch {
		case errors.Is(err, fs.ErrNotExist): // interrupted before the first checkpoint
		case err != nil:
			return err
		default:
			if err := r.restore(r.path(CheckpointFile), f, r.sgd); err != nil {
				return err
			}
			r.st, resumed, r.init = st, true, r.Config.Model.Init
			if st.FloorHits != nil {
				r.sgd.FloorHits = st.FloorHits
			}
		}
	}
	if !resumed { // a resumed run has its weights, and model.init may be gone
		if r.init, err = r.initial(); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(r.dir, 0o777); err != nil {
		return err
	}
	if err := writeFile(r.path(ConfigFile), r.Config.YAML()); err != nil {
		return err
	}
	if r.metrics, err = openMetrics(r.path(MetricsFile), r.st.Step); err != nil {
		return err
	}
	defer r.metrics.close()
	r.sums = map[string]string{"train": r.Data.Train.Checksum(), "test": r.Data.Test.Checksum()}
	if err := r.writeManifest(nil); err != nil {
		return err
	}
	if resumed {
		r.opt.Progress.Message("resuming %s after step %d", r.dir, r.st.Step)
	} else {
		r.opt.Progress.Message("model: %s, %d parameters; %s", r.Config.Model.Arch, r.Net.ParamCount(), r.init)
	}
	if err := r.calibrate(); err != nil {
		return err
	}
	if r.st.Step == 0 { // there may be no step at all
		if err := r.updateAverage(0); err != nil {
			return err
		}
	}
	if r.Config.Train.Epochs == 0 {
		return r.finishCalibration(resumed)
	}
	if err := r.loop(ctx); err != nil {
		return err
	}
	return r.finishTraining()
}

// loop runs the steps that are left.
func (r *run) loop(ctx context.Context) error {
	t := &r.Config.Train
	perEpoch := r.loader.Steps()
	total := t.Epochs * perEpoch
	if t.MaxSteps > 0 {
		total = min(total, t.MaxSteps)
	}
	every := t.CheckpointEvery.Steps(perEpoch, t.Epochs)
	r.opt.Progress.Start(r.st.Step, total, perEpoch)
	if r.st.Step >= total {
		return nil
	}
	s, err := r.newStepper(machine.Options{Profile: r.opt.Profile})
	if err != nil {
		return err
	}
	if s.teacher != nil {
		r.opt.Progress.Message("teacher: %s", s.teacher.init)
	}
	defer func() { r.timings = s.vm.Timings() }()
	s.step, s.total, s.freeze = r.st.Step, total, t.BatchNormFreeze.Steps(perEpoch, t.Epochs)
	for r.st.Step < total {
		if err := r.epoch(ctx, s, total, every); err != nil {
			return err
		}
	}
	return r.checkpoint()
}

// epoch runs the rest of the epoch in progress.
func (r *run) epoch(ctx context.Context, s *stepper, total, every int) error {
	t, perEpoch := &r.Config.Train, r.loader.Steps()
	epoch := r.st.Step / perEpoch
	it := r.loader.Epoch(epoch, r.st.Step%perEpoch)
	defer it.Close()
	var rate rate
	start := time.Now() // of the step, waiting for its batch included
	for b, ok := it.Next(); ok && r.st.Step < total; b, ok = it.Next() {
		r.sgd.LR = LearningRate(t, r.st.Step, perEpoch)
		loss, correct, err := s.forwardBackward(b)
		if err == nil {
			err = s.update(r.sgd)
		}
		if err == nil {
			err = r.updateAverage(r.st.Step)
		}
		if err != nil {
			return fmt.Errorf("step %d: %w", r.st.Step+1, err)
		}
		r.st.Step++
		r.st.LossSum += loss
		r.st.PenaltySum += s.penalty
		r.st.Correct += correct
		images := b.N
		r.st.Seen += images
		it.Release(b)
		took := time.Since(start)
		r.st.Seconds += took.Seconds()
		info := StepInfo{
			Step: r.st.Step, Epoch: epoch + 1, Loss: loss, LR: r.sgd.LR, Images: images,
			MeanLoss: r.st.LossSum * float64(t.Batch) / float64(r.st.Seen), Accuracy: float64(r.st.Correct) / float64(r.st.Seen),
			ImagesPerSecond: rate.add(images, took),
			Logged:          r.st.Step == 1 || r.st.Step%t.LogEvery == 0 || r.st.Step == total,
		}
		if r.Net.Penalized() {
			penalty := s.penalty
			info.Penalty = &penalty
		}
		if info.Logged {
			if err := r.metrics.step(info); err != nil {
				return err
			}
		}
		r.opt.Progress.Step(info)
		if r.st.Step%perEpoch == 0 || r.st.Step == total {
			if err := r.endEpoch(ctx, epoch+1, info); err != nil {
				return err
			}
		}
		if r.st.Step%every == 0 {
			if err := r.checkpoint(); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			if err := r.checkpoint(); err != nil {
				return err
			}
			return ErrInterrupted
		}
		start = time.Now()
	}
	return nil
}

// endEpoch evaluates the network on the validation split.
func (r *run) endEpoch(ctx context.Context, epoch int, last StepInfo) error {
	split := r.validation()
	// An interruption here finishes the evaluation, so that the checkpoint is
	// that of the whole epoch.
	m, err := r.evaluated()
	if err != nil {
		return err
	}
	a, err := m.Simulate(context.WithoutCancel(ctx), split)
	if err != nil {
		return err
	}
	e := EpochInfo{Epoch: epoch, TrainLoss: last.MeanLoss, TrainTop1: last.Accuracy, Split: split.Name, Top1: a.Top1, Seconds: r.st.Seconds}
	if r.Net.Penalized() {
		mean := r.st.PenaltySum * float64(r.Config.Train.Batch) / float64(r.st.Seen)
		e.Penalty = &mean
	}
	r.st.TrainLoss, r.st.LossSum, r.st.PenaltySum, r.st.Correct, r.st.Seen = e.TrainLoss, 0, 0, 0, 0
	if a.Top1 > r.st.BestTop1 || r.st.BestEpoch == 0 {
		r.st.BestTop1, r.st.BestEpoch = a.Top1, epoch
		if err := m.save(r.path(BestFile), nil, r.st); err != nil {
			return err
		}
	}
	r.opt.Progress.Epoch(e)
	return r.metrics.epoch(r.st.Step, e)
}

func (r *run) checkpoint() error {
	r.st.FloorHits = r.sgd.FloorHits
	if err := r.metrics.flush(); err != nil {
		return err
	}
	if err := r.save(r.path(CheckpointFile), r.sgd, r.st); err != nil {
		return fmt.Errorf("cannot save the checkpoint: %w", err)
	}
	return nil
}

// rate is a running mean of the speed over the last steps.
type rate struct {
	images  []int
	seconds []float64
}

func (r *rate) add(n int, d time.Duration) float64 {
	r.images, r.seconds = append(r.images, n), append(r.seconds, d.Seconds())
	if len(r.images) > 20 {
		r.images, r.seconds = r.images[1:], r.seconds[1:]
	}
	images, seconds := 0, 0.0
	for i := range r.images {
		images += r.images[i]
		seconds += r.seconds[i]
	}
	return float64(images) / max(seconds, 1e-9)
}
