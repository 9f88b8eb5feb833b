package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/train"
)

type benchOptions struct {
	config  string
	batch   int
	steps   int
	threads int
	profile bool
	json    bool

	ignoreMemory bool
}

func newBenchCommand() *cobra.Command {
	var o benchOptions
	c := &cobra.Command{
		Use:   "bench [KEY=VALUE...]",
		Short: "Measure the speed of training and evaluation",
		Long: `Measure how many images/s this machine trains and evaluates, peak
memory, the least time that a step could take by the measured peaks of
arithmetic and memory (its roofline), and the speed of the kernels of its three
heaviest convolutions next to the peak of fused multiply-adds of one thread. The
images are random; no data is read. Rates are medians. KEY=VALUE overrides a key
of the config.

EXIT STATUS
  0    done
  1    failed
  2    the command line or the config is wrong
  130  interrupted
` + profileHelp,
		Example: `  qat bench
  qat bench --config resnet20_w8a8 --batch 64 --threads 1 --profile
  qat bench quant.activations.estimator=ewgs`,
		RunE: func(c *cobra.Command, args []string) error {
			err := checkThreads(c, o.threads)
			if c.Flags().Changed("batch") && o.batch < 1 {
				err = errors.Join(err, usagef(c, "--batch wants a number of 1 or more, found %d", o.batch))
			}
			if o.steps < 1 {
				err = errors.Join(err, usagef(c, "--steps wants a number of 1 or more, found %d", o.steps))
			}
			if err != nil {
				return err
			}
			return runBench(c.Context(), o, args, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&o.config, "config", "resnet20_w4a4", "`CONFIG` whose network is measured")
	f.IntVar(&o.batch, "batch", 0, "images of a training step, `N` (default the config's train.batch)")
	f.IntVar(&o.steps, "steps", 20, "training steps to measure, `N`")
	addThreads(c, &o.threads)
	f.BoolVar(&o.profile, "profile", false, "measure the time of each kind of operation of a training step")
	addJSON(c, &o.json)
	addIgnoreMemory(c, &o.ignoreMemory)
	return c
}

func runBench(ctx context.Context, o benchOptions, overrides []string, stdout, stderr io.Writer) error {
	if o.batch > 0 {
		overrides = append(overrides, fmt.Sprintf("train.batch=%d", o.batch))
	}
	cfg, err := configs.Load(o.config, overrides)
	if err != nil {
		return err
	}
	p := newProgress(stderr, true) // a bar would take time from what is measured
	if err := checkMemory(p, o.ignoreMemory, func() (int64, error) { return train.CheckBenchMemory(cfg, o.threads) }); err != nil {
		return err
	}
	prof, err := startProfile()
	if err != nil {
		return err
	}
	r, err := train.Bench(train.Watch(ctx, p.work), cfg, train.BenchOptions{Threads: o.threads, Steps: o.steps, Profile: o.profile || prof.on})
	if err = errors.Join(err, prof.stop()); err != nil {
		return err
	}
	return result(stdout, o.json, r, func(w io.Writer) error { return printBench(w, r) })
}

func printBench(w io.Writer, r *train.BenchResult) error {
	t := newTable(w)
	t.row("config", fmt.Sprintf("%s, batch %d", r.Config, r.Batch))
	t.row("processor", fmt.Sprintf("%s, %s kernels, threads: %d", r.CPU, r.KernelPath, r.Threads))
	t.row("training", pace(r.Train))
	if r.Eval > 0 {
		t.row("evaluation, integer network", pace(r.Eval))
	}
	t.row("evaluation, simulated", pace(r.Simulate))
	if l := r.Roofline; l != nil {
		t.row("roofline of training", fmt.Sprintf("%s, %.0f %% reached", pace(l.Train), 100*l.Share))
		t.row("peaks of all threads", fmt.Sprintf("%.0f GFLOP/s, %.0f GOP/s on bytes, memory %.1f GB/s", l.GFLOPS, l.GOPS, l.GBs))
	}
	t.row("peak memory", mebibytes(r.PeakRSSMiB))
	t.row("allocated in a training step", fmt.Sprintf("%.0f B, %.0f times", r.BytesPerStep, r.AllocsPerStep))
	t.row("peak of fused multiply-adds", fmt.Sprintf("%.1f GFLOP/s on one thread", r.PeakGFLOPS))
	if err := t.flush(); err != nil {
		return err
	}
	say(w, "")
	t = newTable(w, "KERNEL", "SHAPE", "GOP/S", "OF PEAK").dropping("SHAPE")
	for _, k := range r.Kernels {
		t.row(k.Name, k.Shape, fmt.Sprintf("%.1f", k.GFLOPS), fmt.Sprintf("%.0f %%", 100*k.Share))
	}
	if err := t.flush(); err != nil || len(r.Operations) == 0 {
		return err
	}
	say(w, "")
	return printOperations(w, r.Operations)
}
