package export

import (
	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/safetensors"
)

// safetensorsFormat packs all weights, biases and scales into one tensor each, beside
// a manifest in JSON: docs/export.md.
var safetensorsFormat = format{
	name: configs.Safetensors, extension: "safetensors",
	kinds: func() []string { return sortedKeys(manifestKinds) },
	write: func(path string, net *integer.Network, _ Options) error {
		f, err := encode(net)
		if err != nil {
			return err
		}
		return safetensors.WriteFile(path, f)
	},
}

// Read is Open for a file that is in order.
func Read(path string) (*integer.Network, error) {
	net, _, err := Open(path, Reading{})
	return net, err
}
