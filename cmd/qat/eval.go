package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/filetype"
	"github.com/qat-go/qat/train"
)

type evalOptions struct {
	simulate bool
	target   string
	dataset  string
	data     string
	limit    int
	threads  int
	json     bool
	plain    bool
	force    bool
	expected expectation

	predictions string
}

func newEvalCommand() *cobra.Command {
	var o evalOptions
	c := &cobra.Command{
		Use:   "eval RUN|CHECKPOINT|EXPORT",
		Short: "Measure the test accuracy of the integer network",
		Long: `Measure the accuracy on the test set. The argument is a run's directory (its
last checkpoint counts), a checkpoint (.qat) or an exported network
(.safetensors).

What runs is the integer network, exactly as exported. --simulate runs the
floating-point simulation that training uses instead; a network with layers left
in floating point has no other form.

A run knows its data set; an exported network is tested on --dataset. The data
set random has 256 images of random pixels, of the size that the network takes.

EXIT STATUS
  0    done
  1    failed, for instance because the network has no integer form
  2    the command line is wrong
  3    the accuracy is below --expect
  130  interrupted`,
		Example: `  qat eval runs/quickstart
  qat eval runs/quickstart/best.qat --simulate --limit 500
  qat eval runs/quickstart/model.safetensors --dataset cifar10-mini
  qat eval runs/quickstart --predictions predictions.csv`,
		Args: wantArgs(1, 1, "a RUN, a CHECKPOINT or an EXPORT"),
		RunE: func(c *cobra.Command, args []string) error {
			export, err := o.check(c, args[0])
			if err != nil {
				return err
			}
			evaluate := evalTrained
			if export {
				evaluate = evalExport
			}
			if o.predictions == "" {
				return runEval(c.Context(), o, args[0], evaluate, c.OutOrStdout(), c.ErrOrStderr())
			}
			if err := writable(c, o.predictions, filetype.Text, o.force); err != nil {
				return err
			}
			return writePredictions(c.Context(), o.predictions, func(ctx context.Context) error {
				return runEval(ctx, o, args[0], evaluate, c.OutOrStdout(), c.ErrOrStderr())
			})
		},
	}
	f := c.Flags()
	f.BoolVar(&o.simulate, "simulate", false, "run the floating-point simulation")
	addTarget(c, &o.target)
	f.StringVar(&o.dataset, "dataset", "", "data set of an exported network, `NAME`: "+strings.Join(datasets.Names(), ", ")+" (default cifar10)")
	addData(c, &o.data)
	addLimit(c, &o.limit, "take")
	addThreads(c, &o.threads)
	addForce(c, &o.force)
	addJSON(c, &o.json)
	f.StringVar(&o.predictions, "predictions", "", "write index, label, prediction and logits of each test image to `FILE`.csv; of the target dyadic, the logits' integers")
	f.BoolVar(&o.plain, "plain", false, "print lines instead of a progress bar on a terminal")
	o.expected.addFlag(c)
	return c
}

func (o *evalOptions) check(c *cobra.Command, path string) (export bool, err error) {
	if err := checkSimulate(c, o.simulate, o.target); err != nil {
		return false, err
	}
	dataset := cmp.Or(o.dataset, string(configs.CIFAR10))
	err = errors.Join(checkLimit(c, o.limit), checkTarget(c, o.target), checkDataset(c, dataset, datasets.Names()), checkThreads(c, o.threads), o.expected.check(c))
	if err == nil {
		export, err = isExport(path)
	}
	switch {
	case err != nil:
		return false, err
	case export && o.simulate:
		return false, noSimulation(c)
	case !export && o.dataset != "":
		return false, usagef(c, "--dataset goes with an exported network; a run knows its data set")
	}
	o.dataset = dataset
	return export, nil
}

type evalResult struct {
	train.Experiment
	Top1            float64 `json:"test_top1"`
	Top5            float64 `json:"test_top5"`
	Classes         int     `json:"classes"`
	Images          int     `json:"images"`
	ImagesPerSecond float64 `json:"images_per_second"`
	Mode            string  `json:"mode"` // integer or simulate
	Target          string  `json:"target,omitempty"`
}

// evaluator measures the accuracy of what path names, and tells in r what that is.
type evaluator func(ctx context.Context, o evalOptions, path string, p *progress, how train.Reading, r *evalResult) (*train.Accuracy, error)

