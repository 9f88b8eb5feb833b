package export

import (
	"fmt"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/safetensors"
)

// safetensorsFormat packs all weights, biases and scales into one tensor each, beside
// a manifest in JSON: docs/export.md.
var safetensorsFormat = format{
	name: configs.Safetensors, extension: "safetensors",
	write: func(path string, net *integer.Network, _ ONNXOptions) error {
		f, err := encode(net)
		if err != nil {
			return err
		}
		return safetensors.WriteFile(path, f)
	},
}

// Read reads a network that Write wrote as safetensors, and checks it. The memory it
// takes is bounded by the size of the file, whatever is in it.
func Read(path string) (*integer.Network, error) {
	f, err := safetensors.ReadFile(path)
	if err != nil {
		return nil, err
	}
	net, err := decode(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return net, nil
}
