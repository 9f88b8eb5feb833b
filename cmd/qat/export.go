package main

import (
	"cmp"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/train"
)

type exportOptions struct {
	formats []string
	target  string
	output  string
	json    bool
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
  npz          NumPy's arrays, weights not packed
  c            a C99 header and a program that runs it in integers alone: --target dyadic

EXIT STATUS
  0  done
  1  failed, for instance because the network has no integer form
  2  the command line is wrong`,
		Example: `  qat export runs/quickstart --format safetensors
  qat export runs/quickstart --format npz,c --target dyadic
  qat export runs/quickstart/best.qat --format safetensors -o best.safetensors`,
		Args: wantArgs(1, 1, "a RUN or a CHECKPOINT"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(c, args[0]); err != nil {
				return err
			}
			return runExport(o, args[0], c.OutOrStdout())
		},
	}
	f := c.Flags()
	f.StringSliceVar(&o.formats, "format", []string{string(configs.Safetensors)}, "`FORMATS` to write, with commas: "+strings.Join(formatNames(), ", "))
	addTarget(c, &o.target)
	f.StringVarP(&o.output, "output", "o", "", "`PATH` of the file")
	f.BoolVar(&o.json, "json", false, "end stdout with one JSON object")
	return c
}

// unbuiltFormats are to come.
var unbuiltFormats = []string{"onnx", "qonnx"}

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
		if err := available(c, "--format", format, formatNames(), unbuiltFormats...); err != nil {
			return err
		}
		if slices.Contains(o.formats[:i], format) {
			return usagef(c, "--format names %s twice", format)
		}
	}
	if o.output != "" && len(o.formats) > 1 {
		return usagef(c, "--output names one file, --format asks for %d formats", len(o.formats))
	}
	return checkTarget(c, o.target)
}

// available accepts a flag's value that is one of values; unbuilt ones are to
// come.
func available(c *cobra.Command, flag, value string, values []string, unbuilt ...string) error {
	switch {
	case slices.Contains(values, value):
		return nil
	case slices.Contains(unbuilt, value):
		return usagef(c, "%s %s is not built yet; available today: %s", flag, value, strings.Join(values, ", "))
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

func runExport(o exportOptions, path string, stdout io.Writer) error {
	checkpoint, err := checkpointOf(path)
	if err != nil {
		return err
	}
	m, err := train.LoadNetwork(checkpoint)
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
	t := newTable(stdout)
	files := []string{}
	var errs []error
	for _, name := range o.formats {
		format := configs.Format(name)
		file := cmp.Or(o.output, filepath.Join(filepath.Dir(checkpoint), "model."+export.Extension(format)))
		if err := export.Write(file, format, net); err != nil {
			errs = append(errs, err)
			continue
		}
		for _, f := range export.Files(file, format) {
			t.row("exported", f)
			files = append(files, f)
		}
	}
	if err := errors.Join(append(errs, t.flush())...); err != nil || !o.json {
		return err
	}
	return printJSON(stdout, struct {
		Exports []string `json:"exports"`
		Target  string   `json:"target"`
	}{files, net.Target.String()})
}
