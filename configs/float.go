package configs

import (
	"errors"
	"fmt"
	"strings"
)

// Float is the same experiment without quantizers: its network, data and training, and nothing under quant. Blocks whose only
// activation functions are quantizers become basic ones.
func (c *Config) Float() (*Config, error) {
	if c == nil {
		return nil, errors.New("there is no config; want one of configs.Load")
	}
	l := newLoader()
	doc := l.parse(source{path: c.Name}, c.YAML())
	for path := range doc.values {
		if strings.HasPrefix(path, "quant.") {
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
	f := l.build(doc, Pos{File: c.Name}, c.Name)
	if len(l.errs) > 0 {
		return nil, fmt.Errorf("%s without quantizers: %w", c.Name, l.errs.Sorted())
	}
	return f, nil
}
