package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/spf13/cobra"

	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/filetype"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/threads"
	"github.com/qat-go/qat/train"
)

type inferOptions struct {
	target   string
	top      int
	json     bool
	force    bool
	plain    bool
	input    string // arrays instead of images
	output   string
	simulate bool
}

func newInferCommand() *cobra.Command {
	var o inferOptions
	c := &cobra.Command{
		Use:   "infer MODEL {IMAGE... | --input x.npy --output y.npy}",
		Short: "Classify images with an integer network",
		Long: `Classify images: JPEG, PNG, GIF, BMP or WebP. MODEL is an exported network
(.safetensors), or a run's directory or a checkpoint (.qat), whose integer
network runs.

A network that was trained on images in files (data.dataset folder or imagenet)
sees an image as in its evaluation: its shorter side is resized, the middle cut
out. For others an image of another size than the network's is turned upright by
its orientation tag (EXIF), cropped to the network's proportions around its
middle and resampled by a cubic filter. A score is the softmax of the logits, a
share of 1.

--input runs a NumPy array, normalized images (N, C, H, W) in float32, and
--output takes the logits (N, classes): the way to compare with another program.
--simulate runs a run's floating-point simulation; a network with layers left in
floating point has no other form.

EXIT STATUS
  0    done
  1    failed
  2    the command line is wrong, or a MODEL or IMAGE is missing or of another
       kind; the other images are classified all the same
  130  interrupted`,
		Example: `  qat infer runs/quickstart/model.safetensors cat.jpg dog.png
  qat infer runs/quickstart cat.jpg --top 3 --json
  qat infer runs/quickstart --input x.npy --output y.npy`,
		Args: wantArgs(1, -1, "a MODEL and one IMAGE or more, or --input and --output"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(c, args[1:]); err != nil {
				return err
			}
			if o.input != "" {
				return runArrays(c.Context(), c, o, args[0])
			}
			return runInfer(o, args[0], args[1:], c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	addTarget(c, &o.target)
	addForce(c, &o.force)
	f.IntVar(&o.top, "top", 1, "print the `K` classes with the highest scores")
	f.StringVar(&o.input, "input", "", "run the arrays of `FILE`.npy instead of images")
	f.StringVar(&o.output, "output", "", "write the logits of --input to `FILE`.npy")
	f.BoolVar(&o.simulate, "simulate", false, "run the floating-point simulation on --input")
	f.BoolVar(&o.plain, "plain", false, "print lines instead of a progress bar on a terminal")
	addJSON(c, &o.json)
	return c
}

func (o *inferOptions) check(c *cobra.Command, images []string) error {
	switch {
	case o.top < 1:
		return usagef(c, "--top wants a number of 1 or more, found %d", o.top)
	case (o.input == "") != (o.output == ""):
		return usagef(c, "--input and --output go together: the arrays, and the file for their logits")
	case o.input != "" && len(images) > 0:
		return usagef(c, "--input takes the place of images; found %s, too", images[0])
	case o.input != "" && c.Flags().Changed("top"):
		return usagef(c, "--top is for images; --input gives all logits")
	case o.input == "" && len(images) == 0:
		return usagef(c, "wanted one IMAGE or more, or --input and --output")
	case o.simulate && o.input == "":
		return usagef(c, "--simulate goes with --input")
	}
	if err := checkSimulate(c, o.simulate, o.target); err != nil {
		return err
	}
	return checkTarget(c, o.target)
}

// classified is what the network sees in an image, the best class first.
type classified struct {
	Image   string  `json:"image"`
	Classes []class `json:"classes"`
}

// inferred is what --json prints.
type inferred struct {
	train.Experiment
	Images []classified `json:"images"`
	Target string       `json:"target"`
}

type class struct {
	Name  string  `json:"class"`
	Score float64 `json:"score"`
}

func runInfer(o inferOptions, model string, images []string, stdout, stderr io.Writer) error {
	if err := kernels.Check(); err != nil {
		return err
	}
	net, experiment, err := openInteger(model, reading(o.force, stderr))
	if err == nil {
		net, err = retarget(net, o.target)
	}
	if err != nil {
		return err
	}
	in := net.Tensors[0]
	if net.Real {
		return fmt.Errorf("%s: the network takes numbers that are no pixels; give them by --input", model)
	}
	if in.C != 3 {
		return fmt.Errorf("%s: the network takes %d channels, images have 3", model, in.C)
	}
	pool := threads.New(1)
	defer pool.Close()
	r, err := integer.NewRunner(net, pool, 1)
	if err != nil {
		return err
	}
	var errs []error
	all := []classified{}
	for _, path := range images {
		var pixels []uint8
		_, err := filetype.Check(path, "an image", filetype.JPEG, filetype.PNG, filetype.Image)
		switch {
		case err != nil:
		case net.Fit == (integer.Fit{}):
			pixels, err = datasets.ReadImage(path, in.H, in.W)
		default:
			pixels, err = datasets.ReadFitted(path, in.H, in.W, datasets.Fit(net.Fit))
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		logits, err := r.Run(net.Normalize(pixels), 1)
		if err != nil {
			return err
		}
		p := classified{path, ranked(net, logits, r.Integers(1))}
		p.Classes = p.Classes[:min(o.top, len(p.Classes))]
		all = append(all, p)
	}
	errs = append(errs, result(stdout, o.json, inferred{experiment, all, net.Target.String()}, func(w io.Writer) error { return printClasses(w, all) }))
	return errors.Join(errs...)
}

func printClasses(w io.Writer, images []classified) error {
	if len(images) == 0 {
		return nil
	}
	t := newTable(w, "IMAGE", "CLASS", "SCORE")
	for _, i := range images {
		for _, c := range i.Classes {
			t.row(i.Image, c.Name, percent(c.Score))
		}
	}
	return t.flush()
}

// openInteger returns the integer network of an export, a run or a checkpoint.
func openInteger(path string, r train.Reading) (*integer.Network, train.Experiment, error) {
	exported, err := isExport(path)
	if err != nil {
		return nil, train.Experiment{}, err
	}
	if exported {
		net, _, err := export.Open(path, r)
		if err != nil {
			return nil, train.Experiment{}, err
		}
		return net, exportedExperiment(net), nil
	}
	c, err := train.OpenCheckpoint(path, r)
	if err != nil {
		return nil, train.Experiment{}, err
	}
	m, err := c.LoadNetwork()
	if err != nil {
		return nil, train.Experiment{}, err
	}
	defer m.Close()
	net, err := m.Lower()
	return net, train.ExperimentOf(c.Config), err
}

// ranked returns the classes from the highest score to the lowest. The order is that of
// the logits, or of the integers of the target dyadic; of equal ones the first class
// wins.
func ranked(net *integer.Network, logits []float32, integers []int32) []class {
	order := make([]int, len(logits))
	sum := 0.0
	for o := range order {
		order[o] = o
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if net.Target == integer.Dyadic {
			return cmp.Compare(integers[b], integers[a])
		}
		return cmp.Compare(logits[b], logits[a])
	})
	classes := make([]class, len(order))
	for i, o := range order {
		name := fmt.Sprint(o)
		if len(net.Classes) > 0 {
			name = net.Classes[o]
		}
		classes[i] = class{name, math.Exp(float64(logits[o]) - float64(logits[order[0]]))}
		sum += classes[i].Score
	}
	for i := range classes {
		classes[i].Score /= sum
	}
	return classes
}
