package export

import (
	"fmt"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/digest"
	"github.com/qat-go/qat/internal/safetensors"
)

// encoder collects what a file holds.
type encoder struct {
	net             *integer.Network
	manifest        manifest
	weights, biases []byte // packed, a layer at a time
	scales          []float32
}

// encode returns the file of a network that passes check.
func encode(net *integer.Network) (*safetensors.File, error) {
	e := &encoder{net: net, manifest: manifest{Name: net.Name, Classes: net.Classes, Target: net.Target.String(), Arithmetic: arithmetic,
		Columns: map[string][]string{tensorsColumns: columns[tensorsColumns]},
		Mean:    net.Mean, Std: net.Std}}
	if net.Real {
		e.manifest.Input = realInput
	}
	if net.Fit != (integer.Fit{}) {
		e.manifest.Fit = &net.Fit
	}
	for _, t := range net.Tensors {
		e.manifest.Tensors = append(e.manifest.Tensors, tensorRow{t})
	}
	for _, l := range net.Layers {
		if err := e.layer(l); err != nil {
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
func (e *encoder) layer(l integer.Layer) error {
	kind := manifestKindOf(l)
	k, ok := manifestKinds[kind]
	if !ok {
		return fmt.Errorf("%s: a layer of kind %q cannot be written", l.LayerName(), l.Kind())
	}
	r := layerRow{Kind: kind, Name: l.LayerName(), In: l.Inputs()[0], Out: l.Output()}
	k.write(e, &r, l)
	e.manifest.Layers, e.manifest.Columns[r.Kind] = append(e.manifest.Layers, r), columns[r.Kind]
	return nil
}

func (e *encoder) weighted(r *layerRow, l integer.Layer) {
	w := e.net.Weights(l)
	r.Weights, r.BiasBits = levelsOf(w.Bits), bitsOf(w.Bias)
	e.weights = append(e.weights, r.Weights.pack(outputsFirst(w))...)
	e.biases = append(e.biases, pack(w.Bias, r.BiasBits)...)
	e.scales = append(e.scales, w.Scale...)
}
