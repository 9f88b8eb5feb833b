package experiments

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/train"
)

// Options say where and how a table is made; none changes a result.
type Options struct {
	Dir      string // of the table; tables/NAME if empty
	Threads  int    // 0: all cores
	Data     string // where data sets are; each config's data.root if empty
	Version  string // of the program
	Stale    Stale
	Progress Progress // nil: nobody hears of it
	// IgnoreMemory begins also what needs more memory than there is, and may be ended for it by the system.
	IgnoreMemory bool
}

// Progress hears how a table comes along.
type Progress interface {
	train.Progress // of the run that is being made
	// Begin tells which run is next, its place among those to be made from 1, and how many they are.
	Begin(r *Run, place, of int)
	// End follows a run: err says why it has no result.
	End(r *Run, res *Result, err error)
}

// Outcome is what became of runs.
type Outcome struct {
	Made, Known int      // runs with a result: made now, and before
	Elsewhere   int      // in the hands of other processes
	Failed      []Failed // without a result
}

// Failed is a run that gave an error.
type Failed struct {
	Run *Run
	Err error
}

// Reproduce makes those of runs that have no result yet. A run that fails is told, and the others go on. On cancellation it
// returns train.ErrInterrupted; the same call goes on where it stopped. Other processes may do the same in the same folder: a
// run is one process's at a time.
func Reproduce(ctx context.Context, t *Table, runs []*Run, opt Options) (*Outcome, error) {
	if err := errors.Join(t.check(), checkRuns(runs)); err != nil {
		return nil, err
	}
	ctx = cmp.Or(ctx, context.Background())
	if opt.Progress == nil {
		opt.Progress = silence{}
	}
	opt.Dir = cmp.Or(opt.Dir, DefaultDir(t))
	m := &maker{table: t, opt: opt, out: &Outcome{}, stale: map[string]bool{}}
	todo, err := m.missing(runs)
	if err != nil {
		return nil, err
	}
	m.out.Known = len(runs) - len(todo)
	for i, r := range todo {
		if err := m.make(ctx, r, i+1, len(todo)); err != nil {
			return m.out, err
		}
	}
	return m.out, nil
}

// DefaultDir is where a table lies if nobody says otherwise.
func DefaultDir(t *Table) string {
	if t == nil {
		return "tables"
	}
	return filepath.Join("tables", t.Name)
}

// maker makes the runs of a table.
type maker struct {
	table *Table
	opt   Options
	out   *Outcome
	stale map[string]bool // hashes of runs of another version, which are made again from their start
}

// missing are the runs that have no result. One that may not be used as it is ends the work before it begins.
func (m *maker) missing(runs []*Run) ([]*Run, error) {
	results, err := readResults(m.opt.Dir)
	if err != nil {
		return nil, err
	}
	var todo []*Run
	var stale []string
	for _, r := range runs {
		res, ok := results[r.Hash]
		why := ""
		if ok {
			why = res.differs("this is", m.opt.Version)
		} else if why, err = m.begun(m.folder(r)); err != nil {
			return nil, err
		}
		switch {
		case why != "" && m.opt.Stale == RefuseStale:
			stale = append(stale, fmt.Sprintf("%s seed %d is %s", r.Name(), r.Seed, why))
		case !ok, why != "" && m.opt.Stale == RedoStale:
			todo, m.stale[r.Hash] = append(todo, r), why != ""
		}
	}
	if len(stale) > 0 {
		more := ""
		if len(stale) > 1 {
			more = fmt.Sprintf(" (and %d more)", len(stale)-1)
		}
		return nil, fmt.Errorf("%w: %s%s; make such results again with --stale redo, count them with --stale keep, or choose another folder with --out", ErrStale, stale[0], more)
	}
	return todo, nil
}

// folder is where a run is made.
func (m *maker) folder(r *Run) string { return filepath.Join(m.opt.Dir, runsFolder, r.File()) }

// make makes one run, unless another process has, or does.
func (m *maker) make(ctx context.Context, r *Run, place, of int) error {
	res, err := readResult(filepath.Join(m.opt.Dir, resultsFolder, r.File()+".json"))
	if err == nil && res.ConfigSHA256 == r.Hash && (m.opt.Stale != RedoStale || res.Version == m.opt.Version) { // another process was faster
		m.out.Known++
		return nil
	}
	m.opt.Progress.Begin(r, place, of)
	var missing *datasets.MissingError
	res, err = m.train(ctx, r)
	switch {
	case errors.Is(err, train.ErrInterrupted) || ctx.Err() != nil:
		return errors.Join(train.ErrInterrupted, ctx.Err())
	case errors.Is(err, train.ErrInUse), errors.Is(err, train.ErrVersion):
		m.out.Elsewhere++
	case place == 1 && errors.As(err, &missing): // the others will hardly find it
		return err
	case err != nil:
		m.out.Failed = append(m.out.Failed, Failed{r, err})
	default:
		m.out.Made++
	}
	m.opt.Progress.End(r, res, err)
	return nil
}

