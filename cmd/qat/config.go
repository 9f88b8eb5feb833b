package main

import (
	"encoding/json"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qat-go/qat/configs"
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
