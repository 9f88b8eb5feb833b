package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/filetype"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/train"
)

type inspectOptions struct {
	json  bool
	force bool
}

func newInspectCommand() *cobra.Command {
	var o inspectOptions
	c := &cobra.Command{
		Use:   "inspect RUN|CHECKPOINT|EXPORT",
		Short: "Print shapes, bits, scales, size and BitOps of each layer",
		Long: `Print a table of the layers that hold weights, with shapes, bits, the smallest
and largest scale, size and BitOps, and a table of the quantized activations.
The argument is a run's directory, a checkpoint (.qat) or an exported network
(.safetensors), whose weight scales contain the batch norm's factor. Of an
export it also prints where each byte of the file goes; of float weights
(export --float), their names, shapes and sizes.

Of a network that runs in integers it prints the flash, RAM and stack that the
format c takes on a Cortex-M4.

Of a run or a checkpoint it warns of scales that their floor held in half of
their updates or more, of weights with 90 % of their codes or more at an end of
the range, and of weights with one value everywhere. Activations, which take
data, are judged in train's result.

EXIT STATUS
  0    done
  1    failed
  2    the command line is wrong
  130  interrupted`,
		Example: `  qat inspect runs/quickstart
  qat inspect runs/quickstart/model.safetensors --json`,
		Args: wantArgs(1, 1, "a RUN, a CHECKPOINT or an EXPORT"),
		RunE: func(c *cobra.Command, args []string) error {
			return runInspect(o, args[0], c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	addForce(c, &o.force)
	addJSON(c, &o.json)
	return c
}

// inspection describes a network, trained or exported.
type inspection struct {
	train.Experiment
	Layers      []inspectedLayer `json:"layers"`
	Activations []activation     `json:"activations"`
	Params      int              `json:"params"`
	MACs        int64            `json:"macs"`
	BitOps      int64            `json:"bitops"`
	SizeBytes   int64            `json:"size_bytes"`
	Findings    *layers.Findings `json:"findings,omitempty"`   // of a run or checkpoint
	Target      string           `json:"target,omitempty"`     // of an export
	File        []export.Part    `json:"file,omitempty"`       // of an export
	FileBytes   int64            `json:"file_bytes,omitempty"` // the sum of File

	// Footprint is that of the network in the format c; nil if it cannot be written so.
	Footprint *export.Footprint `json:"footprint,omitempty"`
}

type inspectedLayer struct {
	layers.Row
	WeightScale *span `json:"weight_scale,omitempty"` // absent in floating point
}

// span is the smallest and the largest of some values.
type span struct {
	Min float32 `json:"min"`
	Max float32 `json:"max"`
}

func spanOf(values []float32) *span { return &span{slices.Min(values), slices.Max(values)} }

func (s *span) String() string {
	switch {
	case s == nil:
		return "-"
	case s.Min == s.Max:
		return fmt.Sprintf("%.3g", s.Min)
	}
	return fmt.Sprintf("%.3g..%.3g", s.Min, s.Max)
}

type activation struct {
	Name      string  `json:"name"`
	Bits      int     `json:"bits"`
	Signed    bool    `json:"signed"`
	Scale     float32 `json:"scale"`
	ZeroPoint int     `json:"zero_point"`
}

func runInspect(o inspectOptions, path string, stdout, stderr io.Writer) error {
	if kind, err := filetype.Of(path); err == nil && kind == filetype.Float {
		return inspectFloat(o, path, stdout, stderr)
	}
	var i inspection
	exported, err := isExport(path)
	if err != nil {
		return err
	}
	if exported {
		net, parts, err := export.Open(path, reading(o.force, stderr))
		if err != nil {
			return err
		}
		i = inspectExport(net)
		i.Experiment = exportedExperiment(net)
		i.Target, i.File, i.Footprint = net.Target.String(), parts, footprint(net)
		for _, p := range parts {
			i.FileBytes += p.Bytes
		}
	} else {
		c, err := train.OpenCheckpoint(path, reading(o.force, stderr))
		if err != nil {
			return err
		}
		m, err := c.LoadNetwork()
		if err != nil {
			return err
		}
		defer m.Close()
		i = inspectModel(m.Net)
		i.Experiment = train.ExperimentOf(c.Config)
		f, err := c.Findings(m)
		if err != nil {
			return err
		}
		i.Findings = &f
		if net, err := m.Lower(); err == nil {
			i.Footprint = footprint(net)
		}
	}
	for _, l := range i.Layers {
		i.Params += l.Params
		i.MACs += l.MACs
		i.BitOps += l.BitOps
		i.SizeBytes += l.SizeBits
	}
	i.SizeBytes = (i.SizeBytes + 7) / 8
	return result(stdout, o.json, i, i.print)
}

func inspectFloat(o inspectOptions, path string, stdout, stderr io.Writer) error {
	f, err := train.OpenFloat(path, reading(o.force, stderr))
	if err != nil {
		return err
	}
	return result(stdout, o.json, f, func(w io.Writer) error {
		t := newTable(w, "TENSOR", "SHAPE", "BYTES")
		total := 0
		for _, a := range f.Tensors {
			t.row(a.Name, strings.Join(strings.Fields(strings.Trim(fmt.Sprint(a.Shape), "[]")), "x"), a.Bytes)
			total += a.Bytes
		}
		t.row("total", "", total)
		return t.flush()
	})
}

func inspectModel(n *layers.Network) inspection {
	var i inspection
	scales := map[string]*span{}
	for _, q := range n.Quantizers {
		s := q.Scale.Data()
		scales[q.Name] = spanOf(s)
		if q.ZeroPoint != nil {
			i.Activations = append(i.Activations, activation{q.Name, q.Bits(), q.Signed(), s[0], int(q.ZeroPoint.Data()[0])})
		}
	}
	for _, r := range n.Table() {
		i.Layers = append(i.Layers, inspectedLayer{r, scales[r.Name+".weight"]})
	}
	return i
}

func inspectExport(n *integer.Network) inspection {
	var i inspection
	for _, t := range n.Tensors {
		i.Activations = append(i.Activations, activation{t.Name, t.Bits, t.Signed, t.Scale, int(t.ZeroPoint)})
	}
	for _, r := range n.Describe() {
		if r.Weights == 0 {
			continue
		}
		i.Layers = append(i.Layers, inspectedLayer{layers.Row{
			Name: r.Name, Kind: r.Kind, Input: r.Input, Output: r.Output, Kernel: r.Kernel, Stride: r.Stride, KernelWidth: r.KernelWidth, StrideWidth: r.StrideWidth, Groups: r.Groups,
			WeightBits: r.WeightBits, InputBits: r.InputBits, InputSigned: r.InputSigned,
			Granularity: string(configs.PerChannel), WeightMethod: "integer", InputMethod: "integer",
			Params: r.Weights + r.Scales, MACs: r.MACs, BitOps: r.BitOps, SizeBits: r.SizeBits,
		}, &span{r.MinScale / r.InputScale, r.MaxScale / r.InputScale}})
	}
	return i
}

func (i *inspection) print(w io.Writer) error {
	t := newTable(w, "LAYER", "KIND", "INPUT", "OUTPUT", "WEIGHTS", "WEIGHT SCALE", "ACTIVATIONS", "PARAMETERS", "SIZE", "BITOPS").
		dropping("INPUT", "PARAMETERS", "KIND", "OUTPUT", "SIZE", "ACTIVATIONS", "BITOPS", "WEIGHT SCALE")
	for _, l := range i.Layers {
		t.row(l.Name, kindOf(l.Row), shape(l.Input), shape(l.Output), weightsOf(l.Row), l.WeightScale, inputOf(l.Row),
			l.Params, size((l.SizeBits+7)/8), count(l.BitOps))
	}
	t.row("total", "", "", "", "", "", "", i.Params, size(i.SizeBytes), count(i.BitOps))
	if err := t.flush(); err != nil {
		return err
	}
	if len(i.Activations) > 0 {
		say(w, "")
		t = newTable(w, "ACTIVATION", "BITS", "SIGNED", "SCALE", "ZERO POINT").dropping("SIGNED")
		for _, a := range i.Activations {
			t.row(a.Name, a.Bits, a.Signed, fmt.Sprintf("%.4g", a.Scale), a.ZeroPoint)
		}
		if err := t.flush(); err != nil {
			return err
		}
	}
	if i.Target != "" {
		say(w, "")
		t = newTable(w, "FILE", "BYTES", "SHARE")
		for _, p := range i.File {
			t.row(p.Name, p.Bytes, percent(float64(p.Bytes)/float64(i.FileBytes)))
		}
		t.row("total", i.FileBytes, percent(1))
		if err := t.flush(); err != nil {
			return err
		}
		say(w, "")
		say(w, "target  %s", i.Target)
	}
	if i.Footprint != nil {
		say(w, "")
		t = newTable(w)
		footprintRows(t, string(configs.C), *i.Footprint)
		if err := t.flush(); err != nil {
			return err
		}
	}
	if i.Findings == nil {
		return nil
	}
	return printFindings(w, *i.Findings)
}

// footprint is what the network takes as a C program; nil if it cannot be one.
func footprint(net *integer.Network) *export.Footprint {
	e, _, err := train.PlanExport(net, "model.h", configs.C, configs.Dyadic, export.Options{})
	if err != nil {
		return nil
	}
	return e.Footprint
}
