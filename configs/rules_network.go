package configs

import (
	"errors"
	"fmt"

	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/networks"
)

// networkPaths are the keys that say which network it is.
var networkPaths = []string{"model.arch", "model.block", "model.shortcut", "model.width", "model.form", "data.dataset",
	"data.random.height", "data.random.width", "data.random.channels", "data.random.classes"}

// networkRules are those of the network and its input.
func networkRules() (rules []crossRule) {
	for _, option := range []string{"block", "shortcut", "width", "form"} {
		key := "model." + option
		rules = append(rules, crossRule{[]string{key, "model.arch"}, func(c *Config) string {
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
	return append(rules, crossRule{networkPaths, networkMistake})
}

// networkMistake says why the images of the data set do not fit the network, or "".
func networkMistake(c *Config) string {
	var option *networks.OptionError
	_, err := c.network()
	if err == nil || errors.As(err, &option) {
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
	n, err := c.network()
	if err != nil {
		return nil // which is a mistake of the config
	}
	for _, node := range n.Weighted() {
		names = append(names, node.Name)
	}
	return names
}
