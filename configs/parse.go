package configs

// Parse reads an experiment from bytes, such as a config saved inside a
// checkpoint; name is what errors call it. See [Load].
func Parse(name string, content []byte) (*Config, error) {
	l := newLoader()
	c := l.build(l.parse(source{path: name}, content), Pos{File: name, Line: 1, Column: 1}, name)
	if len(l.errs) > 0 {
		return nil, l.errs.Sorted()
	}
	return c, nil
}
