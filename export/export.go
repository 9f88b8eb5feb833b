// Package export writes integer networks in formats that other programs load.
package export

import (
	"fmt"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/safetensors"
)

// Extension returns the file name extension of a format, without the dot.
func Extension(format configs.Format) string { return string(format) }

// Write checks the network and writes it to path, whole or not at all. The same
// network gives the same bytes.
func Write(path string, format configs.Format, net *integer.Network) error {
	if format != configs.Safetensors {
		return fmt.Errorf("export: %s: format %q is not available; want %q", path, format, configs.Safetensors)
	}
	f, err := encode(net)
	if err != nil {
		return fmt.Errorf("export: %s: %w", path, err)
	}
	if err := safetensors.WriteFile(path, f); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

// Read reads a network that Write wrote, and checks it. The memory it takes is
// bounded by the size of the file, whatever is in it.
func Read(path string) (*integer.Network, error) {
	f, err := safetensors.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	net, err := decode(f)
	if err != nil {
		return nil, fmt.Errorf("export: %s: %w", path, err)
	}
	return net, nil
}
