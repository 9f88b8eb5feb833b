package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/quantize"
	"github.com/qat-go/qat/train"
)

type configReport struct {
	train.Experiment
	Residual     int          `json:"residual_bits"` // 0: floating point
	Layers       []layers.Row `json:"layers"`
	Params       int          `json:"params"`
	MACs         int64        `json:"macs"`
	BitOps       int64        `json:"bitops"`
	SizeBytes    int64        `json:"size_bytes"`
	NotTrainable string       `json:"not_trainable,omitempty"` // the error
	NotInteger   string       `json:"not_integer,omitempty"`

	ClassesUnknown string `json:"classes_unknown,omitempty"` // why; they are counted as one

	Tensors []tensorRow `json:"tensors"`

	References []configs.Reference `json:"references,omitempty"`

	LearningRate *train.Rates `json:"learning_rate,omitempty"` // absent without training, and while the number of images is unknown

	Stages []stageRow `json:"stages,omitempty"` // of quant.schedule; the rest is of the last one

	Target map[string]string `json:"target,omitempty"` // quant.target, for which training learns bits; those of Layers are where it starts

	causes   []layers.Cause // of NotInteger
	residual bool           // there are such tensors
	trains   bool
}

// tensorRow is a tensor with one of its quantizers.
type tensorRow struct {
	Name      string `json:"name"`
	Bits      int    `json:"bits"` // 0: no quantizer
	Signed    bool   `json:"signed,omitempty"`
	Estimator string `json:"estimator,omitempty"`
	Why       string `json:"why"`

	quantizer string
}

func tensorRows(cfg *configs.Config) ([]tensorRow, error) {
	n, err := cfg.Network()
	if err != nil {
		return nil, err
	}
	tensors, err := quantize.Tensors(n, &cfg.Quant)
	if err != nil {
		return nil, err
	}
	rows := make([]tensorRow, len(tensors))
	for i, t := range tensors {
		rows[i] = tensorRow{Name: t.Name, Why: t.Why, quantizer: "-"}
		if s := t.Site; s != nil {
			rows[i].Bits, rows[i].Signed, rows[i].Estimator, rows[i].quantizer = int(s.Spec.Bits), s.Signed, string(s.Spec.Estimator), s.String()
		}
	}
	return rows, nil
}

func runConfigCheck(config string, overrides []string, o checkOptions, stdout io.Writer) error {
	cfg, err := configs.Load(config, overrides)
	if err != nil {
		return err
	}
	if err := train.Check(cfg, ""); err != nil {
		return err
	}
	whole := cfg
	cfg = cfg.Final()
	net, trainable, err := train.Outline(cfg)
	if err != nil {
		return err
	}
	if o.dot {
		return cmp.Or(printDOT(cfg, stdout), trainable)
	}
	r := &configReport{Experiment: train.ExperimentOf(cfg), Residual: int(cfg.Quant.Residual), Layers: net.Table(), Params: net.ParamCount(), References: cfg.References(), residual: net.Residual()}
	r.SizeBytes, r.BitOps = net.Cost()
	if err := datasets.CheckClasses(string(cfg.Data.Dataset), cfg.DataOptions("")); err != nil {
		r.ClassesUnknown = err.Error()
	}
	if r.LearningRate, err = train.LearningRates(whole, ""); err != nil {
		return err
	}
	if r.Stages, err = stageRows(whole, r.LearningRate); err != nil {
		return err
	}
	r.trains = cfg.Train.Trains()
	if cfg.Quant.Target.On() {
		r.Target = map[string]string{}
		for _, s := range cfg.Settings() {
			if key, ok := strings.CutPrefix(s.Key, "quant.target."); ok && s.Value != "none" {
				r.Target[key] = s.Value
			}
		}
	}
	if r.Tensors, err = tensorRows(cfg); err != nil {
		return err
	}
	var reason *layers.NotIntegerError
	if trainable != nil {
		r.NotTrainable = trainable.Error()
	} else if errors.As(net.IntegerForm(), &reason) {
		r.NotInteger, r.causes = reason.Error(), reason.Causes
	}
	for _, l := range r.Layers {
		r.MACs += l.MACs
	}
	print := r.print
	if o.tensors {
		print = r.printTensors
	}
	return cmp.Or(result(stdout, o.json, r, print), trainable)
}

func printDOT(cfg *configs.Config, stdout io.Writer) error {
	n, err := cfg.Network()
	if err != nil {
		return err
	}
	text, err := quantize.DOT(n, &cfg.Quant)
	if err != nil {
		return err
	}
	_, err = stdout.Write(text)
	return err
}

