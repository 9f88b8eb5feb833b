package export

import (
	"fmt"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/digest"
	"github.com/qat-go/qat/internal/safetensors"
)

// encoder collects what a file holds.
type encoder struct {
	manifest        manifest
	weights, biases []byte // packed, a layer at a time
	scales          []float32
}

// encode returns the file of a network that passes check.
func encode(net *integer.Network) (*safetensors.File, error) {
	e := &encoder{manifest: manifest{Name: net.Name, Classes: net.Classes, Target: net.Target.String(), Arithmetic: arithmetic, Columns: columns,
		Mean: net.Mean[:], Std: net.Std[:]}}
	for _, t := range net.Tensors {
		e.manifest.Tensors = append(e.manifest.Tensors, tensorRow{t})
	}
	for _, l := range net.Layers {
		if err := e.layer(net, l); err != nil {
			return nil, err
		}
	}
	text, err := e.manifest.marshal()
	return &safetensors.File{
		Metadata: map[string]string{formatKey: formatName, versionKey: version, digest.Key: ""},
		Tensors: []safetensors.Tensor{
			bytesTensor(weightsName, e.weights), bytesTensor(biasesName, e.biases),
			safetensors.NewTensor(scalesName, []int{len(e.scales)}, e.scales), bytesTensor(manifestName, text),
		},
	}, err
}

func bytesTensor(name string, data []byte) safetensors.Tensor {
	return safetensors.NewTensor(name, []int{len(data)}, data)
}

// layer adds a layer's row and what it holds.
func (e *encoder) layer(net *integer.Network, l integer.Layer) error {
	r := layerRow{Kind: l.Kind(), Name: l.LayerName(), In: l.Inputs()[0], Out: l.Output()}
	in := net.Tensors[r.In]
	switch l := l.(type) {
	case *integer.Conv:
		r.Kernel, r.Stride, r.Padding, r.Lo, r.Hi = l.K, l.Stride, l.Pad, l.Lo, l.Hi
		e.weighted(&r, transpose(l.Weights, l.K*l.K, in.C, len(l.Bias)), l.WeightBits, l.Bias, l.Scale)
	case *integer.Requantize:
		r.Lo, r.Hi = l.Lo, l.Hi
	case *integer.Add:
		r.B, r.Lo, r.Hi = l.B, l.Lo, l.Hi
	case *integer.Shortcut:
		r.Stride = l.Stride
	case *integer.AveragePool:
	case *integer.Linear:
		r.Classes = l.Out
		e.weighted(&r, transpose(l.Weights, in.H*in.W, in.C, l.Out), l.WeightBits, l.Bias, l.Scale)
	default:
		return fmt.Errorf("%s: a layer of kind %q cannot be written", r.Name, r.Kind)
	}
	e.manifest.Layers = append(e.manifest.Layers, r)
	return nil
}

func (e *encoder) weighted(r *layerRow, w []int8, bits int, bias []int32, scale []float32) {
	r.Weights, r.BiasBits = levelsOf(bits), bitsOf(bias)
	e.weights = append(e.weights, r.Weights.pack(w)...)
	e.biases = append(e.biases, pack(bias, r.BiasBits)...)
	e.scales = append(e.scales, scale...)
}
