package export

import (
	"fmt"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/safetensors"
)

// encode returns the file of a network that passes Check.
func encode(net *integer.Network) (*safetensors.File, error) {
	if err := net.Check(); err != nil {
		return nil, err
	}
	if err := checkNormalization(net); err != nil {
		return nil, err
	}
	m := &manifest{Name: net.Name, Classes: net.Classes, Target: target, Arithmetic: arithmetic, Mean: float64s(net.Mean), Std: float64s(net.Std)}
	for _, t := range net.Tensors {
		m.Tensors = append(m.Tensors, tensorEntry{t.Name, []int{t.H, t.W, t.C}, t.Bits, t.Signed, t.Narrow, float64(t.Scale), t.ZeroPoint})
	}
	f := &safetensors.File{}
	for _, l := range net.Layers {
		e, err := encodeLayer(f, net, l)
		if err != nil {
			return nil, err
		}
		m.Layers = append(m.Layers, e)
	}
	text, err := m.marshal()
	f.Metadata = map[string]string{formatKey: formatName, versionKey: version, manifestKey: text}
	return f, err
}

func float64s(x [3]float32) []float64 {
	return []float64{float64(x[0]), float64(x[1]), float64(x[2])}
}

// encodeLayer adds the layer's tensors to the file and returns its entry.
func encodeLayer(f *safetensors.File, net *integer.Network, l integer.Layer) (layerEntry, error) {
	e := layerEntry{Name: l.LayerName(), Kind: l.Kind(), Inputs: l.Inputs(), Output: l.Output()}
	add := func(suffix string, t safetensors.Tensor) string {
		t.Name = e.Name + "." + suffix
		f.Tensors = append(f.Tensors, t)
		return t.Name
	}
	floats := func(suffix string, x ...float32) string {
		return add(suffix, safetensors.NewTensor("", []int{len(x)}, x))
	}
	weighted := func(w []int8, bits int, shape []int, bias []int32, scale []float32) {
		data := pack(transpose(w, shape[2]*shape[3], shape[1], shape[0]), bits)
		e.Weight = &weightEntry{add("weight", safetensors.NewTensor("", []int{len(data)}, data)), shape, bits}
		e.Bias = add("bias", safetensors.NewTensor("", []int{len(bias)}, bias))
		e.Scale = floats("scale", scale...)
	}
	in := net.Tensors[e.Inputs[0]]
	switch l := l.(type) {
	case *integer.Conv:
		e.Stride, e.Padding, e.Clamp = l.Stride, &l.Pad, []int{int(l.Lo), int(l.Hi)}
		weighted(l.Weights, l.WeightBits, []int{len(l.Bias), in.C, l.K, l.K}, l.Bias, l.Scale)
		e.Multiplier = floats("multiplier", l.Multiplier...)
	case *integer.Requantize:
		e.Clamp = []int{int(l.Lo), int(l.Hi)}
	case *integer.Add:
		e.Clamp = []int{int(l.Lo), int(l.Hi)}
	case *integer.Shortcut:
		e.Stride = l.Stride
	case *integer.AveragePool:
		e.Multiplier = floats("multiplier", l.Multiplier)
	case *integer.Linear:
		weighted(l.Weights, l.WeightBits, []int{l.Out, in.C, in.H, in.W}, l.Bias, l.Scale)
	default:
		return e, fmt.Errorf("%s: a layer of kind %q cannot be written", e.Name, e.Kind)
	}
	return e, nil
}
