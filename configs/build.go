package configs

import (
	"reflect"
	"slices"
	"strings"
)

// build makes the Config that doc describes. root is the place of what no file
// mentions, fileName the default name.
func (l *loader) build(doc *document, root Pos, fileName string) *Config {
	c := &Config{origins: map[string]Pos{}, presets: map[string]string{}}
	walk(table(), "", func(path string, f field) {
		s, given := doc.values[path]
		switch {
		case f.at == nil:
		case given && !s.bad:
			assign(f.at(c), s.value)
			c.origins[path] = s.pos
		case f.def != nil:
			assign(f.at(c), f.def)
		case given, l.means(path):
		case f.other == "":
			l.report(root, "%s is missing; it has no default, wanted %s", path, f.kind.describe())
		case path < f.other: // one of the two reports both
			if _, given := doc.values[f.other]; !given && !l.means(f.other) {
				l.report(root, "%s is missing; it has no default, wanted %s, or %s in its place", path, f.kind.describe(), f.other)
			}
		}
	})
	for path, s := range doc.values {
		if s.preset != "" {
			c.presets[strings.TrimSuffix(path, ".estimator")] = s.preset
		}
	}
	for _, r := range doc.rules {
		path := rulePath(r.glob.String())
		c.Quant.Layers = append(c.Quant.Layers, Rule{
			Pattern:     r.glob,
			Pos:         r.pos,
			Weights:     newOverride(doc, c, path+".weights"),
			Activations: newOverride(doc, c, path+".activations"),
		})
	}
	if _, given := c.origins["name"]; !given {
		c.Name = fileName
		if !runName.MatchString(fileName) {
			l.report(root, "name: the file name %q does not do as one; set name", fileName)
		}
	}
	if _, given := c.origins["model.arch"]; !given && c.Model.Network != nil {
		c.Model.Arch = CustomArch
	}
	followFloat(c)
	followArrays(c)
	l.check(doc, c, root)
	l.schedule(doc, c, root, fileName)
	return c
}

// means says that a key is there by another word, or its section is.
func (l *loader) means(path string) bool {
	return slices.ContainsFunc(l.meant, func(m string) bool { return path == m || strings.HasPrefix(path, m+".") })
}

// followFloat lets the defaults of first_last and residual follow fp, and residual the block.
func followFloat(c *Config) {
	q := &c.Quant
	if _, given := c.origins["quant.first_last"]; !given && q.float() {
		q.FirstLast = FP
	}
	if _, given := c.origins["quant.residual"]; !given && (q.Activations.Bits == FP || c.Model.Block != BasicBlock) {
		q.Residual = FP
	}
}

// float says whether nothing is quantized outside per-layer rules.
func (q *Quant) float() bool { return q.Weights.Bits == FP && q.Activations.Bits == FP }

// assign stores v where ptr points; the types agree, as a test checks for each
// row of the table.
func assign(ptr, v any) {
	dst := reflect.ValueOf(ptr).Elem()
	src := reflect.ValueOf(v)
	if src.Kind() == reflect.Slice { // the table's default is shared
		src = reflect.AppendSlice(reflect.MakeSlice(src.Type(), 0, src.Len()), src)
	}
	dst.Set(src)
}

// valueAt reads what ptr points to.
func valueAt(ptr any) any { return reflect.ValueOf(ptr).Elem().Interface() }
