package main

import (
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/qat-go/qat/experiments"
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

	ignoreMemory bool

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
	addIgnoreMemory(c, &o.ignoreMemory)
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
