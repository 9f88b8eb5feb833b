package estimators

import (
	"fmt"
	"slices"
	"strings"
)

// registry holds what configs can name, of one kind. What registers does so for a package variable of its own file.
type registry[T any] struct {
	kind string // in errors
	name func(T) string
	all  []T
}

// add returns the name.
func (r *registry[T]) add(v T) string {
	r.all = append(r.all, v)
	return r.name(v)
}

// sorted lists all by name.
func (r *registry[T]) sorted() []T {
	return slices.SortedFunc(slices.Values(r.all), func(a, b T) int { return strings.Compare(r.name(a), r.name(b)) })
}

func (r *registry[T]) named(name string) (T, error) {
	for _, v := range r.all {
		if r.name(v) == name {
			return v, nil
		}
	}
	var none T
	return none, fmt.Errorf("no %s %q", r.kind, name)
}
