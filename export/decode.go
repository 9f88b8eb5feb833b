package export

import (
	"fmt"
	"math"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/safetensors"
)

// decode rebuilds the network of a file and checks it.
func decode(f *safetensors.File) (*integer.Network, error) {
	if got := f.Metadata[formatKey]; got != formatName {
		return nil, fmt.Errorf("metadata %q is %q, want %q: this is not an integer network", formatKey, got, formatName)
	}
	if got := f.Metadata[versionKey]; got != version {
		return nil, fmt.Errorf("the file has version %q, this program reads version %s", got, version)
	}
	m, err := parseManifest(f.Metadata[manifestKey])
	if err != nil {
		return nil, err
	}
	if m.Target != target {
		return nil, fmt.Errorf("target %q, want %q", m.Target, target)
	}
	d := &decoder{unused: make(map[string]safetensors.Tensor, len(f.Tensors)), net: &integer.Network{Name: m.Name, Classes: m.Classes}}
	if len(m.Classes) == 0 {
		d.net.Classes = nil // an empty list says the same
	}
	for _, t := range f.Tensors {
		d.unused[t.Name] = t
	}
	if err := d.normalization(m); err != nil {
		return nil, err
	}
	for i, e := range m.Tensors {
		t, err := tensor(e)
		if err != nil {
			return nil, fmt.Errorf("tensor %d (%s): %w", i, e.Name, err)
		}
		d.net.Tensors = append(d.net.Tensors, t)
	}
	for i := range m.Layers {
		l, err := d.layer(&m.Layers[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Layers[i].Name, err)
		}
		d.net.Layers = append(d.net.Layers, l)
	}
	for name := range d.unused {
		return nil, fmt.Errorf("no layer uses tensor %q", name)
	}
	return d.net, d.net.Check()
}

type decoder struct {
	net *integer.Network
	// unused are the file's tensors that no layer has taken: each belongs to
	// one layer, so the network takes no more memory than the file gives.
	unused map[string]safetensors.Tensor
}

// float32Of converts a number of the manifest, which must lose nothing.
func float32Of(v float64) (float32, error) {
	if f := float32(v); float64(f) == v {
		return f, nil
	}
	return 0, fmt.Errorf("%v is not a float32", v)
}

func (d *decoder) normalization(m *manifest) (err error) {
	if len(m.Mean) != 3 || len(m.Std) != 3 {
		return fmt.Errorf("%d means and %d standard deviations, want 3 of each", len(m.Mean), len(m.Std))
	}
	for c := range 3 {
		if d.net.Mean[c], err = float32Of(m.Mean[c]); err == nil {
			d.net.Std[c], err = float32Of(m.Std[c])
		}
		if err != nil {
			return fmt.Errorf("normalization of channel %d: %w", c, err)
		}
	}
	return checkNormalization(d.net)
}

func checkNormalization(net *integer.Network) error {
	for c := range 3 {
		mean, std := float64(net.Mean[c]), float64(net.Std[c])
		if !(math.Abs(mean) <= math.MaxFloat32) || !(std > 0 && std <= math.MaxFloat32) {
			return fmt.Errorf("channel %d: mean %g and standard deviation %g, want finite numbers and the latter positive", c, mean, std)
		}
	}
	return nil
}

func tensor(e tensorEntry) (integer.Tensor, error) {
	scale, err := float32Of(e.Scale)
	return integer.Tensor{Name: e.Name, H: e.Shape[0], W: e.Shape[1], C: e.Shape[2], Bits: e.Bits, Signed: e.Signed, Narrow: e.Narrow,
		Scale: scale, ZeroPoint: e.ZeroPoint}, err
}

// layer rebuilds a layer; Check will judge it.
func (d *decoder) layer(e *layerEntry) (integer.Layer, error) {
	x := e.Inputs[0]
	switch e.Kind {
	case "conv":
		return d.conv(e)
	case "requantize":
		lo, hi, err := clamp(e)
		return &integer.Requantize{Name: e.Name, In: x, Out: e.Output, Lo: lo, Hi: hi}, err
	case "add":
		lo, hi, err := clamp(e)
		return &integer.Add{Name: e.Name, A: x, B: e.Inputs[1], Out: e.Output, Lo: lo, Hi: hi}, err
	case "shortcut":
		return &integer.Shortcut{Name: e.Name, In: x, Out: e.Output, Stride: e.Stride}, nil
	case "average_pool":
		m, err := take(d, e.Multiplier, 1, (*safetensors.File).Float32s)
		if err != nil {
			return nil, err
		}
		return &integer.AveragePool{Name: e.Name, In: x, Out: e.Output, Multiplier: m[0]}, nil
	default: // linear: layerEntry knows no other kind
		return d.linear(e)
	}
}

