package main

import (
	"context"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qat-go/qat/internal/atomicfile"
	"github.com/qat-go/qat/internal/filetype"
	"github.com/qat-go/qat/sensitivity"
	"github.com/qat-go/qat/train"
)

type sensitivityOptions struct {
	methods []string
	widths  []int
	images  int
	samples int
	steps   int
	err     float64
	seed    uint64
	plot    string
	data    string
	threads int
	json    bool
	plain   bool
	force   bool
	allocateOptions
}

func newSensitivityCommand() *cobra.Command {
	var o sensitivityOptions
	c := &cobra.Command{
		Use:   "sensitivity RUN|CHECKPOINT",
		Short: "Measure what few bits cost each layer; choose bits for a budget",
		Long: `Measure, for each layer and bit width, what quantizing its weights alone, or
what it reads alone, costs the network in floating point: that of the run
without its quantizers. The argument is a run's directory (its last checkpoint
counts) or a checkpoint (.qat), which stay as they are. Tensors are quantized as
the run's config says, but for the bits; where it leaves the first levels open,
they are those of the least squared error.

  hessian  the trace of the Hessian of the loss, by Hutchinson's estimator,
           divided by the number of elements and times the squared error of
           quantization (HAWQ-V2), from --samples samples, or as many as --error
           takes
  perturb  how much the loss grows, and how much accuracy is lost, each with its
           standard error, on --images images: of the held-out ones
           (data.validation), or else of the training images
  sqnr     the signal to quantization noise ratio of the tensor
  scales   the scale that LSQ learns for the tensor in --steps steps, in which
           the scales of all widths are trained together (LIMPQ)

What a method is going to compute, and for how long, it says before it begins.
The same --seed gives the same numbers, on any number of threads.

` + allocateHelp + `

EXIT STATUS
  0    done
  1    failed
  2    the command line or the config is wrong, what they name is missing or of
       another kind, or no widths fit --budget
  130  interrupted`,
		Example: `  qat sensitivity runs/resnet20_fp32
  qat sensitivity runs/resnet20_fp32 --method hessian --error 0.1 --plot h.svg
  qat sensitivity runs/quickstart/best.qat --method sqnr --widths 2,4,8 --json
  qat sensitivity runs/quickstart --budget size=0.10MB -o mixed.yaml`,
		Args: wantArgs(1, 1, "a RUN or a CHECKPOINT"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(c); err != nil {
				return err
			}
			if o.plot != "" && filepath.Ext(o.plot) != ".svg" {
				return usagef(c, "--plot %s: want FILE.svg", o.plot)
			}
			if o.plot != "" {
				if err := writable(c, o.plot, filetype.Text, o.force); err != nil {
					return err
				}
			}
			if err := o.replaceable(c, o.force); err != nil {
				return err
			}
			return runSensitivity(c.Context(), o, args[0], c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringSliceVar(&o.methods, "method", names(sensitivity.DefaultMethods()), "how to measure, `NAME`s with commas between")
	f.IntSliceVar(&o.widths, "widths", sensitivity.DefaultWidths(), "`BITS` to try, from 2 to 8")
	f.IntVar(&o.images, "images", sensitivity.DefaultImages, "number of images to measure on, `N`")
	f.IntVar(&o.samples, "samples", sensitivity.DefaultSamples, "number of samples of each trace of a Hessian, `N`")
	f.IntVar(&o.steps, "steps", sensitivity.DefaultSteps, "number of steps in which scales learn, `N`")
	f.Float64Var(&o.err, "error", 0, "go on sampling until the standard error of each trace is `SHARE` of it, such as 0.05")
	f.Uint64Var(&o.seed, "seed", 0, "`SEED` of all that is drawn: images, and vectors of signs")
	f.StringVar(&o.plot, "plot", "", "draw the tables to `FILE`.svg")
	o.allocateOptions.add(c)
	addData(c, &o.data)
	addThreads(c, &o.threads)
	addForce(c, &o.force)
	addJSON(c, &o.json)
	f.BoolVar(&o.plain, "plain", false, "print lines instead of a progress bar on a terminal")
	return c
}

// names are methods as flags have them.
func names(methods []sensitivity.Method) (all []string) {
	for _, m := range methods {
		all = append(all, string(m))
	}
	return all
}

func (o *sensitivityOptions) check(c *cobra.Command) error {
	known := names(sensitivity.Methods())
	for _, m := range o.methods {
		if !slices.Contains(known, m) {
			return usagef(c, "--method wants one or more of %s; found %q", strings.Join(known, ", "), m)
		}
	}
	for _, b := range o.widths {
		if b < 2 || b > 8 {
			return usagef(c, "--widths wants bits from 2 to 8, such as 2,4,8; found %d", b)
		}
	}
	if len(o.methods) == 0 || len(o.widths) == 0 {
		return usagef(c, "there is nothing to measure; want one --method and one of --widths at least")
	}
	if o.images < 2 {
		return usagef(c, "--images wants a number of 2 or more, found %d", o.images)
	}
	if o.samples < 2 {
		return usagef(c, "--samples wants a number of 2 or more, found %d", o.samples)
	}
	if !(o.err >= 0 && o.err < math.Inf(1)) {
		return usagef(c, "--error wants a share of the trace, such as 0.05; found %g", o.err)
	}
	if o.steps < 1 {
		return usagef(c, "--steps wants a number of 1 or more, found %d", o.steps)
	}
	if err := o.allocateOptions.check(c); err != nil {
		return err
	}
	for i, file := range o.out {
		if slices.ContainsFunc(append(o.out[:i:i], o.plot), func(f string) bool { return filepath.Clean(f) == filepath.Clean(file) }) {
			return usagef(c, "%s is to be written twice; want the name of another file", file)
		}
	}
	for _, of := range []struct{ flag, method string }{{"samples", "hessian"}, {"error", "hessian"}, {"steps", "scales"}} {
		if c.Flags().Changed(of.flag) && !slices.Contains(o.methods, of.method) {
			return usagef(c, "--%s is for --method %s; found %s", of.flag, of.method, strings.Join(o.methods, ","))
		}
	}
	if o.losses != "" && !c.Flags().Changed("method") {
		o.methods = nil
	}
	if o.losses != "" && !c.Flags().Changed("widths") {
		o.widths = nil
	}
	return checkThreads(c, o.threads)
}

func runSensitivity(ctx context.Context, o sensitivityOptions, path string, stdout, stderr io.Writer) error {
	c, err := train.OpenCheckpoint(path, reading(o.force, stderr))
	if err != nil {
		return err
	}
	r := &chosen{}
	var m *train.Model
	if o.losses == "" {
		m, err = load(c, o.data, o.threads)
	} else if r.Report, err = o.read(c, path); err == nil {
		m, err = c.LoadNetwork()
	}
	if err != nil {
		return err
	}
	defer m.Close()
	var a *allocation
	if o.wanted() {
		if a, err = o.newAllocation(c, path, m, o.widths); err != nil {
			return err
		}
	}
	p := newProgress(stderr, o.plain)
	defer p.close()
	if r.Report == nil {
		if r.Report, err = o.measure(train.Watch(ctx, p.work), m, p); err != nil {
			return err
		}
	}
	if a != nil {
		if err := a.choose(ctx, r, o.methods[0], o.threads); err != nil {
			return err
		}
	}
	if svg := r.Plot(); o.plot != "" && svg == "" {
		p.Message("%s is not written: there is nothing to draw, fewer than two layers or no loss above 0", o.plot)
	} else if o.plot != "" {
		if err := atomicfile.WriteBytes(o.plot, []byte(svg)); err != nil {
			return err
		}
	}
	p.close()
	return result(stdout, o.json, r, func(w io.Writer) error {
		if a != nil {
			return a.print(w, r)
		}
		return printSensitivity(w, r.Report)
	})
}

// measure measures a model, and says what that takes.
func (o *sensitivityOptions) measure(ctx context.Context, m *train.Model, p *progress) (*sensitivity.Report, error) {
	opt := sensitivity.Options{Widths: o.widths, Images: o.images, Samples: o.samples, Error: o.err, Steps: o.steps, Seed: o.seed, Cost: func(m sensitivity.Method, w sensitivity.Work) {
		what := count(int64(w.Evaluations)) + " evaluations"
		if w.Gradients > 0 {
			what = count(int64(w.Gradients)) + " gradients"
		}
		p.Message("%s: %s of an image, about %s", m, what, duration(max(w.Seconds, 1)))
	}}
	for _, m := range o.methods {
		opt.Methods = append(opt.Methods, sensitivity.Method(m))
	}
	return sensitivity.Measure(ctx, m, opt)
}
