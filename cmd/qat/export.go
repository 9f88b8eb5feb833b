package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/onnxruntime"
	"github.com/qat-go/qat/train"
	"github.com/qat-go/qat/verify"
)

type exportOptions struct {
	formats []string
	target  string
	opset   int
	weights string // of the format onnx; "" is what the config says
	sums    string // likewise
	prefix  string // of the format c
	float   bool
	output  string
	force   bool
	verify  bool
	data    string
	limit   int
	threads int
	json    bool
	plain   bool
}

func newExportCommand() *cobra.Command {
	var o exportOptions
	c := &cobra.Command{
		Use:   "export RUN|CHECKPOINT",
		Short: "Write integer weights for other programs",
		Long: `Write the integer network of a run or a checkpoint: integer weights and biases,
scales and zero points. All formats are checked before the first file is
written, each file whole or not at all; by default they are called model and lie
beside the checkpoint. Earlier files of the same kind are replaced, others only
with --force.

  safetensors  packed weights and a manifest; what eval, infer and inspect read
  onnx         QDQ form, which onnxruntime runs on integers
  qonnx        Quant nodes for FINN; stock onnxruntime runs them too
  npz          NumPy's arrays, weights not packed
  c            a C99 program that runs it in integers alone, and its header;
               flash, RAM and stack are those of a Cortex-M4

A format computes with --target, or with the only target that it has: onnx and
qonnx with float32, c with dyadic. --verify prints the accuracy of each.

--float writes the float weights instead, which need no integer network: the
weights as they are before quantization, batch norm and its statistics, without
quantizers, as a PyTorch state dict in safetensors, by default
model.float.safetensors. load_state_dict takes it with strict=True.

--verify compares, over the test set, the integer network with the simulation,
and the ONNX files in onnxruntime, its optimizations off and on, with the
integer network: predictions, logits, and the codes of each layer. It prints a
table and writes a certificate, model.verify.json, beside the files. It needs a
qat built with -tags onnxruntime, and $ONNXRUNTIME_LIB, the path of the shared
library; what was not checked is said.

EXIT STATUS
  0    done
  1    failed, for instance because the network has no integer form
  2    the command line is wrong
  130  interrupted`,
		Example: `  qat export runs/quickstart --format onnx,safetensors
  qat export runs/quickstart --format onnx,c
  qat export runs/quickstart/best.qat --format safetensors -o best.safetensors
  qat export runs/quickstart --format onnx --verify --limit 500
  qat export runs/quickstart --float`,
		Args: wantArgs(1, 1, "a RUN or a CHECKPOINT"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(c); err != nil {
				return err
			}
			return runExport(c.Context(), c, o, args[0])
		},
	}
	f := c.Flags()
	f.StringSliceVar(&o.formats, "format", []string{string(configs.Safetensors)}, "`FORMATS` to write, with commas between: "+strings.Join(formatNames(), ", "))
	f.BoolVar(&o.float, "float", false, "write the float weights for PyTorch, in the format safetensors")
	addTarget(c, &o.target)
	f.IntVar(&o.opset, "opset", export.DefaultOpset, "version `N` of ONNX's operators in the format onnx: 13, 21 or 25")
	f.StringVar(&o.weights, "onnx-weights", "", "`TYPE` of weights in the format onnx: auto, int8 or uint8 (default what the config says)")
	f.StringVar(&o.sums, "onnx-sums", "", "`HOW` residual sums are added in the format onnx: real or fused (default what the config says)")
	f.StringVar(&o.prefix, "c-prefix", "qat", "`NAME` that names in the format c begin with, so that a program can hold several networks")
	f.StringVarP(&o.output, "output", "o", "", "`PATH` of the file or, if there are several formats, PATH ends in / or is a directory, of the directory, made if need be")
	f.BoolVar(&o.force, "force", false, "replace whatever is in the place of a file to be written, and read a checkpoint whose digest says that it is damaged; a warning tells of each")
	f.BoolVar(&o.verify, "verify", false, "compare with the simulation and with onnxruntime")
	addData(c, &o.data)
	addLimit(c, &o.limit, "verify on")
	addThreads(c, &o.threads)
	addJSON(c, &o.json)
	f.BoolVar(&o.plain, "plain", false, "print lines instead of a progress bar on a terminal")
	return c
}

func formatNames() []string {
	var names []string
	for _, f := range export.Formats() {
		names = append(names, string(f))
	}
	return names
}

