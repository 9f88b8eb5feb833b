package configs

// Parse reads an experiment from bytes, such as a config saved inside a
// checkpoint; name is what errors call it. Overrides win over it. See [Load].
func Parse(name string, content []byte, overrides ...string) (*Config, error) {
	l, src := newLoader(), source{path: name}
	l.loading = []string{src.id()} // what it extends may not lead back to its place
	doc := l.parse(src, content)
	doc.merge(l.overrides(overrides))
	c := l.build(doc, Pos{File: name, Line: 1, Column: 1}, name)
	if len(l.errs) > 0 {
		return nil, l.errs.Sorted()
	}
	return c, nil
}