func runEval(ctx context.Context, o evalOptions, path string, evaluate evaluator, stdout, stderr io.Writer) error {
	r := evalResult{Mode: "integer"}
	if o.simulate {
		r.Mode = "simulate"
	}
	p := newProgress(stderr, o.plain)
	defer p.close()
	a, err := evaluate(train.Watch(ctx, p.work), o, path, p, reading(o.force, stderr), &r)
	if err != nil {
		return err
	}
	r.Top1, r.Top5, r.Classes, r.Images, r.ImagesPerSecond = a.Top1, a.Top5, a.Classes, a.Images, float64(a.Images)/max(a.Seconds, 1e-9)

	err = result(stdout, o.json, r, r.print)
	if err != nil {
		return err
	}
	return o.expected.met(r.Top1)
}

func (r evalResult) print(w io.Writer) error {
	t := newTable(w)
	t.row("network", networkOf(r.Mode, r.Target))
	t.row("top-1", percent(r.Top1))
	top5Row(t, r.Top5, r.Classes)
	t.row("test images", r.Images)
	t.row("images/s", perSecond(r.ImagesPerSecond, count(int64(r.ImagesPerSecond))))
	return t.flush()
}

// top5Row adds the top-5 accuracy where it says anything: of 5 classes or fewer the label is always among five.
func top5Row(t *table, top5 float64, classes int) {
	if classes > 5 {
		t.row("top-5", percent(top5))
	}
}

// networkOf says which form of a network ran.
func networkOf(mode, target string) string {
	if mode == "integer" {
		return "integer, target " + target
	}
	return "floating-point simulation"
}

// evalTrained evaluates a run or a checkpoint.
func evalTrained(ctx context.Context, o evalOptions, path string, p *progress, how train.Reading, r *evalResult) (*train.Accuracy, error) {
	c, err := train.OpenCheckpoint(path, how)
	if err != nil {
		return nil, err
	}
	m, err := load(c, o.data, o.threads)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	split := limited(m.Data.Test, o.limit)
	r.Experiment = train.ExperimentOf(c.Config)
	if o.simulate {
		return m.Simulate(ctx, split)
	}
	net, err := m.Lower()
	if err == nil {
		net, err = retarget(net, o.target)
	}
	if err != nil {
		return nil, err
	}
	r.Target = net.Target.String()
	return m.EvaluateInteger(ctx, net, split)
}

// optionsFor reads a data set as a network was trained on it.
func optionsFor(net *integer.Network, o evalOptions) datasets.Options {
	in := net.Tensors[0]
	all := datasets.Options{Dir: cmp.Or(o.data, configs.DefaultRoot), Random: randomFor(net), Folder: folderFor(net),
		Arrays: datasets.Arrays{Shape: in.Shape(), Real: net.Real, Classes: net.Classes, TestShare: configs.DefaultTestShare}}
	for _, all.Labels = range datasets.Labels(o.dataset) {
		if d, err := datasets.Describe(o.dataset, all); err == nil && slices.Equal(d.Classes, net.Classes) {
			break
		}
	}
	return all
}

// randomFor is the random data set for a network: with its images and classes.
func randomFor(net *integer.Network) datasets.Random {
	const images = 256
	in := net.Tensors[0]
	return datasets.Random{Height: in.H, Width: in.W, Channels: in.C, Classes: net.Logits().Out, Names: net.Classes, Train: 1, Test: images}
}

// folderFor reads images in files as a network was trained on them.
func folderFor(net *integer.Network) datasets.Folder {
	return datasets.Folder{Size: net.Tensors[0].H, Classes: net.Classes, Fit: datasets.Fit(net.Fit), TestShare: configs.DefaultTestShare}
}

// evalExport evaluates an exported network.
func evalExport(ctx context.Context, o evalOptions, path string, p *progress, how train.Reading, r *evalResult) (*train.Accuracy, error) {
	net, _, err := export.Open(path, how)
	if err == nil {
		net, err = retarget(net, o.target)
	}
	if err != nil {
		return nil, err
	}
	if err := checkNamed(o.dataset, o.data); err != nil {
		return nil, err
	}
	d, err := datasets.Open(o.dataset, optionsFor(net, o))
	if err != nil {
		return nil, err
	}
	if err := sameInput(path, net, d); err != nil {
		return nil, err
	}
	d.Mean, d.Std = net.Mean, net.Std
	r.Experiment, r.Target = exportedExperiment(net), net.Target.String()
	return train.Evaluate(ctx, net, d, limited(d.Test, o.limit), o.threads)
}
