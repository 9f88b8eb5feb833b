package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/networks"
)

// networkPaths are the keys that say which network it is.
var networkPaths = []string{networkPath, "model.arch", "model.block", "model.shortcut", "model.width", "model.form", "data.dataset",
	"data.random.height", "data.random.width", "data.random.channels", "data.random.classes", "data.labels", "data.arrays.shape"}

// archKeys are those that have no effect on a network of one's own.
var archKeys = []string{"model.arch", "model.block", "model.shortcut", "model.width", "model.form"}

// networkRules are those of the network and its input.
func networkRules() (rules []crossRule) {
	walk(table(), "", func(path string, f field) {
		if slices.Contains(archKeys, path) {
			rules = append(rules, crossRule{[]string{path, networkPath}, func(c *Config) string {
				if v := valueAt(f.at(c)); c.Model.Network == nil || v == f.def && path != "model.arch" || v == CustomArch {
					return ""
				}
				return fmt.Sprintf("%s has no effect on model.network; remove one of them", path)
			}})
		}
	})
	rules = append(rules, crossRule{[]string{"model.arch"}, func(c *Config) string {
		if c.Model.Arch == CustomArch && c.Model.Network == nil {
			return "model.arch: custom needs model.network, such as networks/residual.yaml"
		}
		return ""
	}})
	for _, option := range []string{"block", "shortcut", "width", "form"} {
		key := "model." + option
		rules = append(rules, crossRule{[]string{key, "model.arch"}, func(c *Config) string {
			if c.Model.Arch == CustomArch || c.Model.Network != nil {
				return ""
			}
			var e *networks.OptionError
			if !errors.As(networks.Check(string(c.Model.Arch), c.Model.options()), &e) || e.Option != option {
				return ""
			}
			return key + ": " + e.Reason
		}})
	}
	for _, f := range randomFields {
		path := "data.random." + f.key
		rules = append(rules, crossRule{[]string{path, "data.dataset"}, func(c *Config) string {
			if c.Data.Dataset == RandomData || valueAt(f.at(c)) == f.def {
				return ""
			}
			return fmt.Sprintf("%s has no effect on data.dataset %s; remove it or set data.dataset: random", path, c.Data.Dataset)
		}})
	}
	rules = append(rules, crossRule{append([]string{"quant.concat", "quant.residual"}, networkPaths...), concatHasParts})
	return append(append(rules, dataRules()...), crossRule{networkPaths, networkMistake})
}

// concatHasParts: the quantizers of what is joined are those of the residual stream.
func concatHasParts(c *Config) string {
	if c.Quant.Concat == ConcatShared {
		return ""
	}
	if c.Quant.Residual == FP {
		return fmt.Sprintf("quant.concat: %s has no effect with quant.residual: fp; remove it, or set quant.residual: 8", c.Quant.Concat)
	}
	n, err := c.Network()
	if err != nil {
		return ""
	}
	joins, real := false, false
	for _, node := range n.Nodes {
		switch op := node.Op.(type) {
		case networks.Concat:
			joins = true
		case networks.Add:
			real = real || op.Real
		}
	}
	switch {
	case !joins:
		return fmt.Sprintf("quant.concat: %s has no effect on a network without concat; remove it", c.Quant.Concat)
	case real:
		return fmt.Sprintf("quant.concat: %s has no effect on a network with sums of real values; remove it", c.Quant.Concat)
	}
	return ""
}

// networkMistake says why the images of the data set do not fit the network, or "".
func networkMistake(c *Config) string {
	if c.Model.Arch == CustomArch || c.Model.Network != nil {
		return "" // its mistakes have places of their own
	}
	var option *networks.OptionError
	_, err := c.Network()
	if err == nil || errors.As(err, &option) || errors.Is(err, fs.ErrNotExist) { // of arrays that are not there yet
		return ""
	}
	d, describing := datasets.Describe(string(c.Data.Dataset), c.DataOptions(""))
	if describing != nil {
		return err.Error()
	}
	return fmt.Sprintf("model.arch: %v; the images of data.dataset %s are %v", err, c.Data.Dataset, networks.Shape{H: d.Height, W: d.Width, C: d.Channels})
}

// LayerNames lists the layers that rules name, in order of execution.
func (c *Config) LayerNames() (names []string) {
	n, err := c.Network()
	if err != nil {
		return nil // which is a mistake of the config
	}
	for _, node := range n.Weighted() {
		names = append(names, node.Name)
	}
	return names
}