func (o *exportOptions) check(c *cobra.Command) error {
	if len(o.formats) == 0 {
		return usagef(c, "--format is empty; available: %s", strings.Join(formatNames(), ", "))
	}
	for i, format := range o.formats {
		if err := available(c, "--format", format, formatNames()); err != nil {
			return err
		}
		if slices.Contains(o.formats[:i], format) {
			return usagef(c, "--format names %s twice", format)
		}
	}
	if !slices.Contains(export.Opsets(), o.opset) {
		var names []string
		for _, v := range export.Opsets() {
			names = append(names, strconv.Itoa(v))
		}
		return usagef(c, "--opset %d is not available; want one of %s", o.opset, strings.Join(names, ", "))
	}
	if o.weights != "" {
		if err := available(c, "--onnx-weights", o.weights, []string{string(configs.ONNXAuto), string(configs.ONNXInt8), string(configs.ONNXUint8)}); err != nil {
			return err
		}
	}
	if o.sums != "" {
		if err := available(c, "--onnx-sums", o.sums, []string{string(configs.ONNXReal), string(configs.ONNXFused)}); err != nil {
			return err
		}
	}
	return errors.Join(checkLimit(c, o.limit), checkTarget(c, o.target), o.checkFormats(c), o.checkFloat(c), checkThreads(c, o.threads))
}

// checkFormats wants a format that has the target that was asked for.
func (o *exportOptions) checkFormats(c *cobra.Command) error {
	target := configs.Target(o.target)
	if target == "" || checkTarget(c, o.target) != nil || slices.ContainsFunc(o.formats, func(f string) bool { return configs.Format(f).TargetFor(target) == target }) {
		return nil
	}
	return usagef(c, "--target %s: format %s computes with %s only", target, o.formats[0], configs.Format(o.formats[0]).Targets()[0])
}

// checkFloat refuses beside --float what is of integer networks.
func (o *exportOptions) checkFloat(c *cobra.Command) error {
	if !o.float {
		return nil
	}
	if i := slices.IndexFunc(o.formats, func(f string) bool { return f != string(configs.Safetensors) }); i >= 0 {
		return usagef(c, "--float writes the format safetensors, not %s", o.formats[i])
	}
	for _, name := range []string{"target", "opset", "onnx-weights", "onnx-sums", "c-prefix", "verify", "data", "limit", "threads"} {
		if c.Flags().Changed(name) {
			return usagef(c, "--%s is of integer networks; --float writes none", name)
		}
	}
	return nil
}

// available accepts a flag's value that is one of values.
func available(c *cobra.Command, flag, value string, values []string) error {
	if slices.Contains(values, value) {
		return nil
	}
	return usagef(c, "%s: unknown value %q; want %s", flag, value, strings.Join(values, ", "))
}

// addTarget adds --target.
func addTarget(c *cobra.Command, target *string) {
	c.Flags().StringVar(target, "target", "", "`ARITHMETIC` of the integer network: float32 or dyadic (default what the config or the file says)")
}

func checkTarget(c *cobra.Command, target string) error {
	if target == "" {
		return nil
	}
	return available(c, "--target", target, []string{integer.Float32.String(), integer.Dyadic.String()})
}

// retarget gives a network the arithmetic that --target asks for.
func retarget(net *integer.Network, target string) (*integer.Network, error) {
	if target == "" {
		return net, nil
	}
	return train.Retarget(net, configs.Target(target))
}

// exported is what --json prints.
type exported struct {
	train.Experiment
	Exports     []string            `json:"exports"` // files
	Exported    []train.Exported    `json:"exported"`
	Target      string              `json:"target,omitempty"`
	ONNX        *storedONNX         `json:"onnx,omitempty"`
	Certificate *verify.Certificate `json:"certificate,omitempty"`

	certificateFile string
}

