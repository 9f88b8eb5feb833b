package configs

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/qat-go/qat/networks/read"
)

// YAML returns the resolved config: every key, no inheritance, in the order of
// docs/config.md. Loading it gives the same Config.
func (c *Config) YAML() []byte {
	return c.render(func(string) string { return "" })
}

// AnnotatedYAML is YAML with the origin of each value as a comment.
func (c *Config) AnnotatedYAML() []byte {
	return c.render(func(path string) string {
		origin := strings.Map(func(r rune) rune {
			if !unicode.IsPrint(r) {
				return '?' // a file name must not end the comment
			}
			return r
		}, c.Origin(path))
		return "  # " + origin
	})
}

// KeyValue is one key of a config.
type KeyValue struct {
	Key    string `json:"key"`
	Value  string `json:"value"`  // in YAML
	Origin string `json:"origin"` // where it was written
}

// Settings lists every value in the order of docs/config.md.
func (c *Config) Settings() []KeyValue {
	p := printer{comment: func(string) string { return "" }, presets: c.presets}
	p.section(table(), "", 0, c)
	for i := range p.settings {
		p.settings[i].Origin = c.Origin(p.settings[i].Key)
	}
	return p.settings
}

func (c *Config) render(comment func(path string) string) []byte {
	p := printer{comment: comment, presets: c.presets}
	p.section(table(), "", 0, c)
	return []byte(p.String())
}

type printer struct {
	strings.Builder
	comment func(path string) string
	presets map[string]string

	settings []KeyValue // without origins
}

func (p *printer) section(fields []field, path string, indent int, c *Config) {
	for _, f := range fields {
		sub := subPath(path, f.key)
		switch {
		case c.replaced(sub):
		case f.each != nil:
			p.rules(c.Quant.Layers, indent)
		case f.fields != nil:
			p.line(indent, f.key+":", "")
			p.section(f.fields, sub, indent+1, c)
		case f.at != nil:
			p.leaf(f, valueAt(f.at(c)), sub, indent)
		}
	}
}

// replaced tells that a key, or a section, has no value: another stands in its place, or it is of something that the config has
// not. What a config of an earlier version says is what this one prints, so that its results count.
func (c *Config) replaced(path string) bool {
	switch path {
	case "train.steps":
		return c.Train.Steps == 0
	case "train.epochs":
		return c.Train.Steps > 0
	case schedulePath:
		return len(c.Quant.Schedule) == 0
	case "quant.target":
		return !c.Quant.Target.On()
	}
	return false
}

func (p *printer) rules(rules []Rule, indent int) {
	if len(rules) == 0 {
		p.line(indent, "layers: {}", "")
		return
	}
	p.line(indent, "layers:", "")
	for _, r := range rules {
		p.line(indent+1, fmt.Sprintf("%q:", r.Pattern), "")
		path := rulePath(r.Pattern.String())
		p.override("weights", weightTable(), r.Weights, path, indent+2)
		p.override("activations", activationTable(), r.Activations, path, indent+2)
	}
}

func (p *printer) override(key string, fields []field, o Override, path string, indent int) {
	if len(o.Keys) == 0 {
		return
	}
	p.line(indent, key+":", "")
	for _, f := range fields {
		if slices.Contains(o.Keys, f.key) {
			p.leaf(f, valueAt(f.tensor(&o.Values)), path+"."+key+"."+f.key, indent+1)
		}
	}
}

func (p *printer) leaf(f field, v any, path string, indent int) {
	if tensor, ok := strings.CutSuffix(path, ".estimator"); ok && p.presets[tensor] != "" {
		v = Estimator(p.presets[tensor])
	}
	p.settings = append(p.settings, KeyValue{Key: path, Value: f.kind.format(v)})
	if s, ok := v.(*read.Source); ok && s != nil {
		p.line(indent, f.key+":", p.comment(path))
		for _, l := range s.Lines() {
			p.line(indent+1, l, "")
		}
		return
	}
	if k, ok := f.kind.(stages); ok {
		p.line(indent, f.key+":", p.comment(path))
		for _, s := range v.([]Stage) {
			p.line(indent+1, "- "+k.flow(s), "")
		}
		return
	}
	p.line(indent, f.key+": "+f.kind.format(v), p.comment(path))
}

func (p *printer) line(indent int, text, comment string) {
	p.WriteString(strings.Repeat("  ", indent) + text + comment + "\n")
}
