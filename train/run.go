package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/internal/atomicfile"
	"github.com/qat-go/qat/internal/filetype"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/internal/memory"
	"github.com/qat-go/qat/internal/regular"
)

// The files of a run's directory.
const (
	ConfigFile     = filetype.RunConfig
	CheckpointFile = filetype.RunCheckpoint
	BestFile       = "best.qat"
	MetricsFile    = "metrics.jsonl"
	ManifestFile   = "manifest.json"
	DataFile       = "data.tsv.gz" // see [datasets.Dataset.Inventory]
)

// Options say where and how a run happens; none of them changes its results.
type Options struct {
	Out     string // the run's directory; runs/NAME if empty
	Resume  bool   // continue the run in Out
	Extend  bool   // with Resume: settings that overrides gave ([configs.Load]) change the run from here on
	Force   bool   // read damaged files all the same
	Threads int    // 0: all cores
	Data    string // where data sets are; the config's data.root if empty
	Version string // of the program, for the manifest
	// SameVersion refuses to go on with a run of another version, with [ErrVersion].
	SameVersion bool
	// Fetch makes the data set be there, once it is known that the run can be; nil: it is there.
	Fetch    func(context.Context, *configs.Config) error
	Profile  bool     // measure the time of each operation
	Progress Progress // nil: nobody hears of it
}

// ErrInterrupted is returned after a run was cancelled and its checkpoint
// saved.
var ErrInterrupted = errors.New("interrupted; the checkpoint is saved, continue with --resume")

// ErrExists says that a run's directory has files of another run.
var ErrExists = errors.New("the run exists")

// Run trains as cfg says and returns the result. On cancellation of ctx it saves
// a checkpoint and returns ErrInterrupted.
func Run(ctx context.Context, cfg *configs.Config, opt Options) (*Result, error) {
	ctx = cmp.Or(ctx, context.Background())
	if cfg == nil {
		return nil, errNoConfig
	}
	cfg, err := Resolve(cfg, opt.Data)
	if err != nil {
		return nil, err
	}
	if opt.Progress == nil {
		opt.Progress = silence{}
	}
	if opt.Out == "" {
		opt.Out = filepath.Join("runs", cfg.Name)
	}
	r := &run{opt: opt, dir: opt.Out, started: time.Now()}
	if cfg, err = r.claim(ctx, cfg); err != nil {
		return nil, err
	}
	defer r.Close()
	if opt.Fetch != nil {
		if err := opt.Fetch(ctx, cfg); err != nil {
			return nil, err
		}
	}
	if r.Model, err = Await(ctx, func() (*Model, error) { return open(ctx, cfg, opt.Data, opt.Threads) }); err != nil {
		return nil, err
	}
	if r.Model.Data.Test.Len() == 0 {
		return nil, fmt.Errorf("%s has no test images; want some, on which a run is evaluated: add them, or raise data.test_share where it applies", r.Model.Data.Name)
	}
	images := r.Model.Data.Train.Len() + r.Model.Data.Validation.Len()
	if foreseen, _ := datasets.TrainLen(string(cfg.Data.Dataset), cfg.DataOptions(opt.Data)); images != foreseen && !r.goesOn() { // which Check did not know
		if found := checkLength(cfg, images); found != nil {
			return nil, found
		}
	}
	r.Model.reading = r.reading()
	defer memory.Settle()()
	if err := r.train(ctx); err != nil {
		return nil, err
	}
	return r.finish(ctx)
}

// goesOn tells that an earlier process has made a checkpoint of the run.
func (r *run) goesOn() bool {
	_, err := os.Stat(r.path(CheckpointFile))
	return err == nil
}

// run is one execution.
type run struct {
	*Model
	opt       Options
	dir       string
	started   time.Time
	optimizer *Optimizer
	st        state
	metrics   *metrics
	loader    *datasets.Loader
	broken    int // images that could not be read and were told
	noted     []string
	init      string
	before    string // init, as the process before this one wrote it
	origin    origin
	lock      *Lock
	last      *checkpoint      // that the run goes on from, until it does
	ends      []int            // of the stages of quant.schedule, in steps
	changed   []Changed        // by arguments, in an extension
	earlier   []string         // versions that trained steps of the run before
	timings   []machine.Timing // if profiled
	waiting   machine.Timing   // for batches
}

func (r *run) path(file string) string { return filepath.Join(r.dir, file) }

// maxFile is the most that a text file of a run's directory may have, in bytes: metrics.jsonl of millions of steps.
const maxFile = 1 << 30

