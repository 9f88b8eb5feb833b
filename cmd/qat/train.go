package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/train"
)

type trainOptions struct {
	out      string
	resume   bool
	threads  int
	data     string
	json     bool
	plain    bool
	force    bool
	expected expectation

	ignoreMemory bool
}

func newTrainCommand() *cobra.Command {
	var o trainOptions
	c := &cobra.Command{
		Use:   "train CONFIG [KEY=VALUE...]",
		Short: "Train a network, evaluate its integer form and export it",
		Long: `Train a network as CONFIG says: a YAML file, or the name of an embedded config
("qat config list"). KEY=VALUE overrides a key of the config.

The run's directory receives config.yaml, manifest.json, metrics.jsonl,
checkpoint.qat, best.qat and the exports. It is never overwritten: an existing
run is continued with --resume, which gives the bits of an uninterrupted run.
The first interrupt (Ctrl-C) saves a checkpoint, a second one ends at once. One
process works in a directory at a time, and --resume goes on only from the data,
weights and config that the run was made from.

"--resume train.epochs=40 train.lr=0.001" extends a run, finished or not: the
schedule of the learning rate starts again at that rate, over the steps that are
left up to 40 epochs, and --resume alone then goes on so. Keys that can change
are those of how long, how fast and how often: train.epochs, .steps, .max_steps,
.lr, .schedule, .optimizer.weight_decay, .groups, .label_smoothing, .mixup,
.clip_grad_norm, .batch_norm_freeze, .log_every, .checkpoint_every, .eval_batch,
and data.workers.

best.qat is the epoch with the highest accuracy on the held-out images
(data.validation). Without any it is chosen on the test images, and its accuracy
there is too high for a result; the other accuracies are of the last epoch.

Warnings follow the result: scales that their floor held in half of their
updates or more, tensors with 90 % of their codes or more at an end of the
range, and tensors with one value everywhere (activations: on the first 100 test
images).

A missing CIFAR-10 or CIFAR-100 is downloaded to data/, unless a directory is
named; the data set cifar10-mini is built in.

EXIT STATUS
  0    done
  1    the run failed
  2    the command line or the config is wrong, or the run exists
  3    the accuracy is below --expect, or a cost of the network is more than 2 %
       from quant.target
  130  interrupted (SIGINT, SIGTERM, SIGHUP); the checkpoint is saved if there
       was a step to save
` + profileHelp,
		Example: `  qat train quickstart
  qat train resnet20_w4a4 train.epochs=8 train.seed=1 --out runs/w4a4_seed1
  qat train resnet20_w4a4 --resume train.epochs=12 train.lr=0.001
  qat train my.yaml --data ~/data --expect 0.91`,
		Args: wantArgs(1, -1, "CONFIG, a file or a name of \"qat config list\""),
		RunE: func(c *cobra.Command, args []string) error {
			if err := errors.Join(checkThreads(c, o.threads), o.expected.check(c)); err != nil {
				return err
			}
			return runTrain(c.Context(), o, args[0], args[1:], c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVarP(&o.out, "out", "o", "", "the run's directory, `DIR` (default runs/ and the config's name)")
	f.BoolVar(&o.resume, "resume", false, "continue the run in its directory, or start it; KEY=VALUE extends it")
	addThreads(c, &o.threads)
	addForce(c, &o.force)
	addData(c, &o.data)
	addJSON(c, &o.json)
	f.BoolVar(&o.plain, "plain", false, "print lines instead of a progress bar on a terminal")
	addIgnoreMemory(c, &o.ignoreMemory)
	o.expected.addFlag(c)
	return c
}

func runTrain(ctx context.Context, o trainOptions, config string, overrides []string, stdout, stderr io.Writer) error {
	cfg, err := train.Await(ctx, func() (*configs.Config, error) { return trainConfig(o, config, overrides) })
	if err != nil {
		return err
	}
	// Whoever reads what is printed may go away: the run goes on.
	signal.Ignore(syscall.SIGPIPE)
	p := newProgress(stderr, o.plain)
	defer p.close()
	ctx = train.Watch(ctx, p.work)
	if err := checkMemory(p, o.ignoreMemory, func() (int64, error) {
		return train.Await(ctx, func() (int64, error) { return train.CheckMemory(cfg, o.data, o.threads) })
	}); err != nil {
		return err
	}
	prof, err := startProfile()
	if err != nil {
		return err
	}
	fetches := func(ctx context.Context, cfg *configs.Config) error { return fetch(ctx, cfg, o.data, p) }
	res, err := train.Run(ctx, cfg, train.Options{Out: o.out, Resume: o.resume, Extend: o.resume, Force: o.force, Threads: o.threads, Data: o.data, Version: version(), Fetch: fetches, Profile: prof.on, Progress: p})
	if err = errors.Join(err, prof.stop()); err != nil {
		return err
	}
	p.close()
	if len(res.Operations) > 0 {
		_ = printOperations(stderr, res.Operations)
	}
	if err := result(stdout, o.json, res, func(w io.Writer) error { return printResult(w, res) }); err != nil && !errors.Is(err, syscall.EPIPE) {
		return fmt.Errorf("the run is done, and its results are in %s, but they cannot be printed: %w", filepath.Join(res.Run, train.ManifestFile), err)
	}
	if res.Missed != "" {
		return fmt.Errorf("%w: %s; give it more training, a larger quant.target.lambda, or another target", errMissed, res.Missed)
	}
	return o.expected.met(res.Test)
}

// trainConfig reads the config of a run. What is wrong with it shows before a download, not after it.
func trainConfig(o trainOptions, config string, overrides []string) (*configs.Config, error) {
	cfg, err := configs.Load(config, overrides)
	if err != nil {
		return nil, err
	}
	if cfg, err = train.Resolve(cfg, o.data); err != nil {
		return nil, err
	}
	if !o.resume { // a resumed run has its weights, and model.init may be gone
		if err := train.Check(cfg, o.data); err != nil {
			return nil, err
		}
	}
	m, err := train.Describe(cfg)
	if err != nil {
		return nil, err
	}
	m.Close()
	return cfg, nil
}

// printResult prints what was measured.
func printResult(w io.Writer, r *train.Result) error {
	say(w, "top-1 accuracy on %d test images", r.Images)
	t := newTable(w)
	trained := "trained"
	switch {
	case r.Steps == 0 && r.Quantized:
		trained = "calibrated only"
	case r.Steps == 0:
		trained = "float"
	}
	if r.Initial != nil {
		t.row("  float", percent(*r.Initial))
	}
	if r.Calibrated != nil && r.Steps > 0 {
		t.row("  calibrated only", percent(*r.Calibrated))
	}
	if r.Disagreements == nil {
		t.row("  "+trained, percent(r.Simulated))
		t.row("integer network", "none: "+r.NotInteger)
	} else {
		t.row("  "+trained+", simulated", percent(r.Simulated))
		t.row("  "+trained+", integer network", fmt.Sprintf("%s  differs from the simulation on %d", percent(r.Test), *r.Disagreements))
	}
	top5Row(t, r.TestTop5, r.Classes)
	t.row("size", size(r.SizeBytes))
	t.row("BitOps", count(r.BitOps))
	if r.ImagesPerSecond > 0 {
		t.row("training", pace(r.ImagesPerSecond))
	}
	t.row("peak memory", mebibytes(r.PeakRSSMiB))
	exportRows(t, r.Exported)
	if r.BestEpoch > 0 {
		chosen := "on the held-out images"
		if r.BestSplit == "test" {
			chosen = "chosen on these test images"
		}
		t.row("best.qat", fmt.Sprintf("%s  epoch %d, %s", percent(r.BestTop1), r.BestEpoch, chosen))
	}
	t.row("run", r.Run)
	if err := t.flush(); err != nil {
		return err
	}
	return printFindings(w, r.Findings)
}