func runExport(ctx context.Context, c *cobra.Command, o exportOptions, path string) error {
	checkpoint, err := train.OpenCheckpoint(path, reading(o.force, c.ErrOrStderr()))
	if err != nil {
		return err
	}
	var m *train.Model
	if o.verify {
		p := newProgress(c.ErrOrStderr(), o.plain)
		defer p.close()
		ctx = train.Watch(ctx, p.work)
		m, err = load(checkpoint, o.data, o.threads)
	} else {
		m, err = checkpoint.LoadNetwork()
	}
	if err != nil {
		return err
	}
	defer m.Close()
	var net *integer.Network
	target := ""
	if !o.float {
		if net, err = m.Lower(); err == nil {
			net, err = retarget(net, o.target)
		}
		if err != nil {
			return err
		}
		target = net.Target.String()
	}
	options := export.Options{Opset: o.opset, Weights: m.Config.Export.ONNX.Weights, Sums: m.Config.Export.ONNX.Sums, Prefix: o.prefix}
	if o.weights != "" {
		options.Weights = configs.ONNXWeights(o.weights)
	}
	if o.sums != "" {
		options.Sums = configs.ONNXSums(o.sums)
	}
	p, err := o.plan(net, options, filepath.Dir(checkpoint.Path))
	if err == nil {
		err = o.protect(c, p)
	}
	if err != nil {
		return err
	}
	lock, err := lockRun(c.Context(), filepath.Dir(p.exports[0].Files[0]), reading(o.force, c.ErrOrStderr()))
	if err != nil {
		return err
	}
	defer lock.Release()
	r := exported{Experiment: train.ExperimentOf(checkpoint.Config), Target: target, certificateFile: p.certificate}
	files := map[configs.Format]string{}
	for i, e := range p.exports {
		if o.float {
			err = m.WriteFloat(e.Files[0])
		} else {
			err = export.Write(e.Files[0], e.Format, p.nets[i], options)
		}
		if err != nil {
			return err
		}
		files[e.Format] = e.Files[0]
		r.Exports = append(r.Exports, e.Files...)
		if e.Format == configs.ONNX {
			if r.ONNX, err = describeONNX(p.nets[i], options); err != nil {
				return err
			}
		}
	}
	r.Exported = p.exports
	if o.verify {
		if err := r.verify(ctx, o, options, m, net, files); err != nil {
			return err
		}
	}
	return result(c.OutOrStdout(), o.json, r, r.print)
}

// verify certifies the files and measures each one's accuracy.
func (r *exported) verify(ctx context.Context, o exportOptions, options export.Options, m *train.Model, net *integer.Network, files map[configs.Format]string) (err error) {
	split := limited(m.Data.Test, o.limit)
	r.Certificate, err = verify.Certify(ctx, m, net, verify.Options{
		Split: split, Files: files, ONNX: options, Threads: o.threads, Library: onnxruntime.Library(),
	})
	if err != nil {
		return err
	}
	err = train.Accuracies(net, &train.Accuracy{Top1: r.Certificate.IntegerTop1}, r.Exported, func(n *integer.Network) (*train.Accuracy, error) {
		return m.EvaluateInteger(ctx, n, split)
	})
	if err != nil {
		return err
	}
	return writeCertificate(r.certificateFile, r.Certificate)
}

func (r exported) print(w io.Writer) error {
	t := newTable(w)
	exportRows(t, r.Exported)
	if r.ONNX != nil {
		r.ONNX.rows(t)
	}
	if err := t.flush(); err != nil || r.Certificate == nil {
		return err
	}
	return printCertificate(w, r.Certificate, r.certificateFile)
}

// exportRows adds each file with its target, and the accuracy if it was measured, and
// what of them depends on the processor.
func exportRows(t *table, exports []train.Exported) {
	for _, e := range exports {
		for _, file := range e.Files {
			text := file + "  " + e.Target
			if e.Test != nil {
				text += "  " + percent(*e.Test)
			}
			t.row("exported", text)
		}
	}
	for _, e := range exports {
		switch e.ExactOn {
		case "":
		case "none":
			t.row(string(e.Format)+", exact logits", "on no processor for certain: real numbers are summed")
		default:
			t.row(string(e.Format)+", exact logits", "in onnxruntime on "+e.ExactOn+";")
			t.row("", "elsewhere, on ARM too, some may differ")
		}
		if e.Footprint != nil {
			footprintRows(t, string(e.Format), *e.Footprint)
		}
	}
}

// footprintRows tells what the C program takes of a microcontroller's memory.
func footprintRows(t *table, what string, f export.Footprint) {
	t.row(what+", flash", fmt.Sprintf("%d bytes: %d of constants, about %d of code (%s)", f.Constants+f.Code, f.Constants, f.Code, export.Compiled))
	t.row(what+", RAM", fmt.Sprintf("%d bytes, and about %d of stack", f.RAM, f.Stack))
}
