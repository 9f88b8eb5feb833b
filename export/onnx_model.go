package export

import (
	"errors"
	"fmt"
	"slices"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/atomicfile"
	"github.com/qat-go/qat/internal/digest"
	"github.com/qat-go/qat/internal/onnx"
)

// ONNXModel is a network in one of the forms of ONNX.
type ONNXModel struct {
	model onnx.Model
	net   *integer.Network
	// Values are the names of the graph's values that stand for the network's
	// tensors: codes of uint8 if Codes is true, else real numbers.
	Values []string
	Codes  bool
	// Weights tells how the format onnx stores those of each layer that has some.
	Weights []StoredWeights
}

// NewONNXModel returns the network in the format onnx, or in the format qonnx,
// which has no options.
func NewONNXModel(net *integer.Network, format configs.Format, o Options) (*ONNXModel, error) {
	if err := net.Check(); err != nil {
		return nil, err
	}
	if net.Target != integer.Float32 {
		return nil, fmt.Errorf("ONNX computes with target %v only, the network has %v", integer.Float32, net.Target)
	}
	if err := checkNormalization(net); err != nil {
		return nil, err
	}
	switch format {
	case configs.ONNX:
		return qdq(net, o)
	case configs.QONNX:
		return qonnx(net)
	}
	return nil, fmt.Errorf("format %q is no form of ONNX", format)
}

// Bytes are those of the file, with a digest among its metadata.
func (m *ONNXModel) Bytes() ([]byte, error) {
	if m == nil || m.net == nil {
		return nil, errors.New("there is no model; want one of NewONNXModel")
	}
	model := m.model
	model.Metadata = append(slices.Clip(model.Metadata), onnx.Property{Key: digest.Key, Value: digest.Placeholder})
	data := model.Marshal()
	// A string has its field's tag and its length in bytes before it.
	return data, digest.Seal(fmt.Sprintf("%s\x12%c%s", digest.Key, len(digest.Placeholder), digest.Scheme), data)
}

func (m *ONNXModel) writeFile(path string) error {
	data, err := m.Bytes()
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, data)
}

// Watched returns the file of the same model with all of Values as outputs
// beside the logits.
func (m *ONNXModel) Watched() []byte {
	if m.net == nil {
		return nil
	}
	watched, typed := m.model, onnx.Float
	if m.Codes {
		typed = onnx.Uint8
	}
	watched.Graph.Outputs = append([]onnx.Value(nil), m.model.Graph.Outputs...)
	for i, t := range m.net.Tensors {
		watched.Graph.Outputs = append(watched.Graph.Outputs, onnx.Value{Name: m.Values[i], Type: typed,
			Dims: []onnx.Dim{{Name: onnxBatch}, {Size: int64(t.C)}, {Size: int64(t.H)}, {Size: int64(t.W)}}})
	}
	return watched.Marshal()
}
