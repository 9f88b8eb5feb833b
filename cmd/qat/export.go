package main

import (
	"cmp"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/export"
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
scales and zero points. The file is written whole or not at all; by default it
is model.safetensors beside the checkpoint.

EXIT STATUS
  0  done
  1  failed, for instance because the network has no integer form
  2  the command line is wrong`,
		Example: `  qat export runs/quickstart --format safetensors
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
	f.StringSliceVar(&o.formats, "format", []string{string(configs.Safetensors)}, "`FORMAT` to write: safetensors")
	f.StringVar(&o.target, "target", string(configs.Float32), "`ARITHMETIC` of the integer network: float32, which rescales as onnxruntime does")
	f.StringVarP(&o.output, "output", "o", "", "`PATH` of the file")
	f.BoolVar(&o.json, "json", false, "end stdout with one JSON object")
	return c
}

func (o *exportOptions) check(c *cobra.Command, path string) error {
	if isExport(path) {
		return usagef(c, "%s is an exported network; want a RUN or a CHECKPOINT", path)
	}
	if len(o.formats) == 0 {
		return usagef(c, "--format is empty; available: safetensors")
	}
	for _, format := range o.formats {
		if err := available(c, "--format", format, []string{string(configs.Safetensors)}, "onnx", "qonnx", "npz", "c"); err != nil {
			return err
		}
	}
	return available(c, "--target", o.target, []string{string(configs.Float32)}, "dyadic")
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
	file := cmp.Or(o.output, filepath.Join(filepath.Dir(checkpoint), "model."+export.Extension(configs.Safetensors)))
	if err := export.Write(file, configs.Safetensors, net); err != nil {
		return err
	}
	t := newTable(stdout)
	t.row("exported", file)
	if err := t.flush(); err != nil || !o.json {
		return err
	}
	return printJSON(stdout, struct {
		Exports []string `json:"exports"`
	}{[]string{file}})
}
