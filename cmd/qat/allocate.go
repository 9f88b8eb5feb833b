package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/atomicfile"
	"github.com/qat-go/qat/internal/filetype"
	"github.com/qat-go/qat/internal/regular"
	"github.com/qat-go/qat/sensitivity"
	"github.com/qat-go/qat/train"
)

// allocateOptions are those of sensitivity that choose widths.
type allocateOptions struct {
	budget string
	pareto string
	apart  bool
	config string
	losses string
	out    []string

	limits []sensitivity.Limit
}

// allocateHelp is what sensitivity says of them.
const allocateHelp = `With --budget it chooses the widths of all layers that lose least within limits,
by the first --method, and proves that no others lose less. Limits are of size
(weights, biases and scales), bitops, memory (the peak of activations), latency
(of an image, measured here) and mean_bits (of weights); MB is 10^6 bytes, MiB
2^20, and a percentage the place between the lowest widths and the highest. The
first layers and the last keep what the config gives them, and layers that read
the same tensor have one width. -o FILE.yaml writes a config that extends the
run's, or that of --config, and trains alone.

With --pareto it lists all choices that no other beats in loss and one cost,
size unless another is named; -o FILE.csv and -o FILE.svg write them.`

func (o *allocateOptions) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.budget, "budget", "", "choose widths within `LIMITS`, such as size=0.10MB,bitops=1.2G or size=50%")
	f.StringVar(&o.pareto, "pareto", "", "list the choices that no other beats in loss and a `COST`")
	f.Lookup("pareto").NoOptDefVal = string(sensitivity.Size)
	f.BoolVar(&o.apart, "apart", false, "choose widths of activations apart from those of weights")
	f.StringVar(&o.config, "config", "", "`CONFIG` that widths are chosen for; that of RUN if it is not given")
	f.StringVar(&o.losses, "losses", "", "`FILE` that --json wrote, in place of measuring again")
	f.StringArrayVarP(&o.out, "out", "o", nil, "`FILE` to write, .yaml, .csv or .svg; may be repeated")
}

// wanted tells that widths are to be chosen.
func (o *allocateOptions) wanted() bool { return o.budget != "" || o.pareto != "" }

// kinds are the files of --out, and the flag that each takes.
var kindsOut = map[string]string{".yaml": "--budget", ".csv": "--pareto", ".svg": "--pareto"}

func (o *allocateOptions) check(c *cobra.Command) error {
	if c.Flags().Changed("budget") {
		var err error
		if o.limits, err = sensitivity.ParseBudget(o.budget); err != nil {
			return usagef(c, "--budget %v", err)
		}
	}
	if c.Flags().Changed("pareto") && (!slices.Contains(sensitivity.Costs(), sensitivity.Cost(o.pareto)) || o.pareto == string(sensitivity.Memory)) {
		return usagef(c, "--pareto wants a cost that adds up over the layers, size, bitops, latency or mean_bits; found %q", o.pareto)
	}
	if !o.wanted() && (o.apart || o.config != "" || o.losses != "" || len(o.out) > 0) {
		return usagef(c, "--apart, --config, --losses and --out are for choosing widths; want --budget or --pareto, too")
	}
	for _, name := range []string{"images", "samples", "error", "steps", "seed", "data"} {
		if o.losses != "" && c.Flags().Changed(name) {
			return usagef(c, "--%s is for measuring, and --losses takes what was measured before; leave one of them out", name)
		}
	}
	for _, file := range o.out {
		flag, known := kindsOut[filepath.Ext(file)]
		switch {
		case !known:
			return usagef(c, "-o %s: want FILE.yaml for the config of a budget, FILE.csv or FILE.svg for a front", file)
		case flag == "--budget" && o.budget == "" || flag == "--pareto" && o.pareto == "":
			return usagef(c, "-o %s wants %s, too", file, flag)
		}
	}
	return nil
}

// replaceable reports files of others that those of --out would take the place of.
func (o *allocateOptions) replaceable(c *cobra.Command, force bool) error {
	for _, file := range o.out {
		kind := filetype.Text
		if filepath.Ext(file) == ".yaml" {
			kind = filetype.YAML
			if b, err := regular.Read(file, 1<<20); err == nil && len(b) > 0 && !bytes.HasPrefix(b, []byte(sensitivity.ConfigMark)) && !force {
				return usagef(c, "%s is a config that --budget did not write; want the name of another file, or --force", file)
			}
		}
		if err := writable(c, file, kind, force); err != nil {
			return err
		}
	}
	return nil
}

// chosen is what was measured, and the widths that follow.
type chosen struct {
	*sensitivity.Report
	Allocation *sensitivity.Allocation `json:"allocation,omitempty"`
	Front      *sensitivity.Front      `json:"front,omitempty"`
}

// allocation chooses widths in the space of a config.
type allocation struct {
	*allocateOptions
	space *sensitivity.Space
	base  string // the config that is extended
}

