package main

import (
	"context"
	"errors"
	"io"
	"os"
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
	output  string
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
scales and zero points. Each file is written whole or not at all; by default they
are called model and lie beside the checkpoint.

  safetensors  packed weights and a manifest; what eval, infer and inspect read
  onnx         QDQ form, which onnxruntime runs on integers
  qonnx        Quant nodes for FINN; stock onnxruntime runs them too
  npz          NumPy's arrays, weights not packed
  c            a C99 header and a program that runs it in integers alone: --target dyadic

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
  qat export runs/quickstart --format npz,c --target dyadic
  qat export runs/quickstart/best.qat --format safetensors -o best.safetensors
  qat export runs/quickstart --format onnx --verify --limit 500`,
		Args: wantArgs(1, 1, "a RUN or a CHECKPOINT"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(c, args[0]); err != nil {
				return err
			}
			return runExport(c.Context(), o, args[0], c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringSliceVar(&o.formats, "format", []string{string(configs.Safetensors)}, "`FORMATS` to write, with commas between: "+strings.Join(formatNames(), ", "))
	addTarget(c, &o.target)
	f.IntVar(&o.opset, "opset", export.DefaultOpset, "version `N` of ONNX's operators in the format onnx: 13, 21 or 25")
	f.StringVar(&o.weights, "onnx-weights", "", "`TYPE` of weights in the format onnx: auto, int8 or uint8 (default what the config says)")
	f.StringVarP(&o.output, "output", "o", "", "`PATH` of the file; of the directory, made if need be, if there are several formats")
	f.BoolVar(&o.verify, "verify", false, "compare with the simulation and with onnxruntime")
	addData(c, &o.data)
	addLimit(c, &o.limit, "verify on")
	addThreads(c, &o.threads)
	f.BoolVar(&o.json, "json", false, "end stdout with one JSON object")
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

func (o *exportOptions) check(c *cobra.Command, path string) error {
	if isExport(path) {
		return usagef(c, "%s is an exported network; want a RUN or a CHECKPOINT", path)
	}
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
	return errors.Join(checkLimit(c, o.limit), checkTarget(c, o.target), checkThreads(c, o.threads))
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
func retarget(net *integer.Network, target string) (err error) {
	if target == "" {
		return nil
	}
	if net.Target, err = integer.ParseTarget(target); err == nil {
		err = net.Check()
	}
	return err
}

// exported is what --json prints.
type exported struct {
	Exports     []string            `json:"exports"`
	Target      string              `json:"target"`
	ONNX        *storedONNX         `json:"onnx,omitempty"`
	Certificate *verify.Certificate `json:"certificate,omitempty"`
}

func runExport(ctx context.Context, o exportOptions, path string, stdout, stderr io.Writer) error {
	checkpoint, err := train.OpenCheckpoint(path)
	if err != nil {
		return err
	}
	var m *train.Model
	if o.verify {
		m, err = loadModel(ctx, checkpoint, o.data, o.threads, newProgress(stderr, o.plain))
	} else {
		m, err = checkpoint.LoadNetwork()
	}
	if err != nil {
		return err
	}
	defer m.Close()
	net, err := m.Lower()
	if err != nil {
		return err
	}
	if err := retarget(net, o.target); err != nil {
		return err
	}
	result := exported{Exports: []string{}, Target: net.Target.String()}
	t := newTable(stdout)
	options := export.ONNXOptions{Opset: o.opset, Weights: m.Config.Export.ONNX.Weights}
	if o.weights != "" {
		options.Weights = configs.ONNXWeights(o.weights)
	}
	files, err := o.write(net, options, filepath.Dir(checkpoint.Path), func(file string) {
		result.Exports = append(result.Exports, file)
		t.row("exported", file)
	})
	if _, ok := files[configs.ONNX]; ok {
		var stored error
		if result.ONNX, stored = describeONNX(t, net, options); stored != nil {
			err = errors.Join(err, stored)
		}
	}
	if err := errors.Join(err, t.flush()); err != nil {
		return err
	}
	if o.verify {
		result.Certificate, err = verify.Certify(ctx, m, net, verify.Options{
			Split: limited(m.Data.Test, o.limit), Files: files, ONNX: options, Threads: o.threads, Library: onnxruntime.Library(),
		})
		if err != nil {
			return err
		}
		first := result.Exports[0]
		base := strings.TrimSuffix(strings.TrimSuffix(first, "."+export.Extension(configs.Format(o.formats[0]))), filepath.Ext(first))
		if err := printCertificate(stdout, result.Certificate, base+".verify.json"); err != nil {
			return err
		}
	}
	if !o.json {
		return nil
	}
	return printJSON(stdout, result)
}

// write writes all formats, those that it can, tells of each file, and returns them by
// format. dir is where they go unless --output says otherwise.
func (o *exportOptions) write(net *integer.Network, options export.ONNXOptions, dir string, wrote func(file string)) (map[configs.Format]string, error) {
	files := map[configs.Format]string{}
	var errs []error
	if o.output != "" && len(o.formats) > 1 {
		if err := os.MkdirAll(o.output, 0o755); err != nil {
			return nil, err
		}
	}
	for _, name := range o.formats {
		format := configs.Format(name)
		file := filepath.Join(dir, "model."+export.Extension(format))
		switch {
		case o.output != "" && len(o.formats) == 1:
			file = o.output
		case o.output != "":
			file = filepath.Join(o.output, "model."+export.Extension(format))
		}
		if err := export.Write(file, format, net, options); err != nil {
			errs = append(errs, err)
			continue
		}
		files[format] = file
		for _, f := range export.Files(file, format) {
			wrote(f)
		}
	}
	return files, errors.Join(errs...)
}