func clamp(e *layerEntry) (lo, hi uint8, err error) {
	if len(e.Clamp) != 2 || min(e.Clamp[0], e.Clamp[1]) < 0 || max(e.Clamp[0], e.Clamp[1]) > 255 {
		return 0, 0, fmt.Errorf("clamp %v, want two codes from 0 to 255", e.Clamp)
	}
	return uint8(e.Clamp[0]), uint8(e.Clamp[1]), nil
}

func (d *decoder) conv(e *layerEntry) (_ integer.Layer, err error) {
	c := &integer.Conv{Name: e.Name, In: e.Inputs[0], Out: e.Output, Stride: e.Stride}
	if e.Padding == nil {
		return nil, fmt.Errorf("padding is missing")
	}
	c.Pad = *e.Padding
	if c.Lo, c.Hi, err = clamp(e); err != nil {
		return nil, err
	}
	if c.Weights, c.Bias, c.Scale, err = d.weighted(e); err != nil {
		return nil, err
	}
	if c.K = e.Weight.Shape[2]; c.K != e.Weight.Shape[3] {
		return nil, fmt.Errorf("a kernel of %dx%d, want a square one", c.K, e.Weight.Shape[3])
	}
	c.WeightBits = e.Weight.Bits
	c.Multiplier, err = take(d, e.Multiplier, len(c.Bias), (*safetensors.File).Float32s)
	return c, err
}

func (d *decoder) linear(e *layerEntry) (_ integer.Layer, err error) {
	if e.Output != -1 {
		return nil, fmt.Errorf("output %d, want -1: the logits", e.Output)
	}
	l := &integer.Linear{Name: e.Name, In: e.Inputs[0]}
	if l.Weights, l.Bias, l.Scale, err = d.weighted(e); err != nil {
		return nil, err
	}
	if in, s := d.net.Tensors[l.In], e.Weight.Shape; in.H != s[2] || in.W != s[3] {
		return nil, fmt.Errorf("weights of shape %v for an input of (%d,%d,%d)", s, in.H, in.W, in.C)
	}
	l.Out, l.WeightBits = len(l.Bias), e.Weight.Bits
	return l, nil
}

// weighted takes the weights of shape (out, in, a, b) and what comes one an
// output. It returns the weights as (a, b, in, out).
func (d *decoder) weighted(e *layerEntry) (w []int8, bias []int32, scale []float32, err error) {
	if e.Weight == nil || len(e.Weight.Shape) != 4 {
		return nil, nil, nil, fmt.Errorf("weights with a shape of four sizes are missing")
	}
	s, x := e.Weight.Shape, e.Inputs[0]
	if x < 0 || x >= len(d.net.Tensors) || d.net.Tensors[x].C != s[1] {
		return nil, nil, nil, fmt.Errorf("weights of shape %v need an input of %d channels, which tensor %d is not", s, s[1], x)
	}
	if w, err = d.weights(e.Weight); err != nil {
		return nil, nil, nil, err
	}
	if bias, err = take(d, e.Bias, s[0], (*safetensors.File).Int32s); err != nil {
		return nil, nil, nil, err
	}
	scale, err = take(d, e.Scale, s[0], (*safetensors.File).Float32s)
	return transpose(w, s[0], s[1], s[2]*s[3]), bias, scale, err
}

// weights unpacks a tensor.
func (d *decoder) weights(e *weightEntry) ([]int8, error) {
	t, err := d.tensor(e.Tensor)
	if err != nil {
		return nil, err
	}
	if t.Dtype != safetensors.U8 || e.Bits < 1 || e.Bits > 8 {
		return nil, fmt.Errorf("tensor %q has dtype %s and fields of %d bits, want %s and 1 to 8", e.Tensor, t.Dtype, e.Bits, safetensors.U8)
	}
	n := 1
	for _, size := range e.Shape {
		if size < 1 || size > len(t.Data)*8/n {
			return nil, fmt.Errorf("tensor %q has %d bytes, which do not hold shape %v", e.Tensor, len(t.Data), e.Shape)
		}
		n *= size
	}
	w, err := unpack(t.Data, n, e.Bits)
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", e.Tensor, err)
	}
	return w, nil
}

// tensor takes a tensor of the file; no other layer can have it then.
func (d *decoder) tensor(name string) (safetensors.Tensor, error) {
	t, ok := d.unused[name]
	if !ok {
		return t, fmt.Errorf("tensor %q is not in the file, or another layer uses it", name)
	}
	delete(d.unused, name)
	return t, nil
}

// take reads the n values of a tensor.
func take[T any](d *decoder, name string, n int, read func(*safetensors.File, string) ([]T, error)) ([]T, error) {
	t, err := d.tensor(name)
	if err != nil {
		return nil, err
	}
	values, err := read(&safetensors.File{Tensors: []safetensors.Tensor{t}}, name)
	if err == nil && len(values) != n {
		err = fmt.Errorf("tensor %q has %d values, want %d", name, len(values), n)
	}
	return values, err
}