// newAllocation finds the space, before anything is measured: of the config that is extended, or of the checkpoint's own where none
// is.
func (o *allocateOptions) newAllocation(c *train.Checkpoint, run string, m *train.Model, widths []int) (*allocation, error) {
	a := &allocation{allocateOptions: o, base: o.config}
	if a.base == "" && slices.ContainsFunc(o.out, func(f string) bool { return filepath.Ext(f) == ".yaml" }) {
		if info, err := os.Stat(run); err == nil && !info.IsDir() {
			run = filepath.Dir(run)
		}
		a.base = filepath.Join(run, train.ConfigFile)
		if _, err := os.Stat(a.base); err != nil {
			return nil, fmt.Errorf("%s is missing, which the config of the widths would extend; say with --config which one it is to extend", a.base)
		}
	}
	cfg := c.Config
	for _, file := range o.out {
		if oneFile(file, a.base) {
			return nil, &usageError{file + " is the config that would be extended; want the name of another file", "qat sensitivity"}
		}
	}
	if a.base != "" {
		var err error
		if cfg, err = configs.Load(a.base, nil); err != nil {
			return nil, err
		}
		if _, err := os.Stat(a.base); err != nil { // an embedded one
			a.base = strings.TrimSuffix(path.Base(filepath.ToSlash(a.base)), ".yaml") + ".yaml"
		}
	}
	var err error
	if a.space, err = sensitivity.NewSpace(cfg, m, widths, o.apart); errors.Is(err, sensitivity.ErrNoChoice) {
		err = fmt.Errorf("%w; say with --config which config the widths are for, such as resnet20_w4a4", err)
	}
	return a, err
}

// oneFile tells that two paths are one file.
func oneFile(a, b string) bool {
	x, err := os.Stat(a)
	y, errY := os.Stat(b)
	return err == nil && errY == nil && os.SameFile(x, y)
}

// read reads what --json wrote of a run another time. What the command line leaves open is as it was then.
func (o *sensitivityOptions) read(c *train.Checkpoint, run string) (*sensitivity.Report, error) {
	if _, err := filetype.Check(o.losses, "what qat sensitivity --json prints", filetype.JSON); err != nil {
		return nil, err
	}
	b, err := regular.Read(o.losses, 64<<20)
	if err != nil {
		return nil, err
	}
	r, err := sensitivity.ParseReport(b)
	if err != nil {
		var errs []error
		for _, e := range together(err) {
			errs = append(errs, wrongLosses("%s: %v; wanted what qat sensitivity --json prints", o.losses, e))
		}
		return nil, errors.Join(errs...)
	}
	if err := sameRun(r.Experiment, train.ExperimentOf(c.Config)); err != nil {
		return nil, wrongLosses("%s has losses of another run than %s: %v; measure those of this one", o.losses, run, err)
	}
	if len(o.methods) == 0 {
		o.methods = []string{r.Tables[0].Method}
	}
	if len(o.widths) == 0 {
		o.widths = r.Widths
	}
	for _, m := range o.methods {
		if r.Table(m) == nil {
			var there []string
			for _, t := range r.Tables {
				there = append(there, t.Method)
			}
			return nil, wrongLosses("%s has no losses by %s; measure them, or name one that is there with --method: %s", o.losses, m, strings.Join(there, ", "))
		}
	}
	for _, w := range o.widths {
		if len(r.Widths) > 0 && !slices.Contains(r.Widths, w) {
			return nil, wrongLosses("%s has no losses at %d bits; measure them, or choose of --widths %s", o.losses, w, strings.Trim(strings.Join(strings.Fields(fmt.Sprint(r.Widths)), ","), "[]"))
		}
	}
	return r, nil
}

// wrongLosses says why the file of --losses is not the one that is wanted.
func wrongLosses(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...), "qat sensitivity"}
}

// sameRun says what differs between the runs of losses and of a checkpoint; nothing, if it is not known what the losses are of.
func sameRun(then, now train.Experiment) error {
	for _, of := range []struct {
		what      string
		then, now any
	}{{"config", then.Config, now.Config}, {"bits", then.Bits, now.Bits}, {"estimator", then.Estimator, now.Estimator}, {"seed", then.Seed, now.Seed}} {
		there, errThere := json.Marshal(of.then)
		here, errHere := json.Marshal(of.now)
		if then.Config != "" && (errThere != nil || errHere != nil || !bytes.Equal(there, here)) {
			return fmt.Errorf("%s %s, and %s here", of.what, there, here)
		}
	}
	return nil
}

// choose takes the losses by the first method, and writes what is to be written.
func (a *allocation) choose(ctx context.Context, r *chosen, method string, threads int) error {
	t := r.Table(method)
	var err error
	if a.budget != "" {
		if r.Allocation, err = a.space.Allocate(ctx, t, a.limits, threads); err != nil {
			return err
		}
	}
	if a.pareto != "" {
		if r.Front, err = a.space.Front(ctx, t, sensitivity.Cost(a.pareto), threads); err != nil {
			return err
		}
	}
	for _, file := range a.out {
		switch filepath.Ext(file) {
		case ".yaml":
			err = a.writeConfig(file, r.Allocation)
		case ".csv":
			var b bytes.Buffer
			if err = r.Front.WriteCSV(&b); err == nil {
				err = atomicfile.WriteBytes(file, b.Bytes())
			}
		case ".svg":
			err = atomicfile.WriteBytes(file, []byte(r.Front.SVG()))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writeConfig writes the config of an allocation, whose widths, as it is read, are the allocation's.
func (a *allocation) writeConfig(file string, x *sensitivity.Allocation) error {
	base := a.base
	if _, err := os.Stat(base); err == nil { // a file: found from where the config is
		from, err := filepath.Abs(filepath.Dir(file))
		if err != nil {
			return err
		}
		to, err := filepath.Abs(base)
		if err != nil {
			return err
		}
		if base, err = filepath.Rel(from, to); err != nil {
			base = to
		}
	}
	name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	text := a.space.YAML(x, name, filepath.ToSlash(base))
	cfg, err := configs.Parse(file, text)
	if err != nil {
		return err
	}
	if err := a.space.Check(x, cfg); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return atomicfile.WriteBytes(file, text)
}