func (r *configReport) print(w io.Writer) error {
	t := newTable(w, "LAYER", "KIND", "INPUT", "OUTPUT", "WEIGHTS", "ACTIVATIONS", "PARAMETERS", "MACS", "BITOPS", "SIZE").
		dropping("INPUT", "PARAMETERS", "MACS", "KIND", "OUTPUT", "SIZE", "BITOPS")
	for _, l := range r.Layers {
		t.row(l.Name, kindOf(l), shape(l.Input), shape(l.Output), weightsOf(l), inputOf(l), l.Params, count(l.MACs), count(l.BitOps), size((l.SizeBits+7)/8))
	}
	t.row("total", "", "", "", "", "", r.Params, count(r.MACs), count(r.BitOps), size(r.SizeBytes))
	if err := t.flush(); err != nil {
		return err
	}
	if err := printTimeline(w, r.Stages); err != nil {
		return err
	}
	rates := "known once the data is there"
	if r.LearningRate != nil {
		rates = r.LearningRate.String()
	}
	if r.trains {
		if err := sayWithin(w, "learning rate: %s", rates); err != nil {
			return err
		}
	}
	return r.printVerdicts(w)
}

func (r *configReport) printTensors(w io.Writer) error {
	t := newTable(w, "TENSOR", "QUANTIZER", "WHY").breaking()
	for _, row := range r.Tensors {
		t.row(row.Name, row.quantizer, row.Why)
	}
	if err := t.flush(); err != nil {
		return err
	}
	return r.printVerdicts(w)
}

// printVerdicts tells what holds for the network as a whole.
func (r *configReport) printVerdicts(w io.Writer) error {
	if r.ClassesUnknown != "" {
		if err := sayWithin(w, "classes: known once the data is there, counted as one here: %s", r.ClassesUnknown); err != nil {
			return err
		}
	}
	if r.residual {
		say(w, "residual stream, and what pooling, sums or several layers read: %s", bitsOf(r.Residual))
	}
	if r.Target != nil {
		var costs []string
		for _, key := range []string{"size", "bitops"} {
			if cost := r.Target[key]; cost != "" {
				costs = append(costs, "quant.target."+key+" "+cost)
			}
		}
		if err := sayWithin(w, "bit widths: training starts from those above and learns them for %s; after %s of it they stay", strings.Join(costs, " and "), r.Target["freeze"]); err != nil {
			return err
		}
	}
	if len(r.causes) == 0 && r.NotTrainable == "" {
		say(w, "integer network: yes, it can be exported")
	}
	for _, cause := range r.causes {
		if err := sayWithin(w, "integer network: no, %v", cause); err != nil {
			return err
		}
	}
	return printReferences(w, r.References)
}

// printReferences tells how the config deviates from what its presets name.
func printReferences(stdout io.Writer, refs []configs.Reference) error {
	for _, ref := range refs {
		say(stdout, "")
		if err := sayWithin(stdout, "%s: %s", ref.Preset, ref.Source); err != nil {
			return err
		}
		if len(ref.Deviations) > 0 {
			t := newTable(stdout, "DEVIATION", "THERE", "HERE")
			for _, d := range ref.Deviations {
				t.row(d.Key, d.There, d.Here)
			}
			if err := t.flush(); err != nil {
				return err
			}
		}
		for _, n := range ref.Notes {
			if err := sayWithin(stdout, "there also: %s", n); err != nil {
				return err
			}
		}
	}
	return nil
}

// kindOf is "conv 3x3/2", or "conv 3x3/2 g32": the kind with kernel, stride and groups.
func kindOf(r layers.Row) string {
	if r.Kind != "conv" {
		return r.Kind
	}
	kind := fmt.Sprintf("%s %dx%d/%d", r.Kind, r.Kernel, cmp.Or(r.KernelWidth, r.Kernel), r.Stride)
	if r.StrideWidth != 0 {
		kind += fmt.Sprintf("x%d", r.StrideWidth)
	}
	if r.Groups != 0 {
		kind += fmt.Sprintf(" g%d", r.Groups)
	}
	return kind
}

func shape(s [3]int) string { return fmt.Sprintf("%dx%dx%d", s[0], s[1], s[2]) }

func weightsOf(r layers.Row) string {
	if r.WeightBits == floatBits {
		return bitsOf(0)
	}
	return fmt.Sprintf("%s %s %s", bitsOf(r.WeightBits), r.WeightMethod, r.Granularity)
}

func inputOf(r layers.Row) string {
	if r.InputBits == floatBits {
		return bitsOf(0)
	}
	sign := "unsigned"
	if r.InputSigned {
		sign = "signed"
	}
	return fmt.Sprintf("%s %s %s", bitsOf(r.InputBits), sign, r.InputMethod)
}

// floatBits is the width of what is left in floating point.
const floatBits = 32

// bitsOf is a bit width for people; 0 is floating point.
func bitsOf(bits int) string {
	if bits == 0 {
		return "fp"
	}
	return fmt.Sprintf("%d-bit", bits)
}
