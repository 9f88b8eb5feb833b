package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/quantize"
	"github.com/qat-go/qat/train"
)

func newConfigCommand() *cobra.Command {
	c := newGroup(&cobra.Command{
		Use:   "config",
		Short: "Check, print and list configs",
	})
	c.AddCommand(newConfigCheckCommand(), newConfigPrintCommand(), newConfigSchemaCommand(), newConfigListCommand(), newConfigNetworksCommand())
	return c
}

const configStatus = `

EXIT STATUS
  0  done
  2  the command line or the config is wrong`

type checkOptions struct{ json, dot, tensors bool }

func newConfigCheckCommand() *cobra.Command {
	var o checkOptions
	c := &cobra.Command{
		Use:   "check CONFIG [KEY=VALUE...]",
		Short: "Validate a config and print the resolved per-layer table",
		Long: `Validate a config and print what it makes of each layer: shapes, bits, sign,
granularity, parameters, multiplications and additions (MACs), BitOps and
deployed size, whether the network can be exported, as it will be after
training, and the curve of the learning rate. It needs no data, but the files
that training starts from.

The table of a network that cannot be trained yet comes with an error that says
why.

Of a config with stages (quant.schedule), the table is that of the last one, in
which training ends. What follows draws the stages to scale, each with its bits
of weights and activations, and lists what they are and cost.

--tensors lists every tensor instead: the network's input, what each node gives
and its weights, each with its quantizer, or none, and why. A tensor that is
quantized for several nodes has several rows.

--dot prints the network as a graph instead, in the language of Graphviz: nodes
with their shapes, and the quantizers.

A preset such as lsq@paper names a source: what follows the table are the keys
whose values there and here differ, and what the source does that no key says.

All mistakes are reported at once, each with file, line and column.` + configStatus,
		Example: `  qat config check my.yaml
  qat config check quickstart quant.weights.bits=3
  qat config check quickstart --tensors
  qat config check my.yaml --dot`,
		Args: wantConfig,
		RunE: func(c *cobra.Command, args []string) error {
			if o.dot && (o.json || o.tensors) {
				return usagef(c, "--dot and --%s are two outputs; choose one", map[bool]string{true: "json", false: "tensors"}[o.json])
			}
			return runConfigCheck(args[0], args[1:], o, c.OutOrStdout())
		},
	}
	addJSON(c, &o.json)
	c.Flags().BoolVar(&o.dot, "dot", false, "print the network as a graph, for Graphviz")
	c.Flags().BoolVar(&o.tensors, "tensors", false, "say of every tensor why it has a quantizer or lacks one")
	return c
}

func newConfigPrintCommand() *cobra.Command {
	var js bool
	c := &cobra.Command{
		Use:   "print CONFIG [KEY=VALUE...]",
		Short: "Print the resolved config with the origin of each value",
		Long: `Print the config as YAML with every key, no inheritance left, and the origin of
each value as a comment: file and line, argument, or default.` + configStatus,
		Example: `  qat config print resnet20_w4a4 train.lr=0.02`,
		Args:    wantConfig,
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := configs.Load(args[0], args[1:])
			if err != nil {
				return err
			}
			return result(c.OutOrStdout(), js, struct {
				train.Experiment
				Settings []configs.KeyValue `json:"settings"`
			}{train.ExperimentOf(cfg), cfg.Settings()}, func(w io.Writer) error {
				_, err := w.Write(cfg.AnnotatedYAML())
				return err
			})
		},
	}
	addJSON(c, &js)
	return c
}

func newConfigSchemaCommand() *cobra.Command {
	var js, network bool
	c := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of configs, or of networks, for editors",
		Long: `Print the JSON Schema (draft 2020-12) of config files, or with --network of
files with a network (model.network).` + configStatus,
		Example: `  qat config schema > qat.schema.json
  qat config schema --network > qat-network.schema.json`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			schema := configs.Schema()
			if network {
				schema = configs.NetworkSchema()
			}
			return result(c.OutOrStdout(), js, json.RawMessage(schema), func(w io.Writer) error {
				_, err := w.Write(schema)
				return err
			})
		},
	}
	addJSON(c, &js)
	c.Flags().BoolVar(&network, "network", false, "the schema of a network's file")
	return c
}

func newConfigListCommand() *cobra.Command {
	var js bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the embedded configs",
		Long:  `List the embedded configs, which every command takes by name.` + configStatus,
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			entries := configs.Names()
			return result(c.OutOrStdout(), js, struct {
				Configs []configs.Entry `json:"configs"`
			}{entries}, func(w io.Writer) error {
				t := newTable(w) // whose long descriptions break
				t.row("CONFIG", "DESCRIPTION")
				for _, e := range entries {
					t.row(e.Name, e.Description)
				}
				return t.flush()
			})
		},
	}
	addJSON(c, &js)
	return c
}

func newConfigNetworksCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "networks [NAME]",
		Short: "List the embedded networks, or print one to copy",
		Long: `List the embedded networks in YAML, which model.network takes by name; or print
one as it is, with its comments, to copy and change.` + configStatus,
		Example: `  qat config networks
  qat config networks networks/residual.yaml > my_net.yaml`,
		Args: wantArgs(0, 1, "NAME of an embedded network"),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				_, err := io.WriteString(c.OutOrStdout(), strings.Join(configs.NetworkNames(), "\n")+"\n")
				return err
			}
			text, err := configs.NetworkText(args[0])
			if err != nil {
				return usagef(c, "%v", err)
			}
			_, err = c.OutOrStdout().Write(text)
			return err
		},
	}
}

func wantConfig(c *cobra.Command, args []string) error {
	return wantArgs(1, -1, "CONFIG, a file or a name of \"qat config list\"")(c, args)
}

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
