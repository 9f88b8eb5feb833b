package train

import (
	"errors"
	"fmt"
	"slices"
)

// ErrVersion says that another version of the program has trained steps of a run.
var ErrVersion = errors.New("the run is another version's")

// Other is a version that made the run, or steps of it, and is not the given one; false says that none did.
func (m *Manifest) Other(version string) (string, bool) {
	if m == nil {
		return "", false
	}
	for _, v := range append(slices.Clone(m.Earlier), m.Version) {
		if v != version {
			return v, true
		}
	}
	return "", false
}

// recall takes over what the manifest says of the run so far. It tells of, or refuses, a run with steps of another version: the bits that it ends with may be those of neither.
func (r *run) recall() error {
	m, err := ReadManifest(r.dir)
	if err != nil {
		return nil // a run needs none to go on
	}
	other, ok := m.Other(r.opt.Version)
	if ok && r.opt.SameVersion {
		return fmt.Errorf("%w: %s was begun by version %s, this is %s", ErrVersion, r.dir, other, r.opt.Version)
	}
	r.earlier, r.before = m.Earlier, m.Init
	if m.Version != r.opt.Version {
		r.earlier = append(r.earlier, m.Version)
		r.opt.Progress.Message("warning: %s was made by version %s so far, this is %s: it may end with the bits of neither", r.dir, m.Version, r.opt.Version)
	}
	return nil
}
