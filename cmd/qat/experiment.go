package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/qat-go/qat/experiments"
)

func newExperimentCommand() *cobra.Command {
	c := newGroup(&cobra.Command{
		Use:   "experiment",
		Short: "List, check and print tables of experiments",
	})
	c.AddCommand(newExperimentListCommand(), newExperimentCheckCommand(), newExperimentPrintCommand())
	return c
}

func newExperimentListCommand() *cobra.Command {
	var js bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the embedded tables",
		Long: `List the embedded tables of experiments, for "qat reproduce".

EXIT STATUS
  0  done`,
		Example: `  qat experiment list`,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			type row struct {
				Name  string `json:"name"`
				Title string `json:"title"`
				Cells int    `json:"cells"`
				Runs  int    `json:"runs"`
			}
			rows := []row{}
			for _, name := range experiments.Names() {
				t, err := experiments.Load(name, nil)
				if err != nil {
					return err
				}
				runs, err := experiments.Runs(t.Cells, t.Seeds)
				if err != nil {
					return err
				}
				rows = append(rows, row{name, t.Title, len(t.Cells), len(runs)})
			}
			return result(c.OutOrStdout(), js, rows, func(w io.Writer) error {
				t := newTable(w, "TABLE", "CELLS", "RUNS", "TITLE")
				t.breaks = true
				for _, r := range rows {
					t.row(r.Name, r.Cells, r.Runs, r.Title)
				}
				return t.flush()
			})
		},
	}
	addJSON(c, &js)
	return c
}

func newExperimentPrintCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "print TABLE",
		Short: "Print the YAML of a table, to begin one of one's own with",
		Long: `Print the YAML of TABLE, a file or an embedded table, as it is written. Configs
that it names are looked for beside the file, then among the embedded ones.

EXIT STATUS
  0    done
  2    the command line is wrong, or there is no such table`,
		Example: `  qat experiment print cifar10_resnet20 > my_table.yaml`,
		Args:    wantArgs(1, 1, "TABLE, a file or the name of an embedded table"),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := experiments.Text(args[0])
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(text)
			return err
		},
	}
}

func newExperimentCheckCommand() *cobra.Command {
	var o reproduceOptions
	c := &cobra.Command{
		Use:   "check TABLE [KEY=VALUE...]",
		Short: "Check a table, and measure what its runs cost on this machine",
		Long: `Read TABLE, a YAML file or an embedded table, as "qat reproduce" does, measure
on random images how fast each kind of its runs is on this machine, and list
the runs with their time. Nothing is written.

EXIT STATUS
  0    done
  1    a run cannot be measured
  2    the command line or the table is wrong
  130  interrupted`,
		Example: `  qat experiment check mini
  qat experiment check my_table.yaml --only "LSQ *" --seeds 1`,
		Args: wantArgs(1, -1, "TABLE, a file or the name of an embedded table"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := errors.Join(checkThreads(c, o.threads), o.checkSeeds(c)); err != nil {
				return err
			}
			return runExperimentCheck(c.Context(), o, args[0], args[1:], c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&o.only, "only", "", "check the cells that `GLOB` matches, or several globs with | between them")
	f.IntVar(&o.seeds, "seeds", 0, "seeds 0 to `N`-1 (default: those of the table)")
	addThreads(c, &o.threads)
	addData(c, &o.data)
	addJSON(c, &o.json)
	addIgnoreMemory(c, &o.ignoreMemory)
	return c
}

// costRow is a run with what it takes.
type costRow struct {
	Run     string  `json:"run"`
	Seed    uint64  `json:"seed"`
	Length  string  `json:"length"`
	Pace    float64 `json:"images_per_second"`
	Seconds float64 `json:"seconds"`
}

type costReport struct {
	Table   string    `json:"table"`
	Runs    []costRow `json:"runs"`
	Seconds float64   `json:"seconds"`
}

func runExperimentCheck(ctx context.Context, o reproduceOptions, name string, overrides []string, stdout, stderr io.Writer) error {
	whole, err := experiments.Load(name, overrides)
	if err != nil {
		return err
	}
	t, err := openTable(o, whole)
	if err != nil {
		return err
	}
	runs, err := experiments.Runs(t.cells, t.seeds)
	if err != nil {
		return err
	}
	p := newProgress(stderr, true)
	costs, err := experiments.Costs(ctx, runs, experiments.Options{Threads: o.threads, Data: o.data, IgnoreMemory: o.ignoreMemory}, measuring(p))
	if err != nil {
		return err
	}
	r := &costReport{Table: t.Name, Runs: []costRow{}, Seconds: experiments.Total(costs).Seconds()}
	for _, c := range costs {
		r.Runs = append(r.Runs, costRow{c.Run.Name(), c.Run.Seed, c.Run.Config.Train.Length().String(), c.Pace.Training, c.Time.Seconds()})
	}
	return result(stdout, o.json, r, r.print)
}

func (r *costReport) print(w io.Writer) error {
	t := newTable(w, "RUN", "SEED", "LENGTH", "IMAGES/S", "TIME")
	for _, c := range r.Runs {
		t.row(c.Run, c.Seed, c.Length, perSecond(c.Pace, fmt.Sprintf("%.0f", c.Pace)), duration(c.Seconds))
	}
	if err := t.flush(); err != nil {
		return err
	}
	say(w, "%d runs, %s on this machine", len(r.Runs), time.Duration(r.Seconds*float64(time.Second)).Round(time.Minute))
	return nil
}
