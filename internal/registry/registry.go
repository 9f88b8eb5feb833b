// Package registry holds what packages offer by name, such as methods and data sets, from this module and from others.
package registry

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Registry is filled while packages initialize and read afterwards. Its order is that of the names, whatever the order of
// initialization.
type Registry[T any] struct {
	Kind string // in messages, such as "method"
	Name func(T) string

	mu     sync.Mutex
	all    []T // by name
	listed bool
}

// names are those that YAML reads as text, and that a preset or a list can hold.
var names = regexp.MustCompile(`^[a-z][a-z0-9]*([_-][a-z0-9]+)*$`)

// Add registers v and returns its name. It panics on a name that is taken or cannot stand in a config, and once All has been
// called: what was made of the list, such as a schema, would not know v.
func (r *Registry[T]) Add(v T) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := r.Name(v)
	i, taken := r.find(name)
	switch {
	case !names.MatchString(name) || slices.Contains([]string{"true", "false", "null", "auto"}, name):
		r.Refuse(v, "wanted a name such as my_%s: lower-case letters, digits, _ and -, a letter first, and no word of YAML", strings.ReplaceAll(r.Kind, " ", "_"))
	case taken:
		r.Refuse(v, "the name is taken; wanted another one, or one registration")
	case r.listed:
		r.Refuse(v, "it comes too late, after a config was read or the names were listed; register it in an init function")
	}
	r.all = slices.Insert(r.all, i, v)
	return name
}

// Refuse panics, as for all mistakes in what is registered: they are the program's, and there from its start.
func (r *Registry[T]) Refuse(v T, format string, args ...any) {
	panic(fmt.Sprintf("registering the %s %q: %s", r.Kind, r.Name(v), fmt.Sprintf(format, args...)))
}

// All returns everything by name, and closes the registry.
func (r *Registry[T]) All() []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.listed = true
	return slices.Clone(r.all)
}

// Named returns what has that name.
func (r *Registry[T]) Named(name string) (v T, found bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i, found := r.find(name)
	if found {
		v = r.all[i]
	}
	return v, found
}

func (r *Registry[T]) find(name string) (i int, found bool) {
	return slices.BinarySearchFunc(r.all, name, func(v T, name string) int { return strings.Compare(r.Name(v), name) })
}
