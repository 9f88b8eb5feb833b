package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/qat-go/qat/experiments"
	"github.com/qat-go/qat/train"
)

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
	opt := experiments.Options{Dir: t.dir, Threads: o.threads, Data: o.data, Version: version(), Stale: experiments.Stale(o.stale), IgnoreMemory: o.ignoreMemory,
		Progress: &tableProgress{progress: p}}
	if err := scale(ctx, o, t, opt, p); err != nil {
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
		if out, err = makeRuns(ctx, t, runs, opt, p); err != nil {
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

// scale fits the table into its budget. Listing it and printing it measure nothing.
func scale(ctx context.Context, o reproduceOptions, t *openedTable, opt experiments.Options, p *progress) error {
	budget := cmp.Or(o.budget, t.Budget)
	if !o.list && !o.render {
		_, err := experiments.Scale(ctx, t.Table, budget, opt, measuring(p))
		return err
	}
	share, err := experiments.ScaleAsBegun(t.Table, t.dir, budget)
	if err == nil && share == 0 {
		p.Message("what the budget leaves of the epochs is measured before the first run; these are all of them")
	}
	return err
}

// makeRuns makes what is missing.
func makeRuns(ctx context.Context, t *openedTable, runs []*experiments.Run, opt experiments.Options, p *progress) (experiments.Outcome, error) {
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

// showTable writes the table's files and prints it, each even where the other is not possible.
func showTable(t *openedTable, js bool, stdout io.Writer) ([]*experiments.Summary, error) {
	all, err := experiments.Summarize(t.Table, t.cells, t.seeds, t.dir)
	if err != nil {
		return nil, err
	}
	return all, errors.Join(experiments.Write(t.dir, t.Table, all), printTable(t, js, stdout, all))
}

func printTable(t *openedTable, js bool, stdout io.Writer, all []*experiments.Summary) error {
	if js {
		report, err := experiments.Report(t.Table, all)
		if err != nil {
			return err
		}
		return printJSON(stdout, report)
	}
	var text bytes.Buffer
	if err := experiments.WriteMarkdown(&text, t.Table, all); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		if err := say(stdout, "%s", strings.TrimSuffix(line, "\n")); err != nil {
			return err
		}
	}
	return nil
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
	start time.Time // of the first run
	made  int
}

var _ experiments.Progress = (*tableProgress)(nil)

// Begin implements experiments.Progress.
func (p *tableProgress) Begin(r *experiments.Run, place, of int) {
	left := ""
	if p.start.IsZero() {
		p.start = time.Now()
	}
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
