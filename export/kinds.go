package export

import (
	"fmt"
	"maps"
	"slices"

	"github.com/qat-go/qat/integer"
)

// table tells for each kind of layer how a format writes it, with what the format gathers in a G. A kind that a format
// cannot hold has a row that says why.
type table[G any] map[string]func(g G, l integer.Layer) error

// row is a table's row for the layers of type L.
func row[L integer.Layer, G any](write func(g G, l L) error) func(G, integer.Layer) error {
	return func(g G, l integer.Layer) error { return write(g, l.(L)) }
}

func (t table[G]) write(g G, l integer.Layer) error {
	write, ok := t[l.Kind()]
	if !ok {
		return fmt.Errorf("%s: a layer of kind %q cannot be written", l.LayerName(), l.Kind())
	}
	return write(g, l)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
