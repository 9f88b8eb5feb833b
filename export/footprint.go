package export

import "github.com/qat-go/qat/integer"

// Footprint is the memory, in bytes, that the C program takes on a microcontroller, without main and what calls it.
type Footprint struct {
	Constants int `json:"constants_bytes"` // weights and tables, in flash
	Code      int `json:"code_bytes"`      // about, in flash: [Compiled]
	RAM       int `json:"ram_bytes"`       // for codes and the unpacked weights of one output
	Stack     int `json:"stack_bytes"`     // about: [Compiled]
}

// Compiled is what code and stack were measured with; neither depends on the network.
const Compiled = "Cortex-M4, GCC 12.2 -O2"

const (
	codeBytes  = 3900
	stackBytes = 272
	tensorSize = 20 // of struct qat_tensor
	layerSize  = 52 // of struct qat_layer
)

// NewFootprint returns that of a network.
func NewFootprint(net *integer.Network) (Footprint, error) {
	if err := net.Check(); err != nil {
		return Footprint{}, err
	}
	m, err := newCModel(net)
	if err != nil {
		return Footprint{}, err
	}
	return Footprint{
		Constants: m.weights + 9*m.outputs + 256*len(m.Codes) + tensorSize*len(m.Tensors) + layerSize*len(m.Layers),
		Code:      codeBytes, RAM: m.Arena + m.Row, Stack: stackBytes,
	}, nil
}