func (r *run) read(file string) ([]byte, error) { return regular.Read(r.path(file), maxFile) }

// claim takes the run's directory, which is free, or holds this very run if it is to be resumed. It returns the config that
// the run goes on with.
func (r *run) claim(ctx context.Context, cfg *configs.Config) (*configs.Config, error) {
	err := filetype.CheckFolder(r.dir, "a folder for the run")
	if err == nil {
		err = r.taken()
	}
	if err != nil {
		return nil, err
	}
	if r.lock, err = LockDir(ctx, r.dir, r.opt.Progress.Message); err != nil {
		return nil, err
	}
	if err = r.taken(); err == nil { // another process may have been faster
		cfg, err = Await(ctx, func() (*configs.Config, error) { return r.goOn(cfg) })
	}
	if err != nil {
		r.lock.Release()
		return nil, err
	}
	atomicfile.Clean(r.dir)
	return cfg, nil
}

// Close ends the run's threads and lets other processes into its directory.
func (r *run) Close() {
	if r.Model != nil {
		r.Model.Close()
	}
	r.lock.Release()
}

// reading says how the run reads files that may be damaged. What there is to say of one it says once, however often it is read.
func (r *run) reading() Reading {
	return Reading{Force: r.opt.Force, Note: func(format string, args ...any) {
		if text := fmt.Sprintf(format, args...); !slices.Contains(r.noted, text) {
			r.noted = append(r.noted, text)
			r.opt.Progress.Message("%s", text)
		}
	}}
}

// train brings the network to its trained state: from the start, or from the
// last checkpoint.
func (r *run) train(ctx context.Context) error {
	resumed, err := Await(ctx, r.begin)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	if err := r.checkSize(); err != nil {
		return err
	}
	if len(r.changed) > 0 { // recorded before its first step: however that ends, the run goes on extended
		if err := r.save(r.path(CheckpointFile), true, r.st, r.origin); err != nil {
			return fmt.Errorf("cannot save the checkpoint: %w", err)
		}
	}
	if err := atomicfile.WriteBytes(r.path(ConfigFile), r.Config.YAML()); err != nil {
		return err
	}
	if err := r.writeInventory(resumed); err != nil {
		return err
	}
	if r.metrics, err = r.openMetrics(); err != nil {
		return err
	}
	defer r.metrics.close()
	if err := r.writeManifest(nil); err != nil {
		return err
	}
	if len(r.changed) > 0 {
		r.tellExtension()
	} else if resumed {
		r.opt.Progress.Message("resuming %s after step %d", r.dir, r.st.Step)
	} else {
		r.opt.Progress.Message("model: %s, %d parameters; %s", r.Config.Model.Arch, r.Net.ParamCount(), r.init)
	}
	if r.Net.WantedBatches() > 0 {
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
	if !r.Config.Train.Trains() {
		return r.finishCalibration(ctx, resumed)
	}
	if err := r.loop(ctx); err != nil {
		return err
	}
	return r.finishTraining(ctx)
}

// begin readies the network for its first step, or true, for the one after its last checkpoint. It reads and hashes all
// that the run is made from, which takes a while, and writes nothing.
func (r *run) begin() (resumed bool, err error) {
	first := 0
	if r.last != nil {
		first = min(r.last.state.Stage, max(len(r.Config.Quant.Schedule)-1, 0)) // what cannot be, resume reports
		r.learned = r.last.state.Bits
	}
	if err := r.at(first); err != nil {
		return false, err
	}
	if r.loader, err = r.Model.loader(); err != nil {
		return false, err
	}
	if r.ends, err = r.Config.Quant.Ends(r.perEpoch(), r.Config.Train.Total(r.perEpoch())); err != nil {
		return false, err
	}
	r.optimizer = NewOptimizer(&r.Config.Train, r.Net.Store.Learnable())
	if r.Config.Train.WeightEMA > 0 {
		if r.average, err = r.newAverage(); err != nil {
			return false, err
		}
	}
	if r.origin, err = r.newOrigin(); err != nil {
		return false, err
	}
	if r.opt.Resume {
		if resumed, err = r.resume(); err != nil {
			return false, err
		}
	}
	if !resumed { // a resumed run has its weights, and model.init may be gone
		if r.init, err = r.initial(); err != nil {
			return false, err
		}
		if r.Config.Model.Init != configs.RandomInit {
			r.origin.Init, r.origin.InitQuantizers = r.weightsDigest(), r.quantizersDigest()
		}
	}
	return resumed, nil
}
