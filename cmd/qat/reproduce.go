package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/qat-go/qat/experiments"
	"github.com/qat-go/qat/train"
)

type reproduceOptions struct {
	out     string
	only    string
	seeds   int
	budget  time.Duration
	shard   string
	shards  int
	list    bool
	render  bool
	stale   string
	expect  string
	threads int
	data    string
	json    bool
	plain   bool

	part experiments.Shard
}

func newReproduceCommand() *cobra.Command {
	var o reproduceOptions
	c := &cobra.Command{
		Use:   "reproduce TABLE [KEY=VALUE...]",
		Short: "Run a table of experiments, and print published beside measured",
		Long: `Run the experiments of TABLE, a YAML file or an embedded table, that have no
result yet, and print the table: published accuracies beside those measured.
KEY=VALUE overrides a key of all of its configs.

tables/TABLE receives results/, a small file a run, the runs themselves, and
table.md, table.csv and table.html. The same command goes on where it was
stopped. A run that fails is told, and the others go on. Several processes may
work on a table at once, on one machine or on a file system that machines share.

--budget scales the epochs of all runs by one share, so that they fit into a
time on this machine; the folder remembers the share, and the table says so.
--shard i/n makes every n-th run only; an array of Slurm jobs sets it by itself,
--shards n takes i from an indexed job of Kubernetes.
--expect takes a table.csv of before, and names each cell that differs.

EXIT STATUS
  0    done
  1    runs failed; the same command tries them again
  2    the command line or the table is wrong, or the folder has results of
       another version (see --stale) or budget
  3    cells differ from --expect
  130  interrupted (SIGINT, SIGTERM, SIGHUP); the same command goes on`,
		Example: `  qat reproduce mini
  qat reproduce cifar10_resnet20 --only "LSQ *|PACT 4/4" --seeds 3 --budget 8h
  qat reproduce my_table.yaml --render`,
		Args: wantArgs(1, -1, "TABLE, a file or the name of an embedded table"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := errors.Join(checkThreads(c, o.threads), o.check(c)); err != nil {
				return err
			}
			t, err := experiments.Load(args[0], args[1:])
			if err != nil {
				return err
			}
			return runTable(c.Context(), o, t, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	addTableFlags(c, &o)
	return c
}

// addTableFlags adds the flags of a command that runs a table.
func addTableFlags(c *cobra.Command, o *reproduceOptions) {
	f := c.Flags()
	f.StringVarP(&o.out, "out", "o", "", "the table's folder, `DIR` (default tables/ and its name)")
	f.StringVar(&o.only, "only", "", "run and print the cells that `GLOB` matches, or several globs with | between them")
	f.IntVar(&o.seeds, "seeds", 0, "run seeds 0 to `N`-1 (default: those of the table)")
	f.DurationVar(&o.budget, "budget", 0, "scale epochs so that all runs take this `TIME`, such as 90m or 8h")
	f.StringVar(&o.shard, "shard", "", "make the runs of shard `i/n`, counted from 0")
	f.IntVar(&o.shards, "shards", 0, "`N` shards, of which JOB_COMPLETION_INDEX is one")
	f.BoolVar(&o.list, "list", false, "list the runs and which have results, and run none")
	f.BoolVar(&o.render, "render", false, "write and print the table as far as it is filled, and run none")
	f.StringVar(&o.stale, "stale", "", "what happens to results of another version: `redo|keep`")
	f.StringVar(&o.expect, "expect", "", "fail with status 3 if cells measure something else than in `FILE`, a table.csv")
	addThreads(c, &o.threads)
	addData(c, &o.data)
	addJSON(c, &o.json)
	f.BoolVar(&o.plain, "plain", false, "print lines instead of a progress bar on a terminal")
}

func (o *reproduceOptions) check(c *cobra.Command) (err error) {
	switch s := experiments.Stale(o.stale); {
	case s != experiments.RefuseStale && s != experiments.RedoStale && s != experiments.KeepStale:
		return usagef(c, "--stale wants redo or keep, found %q", o.stale)
	case o.list && (o.render || o.expect != ""):
		return usagef(c, "--list goes neither with --render nor with --expect")
	case o.budget < 0 || o.budget == 0 && c.Flags().Changed("budget"):
		return usagef(c, "--budget wants a time above 0, found %v", o.budget)
	case o.shards < 0 || o.shards == 0 && c.Flags().Changed("shards"):
		return usagef(c, "--shards wants a number of 1 or more, found %d", o.shards)
	case o.shard != "" && o.shards > 0:
		return usagef(c, "--shard and --shards do not go together")
	case o.shard != "":
		o.part, err = experiments.ParseShard(o.shard)
		if err != nil {
			return usagef(c, "--shard: %v", err)
		}
	default:
		if o.part, err = experiments.ShardOf(os.Getenv, o.shards); err != nil {
			return usagef(c, "%v", err)
		}
	}
	if o.expect != "" && o.part.Of > 1 {
		return usagef(c, "--expect wants a whole table, and this is shard %d of %d; compare with --render once all are done", o.part.Index, o.part.Of)
	}
	return o.checkSeeds(c)
}

func (o *reproduceOptions) checkSeeds(c *cobra.Command) error {
	if c.Flags().Changed("seeds") && !(o.seeds >= 1 && o.seeds <= experiments.MaxSeeds) {
		return usagef(c, "--seeds wants a number from 1 to %d, found %d", experiments.MaxSeeds, o.seeds)
	}
	return nil
}

// openedTable is what a command does with a table.
type openedTable struct {
	*experiments.Table
	cells []*experiments.Cell
	seeds []uint64
	dir   string
}

// openTable is the part of a table that is asked for.
func openTable(o reproduceOptions, t *experiments.Table) (*openedTable, error) {
	cells, err := t.Select(o.only)
	if err != nil {
		return nil, err
	}
	if o.seeds > 0 {
		t.Seeds = experiments.FirstSeeds(o.seeds)
	}
	return &openedTable{Table: t, cells: cells, seeds: t.Seeds, dir: cmp.Or(o.out, experiments.DefaultDir(t))}, nil
}

// measuring tells which kind of run is being measured.
func measuring(p *progress) func(kind, of int) {
	return func(kind, of int) { p.Message("measuring the speed of kind %d of %d of the runs", kind, of) }
}

// runTable makes what is missing of a table, and shows it.
func runTable(ctx context.Context, o reproduceOptions, whole *experiments.Table, stdout, stderr io.Writer) error {
	p := newProgress(stderr, o.plain)
	defer p.close()
	t, err := openTable(o, whole)
	if err != nil {
		return err
	}
	var expected *experiments.Expected
	if o.expect != "" {
		if expected, err = experiments.ReadExpected(o.expect, whole); err != nil {
			return err
		}
	}
	scaling := experiments.Options{Dir: t.dir, Threads: o.threads, Data: o.data, Progress: &tableProgress{progress: p}}
	if _, err := experiments.Scale(ctx, t.Table, cmp.Or(o.budget, t.Budget), scaling, measuring(p)); err != nil {
		return err
	}
	runs, err := experiments.Runs(t.cells, t.seeds)
	if err != nil {
		return err
	}
	runs = o.part.Part(runs)
	if o.list {
		return listRuns(stdout, t, runs, o.json)
	}
	var out experiments.Outcome
	if !o.render {
		if out, err = makeRuns(ctx, o, t, runs, p); err != nil {
			return err
		}
	}
	cells, err := showTable(t, o.json, stdout)
	switch n := len(out.Failed); {
	case n > 0:
		return errors.Join(err, fmt.Errorf("%d of %d runs failed; the same command tries them again", n, len(runs)))
	case err != nil || expected == nil:
		return err
	case out.Elsewhere > 0:
		return errors.New("the table is not compared with --expect before other processes have made their runs; the same command can do it then")
	}
	return differences(expected, t.Table, cells)
}

// makeRuns makes what is missing.
func makeRuns(ctx context.Context, o reproduceOptions, t *openedTable, runs []*experiments.Run, p *progress) (experiments.Outcome, error) {
	tp := &tableProgress{progress: p, start: time.Now()}
	opt := experiments.Options{Dir: t.dir, Threads: o.threads, Data: o.data, Version: version(), Stale: experiments.Stale(o.stale), Progress: tp}
	out, err := experiments.Reproduce(train.Watch(ctx, p.work), t.Table, runs, opt)
	if err != nil {
		return experiments.Outcome{}, err
	}
	p.close()
	p.Message("%d runs made now, %d before", out.Made, out.Known)
	if out.Elsewhere > 0 {
		p.Message("%d runs are in the hands of other processes; the table shows them when those are done", out.Elsewhere)
	}
	return *out, nil
}

// showTable writes the table's files and prints it.
func showTable(t *openedTable, js bool, stdout io.Writer) (all []*experiments.Summary, err error) {
	all, err = experiments.Summarize(t.Table, t.cells, t.seeds, t.dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, experiments.Write(t.dir, t.Table, all)) }() // it is printed even where it cannot be written
	if js {
		report, err := experiments.Report(t.Table, all)
		if err != nil {
			return nil, err
		}
		return all, printJSON(stdout, report)
	}
	var text bytes.Buffer
	if err := experiments.WriteMarkdown(&text, t.Table, all); err != nil {
		return nil, err
	}
	for line := range strings.Lines(text.String()) {
		if err := say(stdout, "%s", strings.TrimSuffix(line, "\n")); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// differences is an error for each cell that is not as expected.
func differences(expected *experiments.Expected, t *experiments.Table, cells []*experiments.Summary) error {
	off, err := expected.Differences(t, cells)
	for _, cell := range off {
		err = errors.Join(err, fmt.Errorf("%w: %s", errMissed, cell))
	}
	return err
}

// listRuns prints the runs of a table.
func listRuns(stdout io.Writer, t *openedTable, runs []*experiments.Run, js bool) error {
	known, err := experiments.Known(t.dir, runs)
	if err != nil {
		return err
	}
	type row struct {
		Run    string   `json:"run"`
		Seed   uint64   `json:"seed"`
		Length string   `json:"length"`
		Test   *float64 `json:"test_top1,omitempty"`
	}
	rows := []row{}
	for i, r := range runs {
		line := row{Run: r.Name(), Seed: r.Seed, Length: r.Config.Train.Length().String()}
		if known[i] != nil {
			line.Test = &known[i].Test
		}
		rows = append(rows, line)
	}
	return result(stdout, js, rows, func(w io.Writer) error {
		tab := newTable(w, "RUN", "SEED", "LENGTH", "RESULT")
		for _, r := range rows {
			done := "missing"
			if r.Test != nil {
				done = percent(*r.Test)
			}
			tab.row(r.Run, r.Seed, r.Length, done)
		}
		return tab.flush()
	})
}

// tableProgress tells of runs what a run's progress does not.
type tableProgress struct {
	*progress
	start time.Time
	made  int
}

var _ experiments.Progress = (*tableProgress)(nil)

// Begin implements experiments.Progress.
func (p *tableProgress) Begin(r *experiments.Run, place, of int) {
	left := ""
	if p.made > 0 {
		each := time.Since(p.start) / time.Duration(p.made)
		left = fmt.Sprintf("; about %s left", duration((each * time.Duration(of-place+1)).Seconds()))
	}
	p.heard = false
	p.Message("run %d/%d: %s, seed %d%s", place, of, r.Name(), r.Seed, left)
}

// End implements experiments.Progress.
func (p *tableProgress) End(r *experiments.Run, res *experiments.Result, err error) {
	p.close()
	p.made++
	if err != nil {
		p.Message("%s, seed %d: %v", r.Name(), r.Seed, err)
		return
	}
	p.Message("%s, seed %d: %s", r.Name(), r.Seed, percent(res.Test))
}
