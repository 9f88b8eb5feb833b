package train

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// want is a tensor that a network takes from a file of weights.
type want struct {
	name     string
	shape    []int
	optional bool
}

// candidate is a dict of a file whose names, less a prefix such as "module.", are
// perhaps those that a network wants.
type candidate struct {
	dict   *dict
	prefix string           // of the names, with its last dot; "" if there is none
	names  map[string]named // by name without the prefix
	// What keeps the candidate from fitting.
	missing, misshaped []want
}

// key names the candidate among those of a file, as model.init_key does.
func (c *candidate) key() string {
	key := strings.Trim(c.dict.key+"."+c.prefix, ".")
	if key == "" {
		return "."
	}
	return key
}

func (c *candidate) fits() bool { return len(c.missing)+len(c.misshaped) == 0 }

// fit finds the dict of a file that has all that a network wants; with key, among
// those that are called so. Other tensors may be beside them.
func fit(dicts []dict, wants []want, key string) (*candidate, error) {
	var all []*candidate
	for i := range dicts {
		all = append(all, candidates(&dicts[i], wants)...)
	}
	if key != "" {
		keys := keysOf(slices.DeleteFunc(slices.Clone(all), func(c *candidate) bool { return !c.fits() }))
		if len(keys) == 0 {
			for _, d := range dicts {
				keys = append(keys, (&candidate{dict: &d}).key())
			}
		}
		all = slices.DeleteFunc(all, func(c *candidate) bool { return c.key() != key && c.dict.key != key })
		if len(all) == 0 {
			return nil, fmt.Errorf("nothing for the network under the key %q; there is %s", key, some(keys))
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("none of its names is the network's, for instance %s", examples(dicts[0].tensors, wants))
	}
	fitting := slices.DeleteFunc(slices.Clone(all), func(c *candidate) bool { return !c.fits() })
	// In one dict the names as they are come before names with a prefix, which are of a copy.
	fitting = slices.DeleteFunc(fitting, func(c *candidate) bool {
		return c.prefix != "" && slices.ContainsFunc(all, func(o *candidate) bool { return o.dict == c.dict && o.prefix == "" && o.fits() })
	})
	switch len(fitting) {
	case 0:
		return nil, slices.MinFunc(all, func(a, b *candidate) int {
			return len(a.missing) + len(a.misshaped) - len(b.missing) - len(b.misshaped)
		}).problem(len(wants))
	case 1:
		return fitting[0], nil
	}
	return nil, &ambiguousError{keysOf(fitting)}
}

// ambiguousError says that a file holds the network more than once.
type ambiguousError struct{ keys []string }

func (e *ambiguousError) Error() string {
	return fmt.Sprintf("holds the network %d times, as %s", len(e.keys), some(e.keys))
}

// maxName is the length of the longest name that is looked at, in bytes.
const maxName = 1000

// candidates lists the prefixes with which d has a tensor of the network's.
func candidates(d *dict, wants []want) []*candidate {
	wanted, longest := map[string]bool{}, 0
	for _, w := range wants {
		wanted[w.name] = true
		longest = max(longest, len(w.name))
	}
	byPrefix := map[string]*candidate{}
	var all []*candidate
	for _, t := range d.tensors {
		if len(t.name) > maxName {
			continue
		}
		for at := 0; ; {
			if name := t.name[at:]; len(name) <= longest && wanted[name] {
				prefix := t.name[:at]
				c := byPrefix[prefix]
				if c == nil {
					c = &candidate{dict: d, prefix: prefix, names: map[string]named{}}
					byPrefix[prefix] = c
					all = append(all, c)
				}
				c.names[name] = t
			}
			dot := strings.IndexByte(t.name[at:], '.')
			if dot < 0 {
				break
			}
			at += dot + 1
		}
	}
	for _, c := range all {
		for _, w := range wants {
			t, ok := c.names[w.name]
			switch {
			case !ok && !w.optional:
				c.missing = append(c.missing, w)
			case ok && t.shape != nil && !slices.Equal(t.shape, w.shape):
				c.misshaped = append(c.misshaped, w)
			}
		}
	}
	return all
}

// problem says in a line what keeps the candidate from fitting.
func (c *candidate) problem(wants int) error {
	var parts []string
	if n := len(c.misshaped); n > 0 {
		w := c.misshaped[0]
		t := c.names[w.name]
		parts = append(parts, fmt.Sprintf("%d of %d tensors have another shape, for instance %.100q: %v in the file, %v in the network", n, wants, t.name, t.shape, w.shape))
	}
	if n := len(c.missing); n > 0 {
		others := slices.DeleteFunc(c.unused(), func(t named) bool { return strings.HasSuffix(t.name, tracked) }) // which no network wants
		parts = append(parts, fmt.Sprintf("%d of %d tensors are missing, for instance %s", n, wants, examples(others, c.missing)))
	}
	return errors.New(strings.Join(parts, "; "))
}

// unused lists the tensors of the dict that are not the network's.
func (c *candidate) unused() []named {
	return slices.DeleteFunc(slices.Clone(c.dict.tensors), func(t named) bool {
		name, ok := strings.CutPrefix(t.name, c.prefix)
		_, used := c.names[name]
		return ok && used
	})
}

// examples names a tensor of each side: two with one shape, if there are such.
func examples(file []named, network []want) string {
	w := network[0]
	if len(file) == 0 {
		return fmt.Sprintf("%q %v", w.name, w.shape)
	}
	t := file[0]
search:
	for _, x := range network {
		for _, y := range file {
			if slices.Equal(x.shape, y.shape) {
				w, t = x, y
				break search
			}
		}
	}
	return fmt.Sprintf("%.100q %v in the file, %q %v in the network", t.name, t.shape, w.name, w.shape)
}

func keysOf(all []*candidate) (keys []string) {
	for _, c := range all {
		if !slices.Contains(keys, c.key()) {
			keys = append(keys, c.key())
		}
	}
	return keys
}

// some lists the first few words that a file has.
func some(words []string) string {
	var quoted []string
	for _, w := range words[:min(len(words), 5)] {
		quoted = append(quoted, fmt.Sprintf("%.100q", w))
	}
	if more := len(words) - len(quoted); more > 0 {
		quoted = append(quoted, fmt.Sprintf("%d more", more))
	}
	return strings.Join(quoted, ", ")
}
