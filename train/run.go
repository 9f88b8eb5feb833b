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
	"github.com/qat-go/qat/internal/atomicfile"
	"github.com/qat-go/qat/internal/filetype"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/internal/memory"
)

// The files of a run's directory.
const (
	ConfigFile     = filetype.RunConfig
	CheckpointFile = filetype.RunCheckpoint
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
	if r.Model, err = Await(ctx, func() (*Model, error) { return Open(cfg, opt.Data, opt.Threads) }); err != nil {
		return nil, err
	}
	defer r.Close()
	defer memory.Settle()()
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
			if err := r.restore(r.path(CheckpointFile), f, st, r.sgd); err != nil {
				return err
			}
			r.st, resumed, r.init = st, true, r.Config.Model.Init
			if st.FloorHits != nil {
				r.sgd.FloorHits = st.FloorHits
			}
		}
	}
	if !resumed { // a resumed run has its weights, and model.init may be gone
		if r.init, err = Await(ctx, r.initial); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(r.dir, 0o777); err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(r.path(ConfigFile), r.Config.YAML()); err != nil {
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
	if r.Net.Quantized() && !resumed {
		r.opt.Progress.Message("calibrating on training images")
	}
	if err := r.calibrate(ctx); err != nil {
		return err
	}
	if r.st.Step == 0 { // there may be no step at all
		if err := r.updateAverage(0); err != nil {
			return err
		}
	}
	if r.Config.Train.Epochs == 0 {
		return r.finishCalibration(ctx, resumed)
	}
	if err := r.loop(ctx); err != nil {
		return err
	}
	return r.finishTraining(ctx)
}
