package main

import (
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/qat-go/qat/experiments"
)

func newSweepCommand() *cobra.Command {
	var o reproduceOptions
	c := &cobra.Command{
		Use:   "sweep CONFIG KEY=A,B,C...",
		Short: "Run a config with several values of its keys, and print a table",
		Long: `Run CONFIG, a YAML file or an embedded config, with each value of each key, and
print a table: "qat reproduce" without a file for the table. A key with one
value is set in all runs; seed=0..4 gives the seeds.

sweeps/ receives a folder with the name of the config and its keys, with the
results, the runs, and table.md, table.csv and table.html. The same command goes
on where it was stopped.

EXIT STATUS
  0    done
  1    runs failed; the same command tries them again
  2    the command line or the config is wrong, or the folder has results of
       another version (see --stale) or budget
  3    cells differ from --expect
  130  interrupted (SIGINT, SIGTERM, SIGHUP); the same command goes on`,
		Example: `  qat sweep quickstart train.lr=0.1,0.01,0.001
  qat sweep resnet20_w4a4 quant.weights.bits=2,3,4 seed=0..2 train.epochs=2`,
		Args: wantArgs(2, -1, "CONFIG and KEY=A,B,C"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := errors.Join(checkThreads(c, o.threads), o.check(c)); err != nil {
				return err
			}
			t, err := experiments.Sweep(args[0], args[1:])
			if err != nil {
				return err
			}
			if o.out == "" {
				o.out = filepath.Join("sweeps", t.Name)
			}
			return runTable(c.Context(), o, t, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	addTableFlags(c, &o)
	c.Flags().Lookup("out").Usage = "the table's folder, `DIR` (default sweeps/ and its name)"
	return c
}
