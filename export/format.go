package export

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
)

// writer is a format that networks are written in, one in each file of this
// package that registers it.
type writer struct {
	format    configs.Format
	extension string // of the file name, without the dot
	write     func(path string, net *integer.Network) error
}

var formats = map[configs.Format]writer{}

// register adds a format. Its value is there for package-level declarations.
func register(w writer) configs.Format {
	formats[w.format] = w
	return w.format
}

// Formats returns the formats that Write knows, sorted.
func Formats() []configs.Format { return slices.Sorted(maps.Keys(formats)) }

// Extension returns the file name extension of a format, without the dot.
func Extension(format configs.Format) string { return formats[format].extension }

// Write checks the network and writes it to path, whole or not at all. The same
// network gives the same bytes.
func Write(path string, format configs.Format, net *integer.Network) error {
	w, ok := formats[format]
	if !ok {
		var names []string
		for _, f := range Formats() {
			names = append(names, string(f))
		}
		return fmt.Errorf("export: %s: format %q is not available; want one of %s", path, format, strings.Join(names, ", "))
	}
	if err := w.write(path, net); err != nil {
		return fmt.Errorf("export: %s: %w", path, err)
	}
	return nil
}