// train makes one run and its result.
func (m *maker) train(ctx context.Context, r *Run) (*Result, error) {
	dir := m.folder(r)
	cfg, err := train.Resolve(r.begun(dir), m.opt.Data)
	if err != nil {
		return nil, err
	}
	if err := train.Check(cfg, m.opt.Data); err != nil {
		return nil, err
	}
	if !m.opt.IgnoreMemory { // the system would end the whole table, and again at the same run
		if _, err := train.Await(ctx, func() (int64, error) { return train.CheckMemory(cfg, m.opt.Data, m.opt.Threads) }); err != nil {
			return nil, err
		}
	}
	if m.stale[r.Hash] { // and not of a process of another version that works in the table at the same time
		if err := m.discard(ctx, dir); err != nil {
			return nil, err
		}
	}
	start := time.Now()
	out, err := train.Run(ctx, cfg, train.Options{Out: dir, Resume: true, SameVersion: true, Threads: m.opt.Threads, Data: m.opt.Data, Version: m.opt.Version, Progress: m.opt.Progress})
	if err != nil {
		return nil, err
	}
	res, err := m.result(r, cfg, out, dir)
	if err != nil {
		return nil, err
	}
	if out.BestSplit == "validation" {
		res.Chosen = "best"
		// The last epoch's network is known, unless its batch norms were measured anew after it.
		if n := len(res.Curve); n == 0 || res.Curve[n-1].Epoch != res.BestEpoch || cfg.Quant.BatchNormReestimation > 0 {
			if res.Test, err = m.best(ctx, res.Mode, dir); err != nil {
				return nil, err
			}
		}
	}
	res.Seconds = time.Since(start).Seconds()
	return res, res.write(m.opt.Dir, r)
}

// result is what a run measured of its last epoch.
func (m *maker) result(r *Run, cfg *configs.Config, out *train.Result, dir string) (*Result, error) {
	made, err := train.ReadManifest(dir)
	if err != nil {
		return nil, err
	}
	curve, err := train.ReadCurve(dir)
	if err != nil {
		return nil, err
	}
	res := &Result{
		Format: resultFormat, Table: m.table.Name, Name: r.Name(), Seed: r.Seed, ConfigSHA256: r.Hash, Config: string(cfg.YAML()),
		Version: made.Version, Go: made.Go, Platform: made.Platform, CPU: made.CPU, KernelPath: made.KernelPath, Threads: made.Threads,
		Dataset: made.Dataset, SHA256: made.SHA256, Finished: time.Now().UTC().Truncate(time.Second),
		Length: cfg.Train.Length().String(), FullLength: r.Full.String(), Steps: out.Steps,
		Test: out.Test, LastTest: out.Test, Mode: out.Mode, NotInteger: out.NotInteger, Chosen: "last", Simulated: out.Simulated,
		BestEpoch: out.BestEpoch, Validation: out.BestTop1, Initial: out.Initial, Calibrated: out.Calibrated,
		TrainLoss: out.TrainLoss, ImagesPerSecond: out.ImagesPerSecond, TestImages: out.Images, SizeBytes: out.SizeBytes, BitOps: out.BitOps, Curve: curve,
	}
	if r.Cell != nil {
		res.Cell = map[string]string{}
		for i, a := range m.table.Axes {
			res.Cell[a.Name] = r.Cell.Values[i]
		}
	}
	return res, nil
}

// best is the accuracy of the epoch that the validation images chose.
func (m *maker) best(ctx context.Context, mode, dir string) (float64, error) {
	c, err := train.OpenCheckpoint(filepath.Join(dir, train.BestFile), train.Reading{})
	if err != nil {
		return 0, err
	}
	model, err := c.Load(m.opt.Data, m.opt.Threads)
	if err != nil {
		return 0, err
	}
	defer model.Close()
	evaluate := func() (*train.Accuracy, error) {
		if mode != "integer" {
			return model.Simulate(ctx, model.Data.Test)
		}
		net, err := model.Lower()
		if err != nil {
			return nil, err
		}
		return model.EvaluateInteger(ctx, net, model.Data.Test)
	}
	a, err := evaluate()
	if err != nil {
		return 0, err
	}
	return a.Top1, nil
}

// silence is nobody's Progress.
type silence struct{}

func (silence) Message(string, ...any)   {}
func (silence) Start(int, int, int)      {}
func (silence) Step(train.StepInfo)      {}
func (silence) Epoch(train.EpochInfo)    {}
func (silence) Begin(*Run, int, int)     {}
func (silence) End(*Run, *Result, error) {}
