package configs

import (
	"errors"
	"fmt"
	"strings"
)

var errNone = errors.New("there is no config; want one of configs.Load")

// Float is the same experiment without quantizers: its network, data and training, and nothing under quant. Blocks whose only
// activation functions are quantizers become basic ones.
func (c *Config) Float() (*Config, error) {
	if c == nil {
		return nil, errNone
	}
	return c.changed("without quantizers", func(doc *document) {
		for path := range doc.values {
			if strings.HasPrefix(path, "quant.") || strings.HasPrefix(path, "train.groups.scales.") { // which are the quantizers'
				delete(doc.values, path)
			}
		}
		doc.rules = nil
		if c.Model.Block == BiRealBlock {
			doc.values["model.block"] = setting{value: BasicBlock}
		}
		for _, path := range []string{"quant.weights.bits", "quant.activations.bits"} {
			doc.values[path] = setting{value: FP}
		}
	})
}

// changed is the resolved config with other settings; how is what they make of it.
func (c *Config) changed(how string, change func(*document)) (*Config, error) {
	l := newLoader()
	doc := l.parse(source{path: c.Name}, c.YAML())
	change(doc)
	other := l.build(doc, Pos{File: c.Name}, c.Name)
	if len(l.errs) > 0 {
		return nil, fmt.Errorf("%s %s: %w", c.Name, how, l.errs.Sorted())
	}
	return other, nil
}
