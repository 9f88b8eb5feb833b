package export

import (
	"errors"
	"fmt"
	"math"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/safetensors"
	"github.com/qat-go/qat/networks"
)

// decode rebuilds the network of a file and checks it.
func decode(f *safetensors.File) (*integer.Network, error) {
	if got := f.Metadata[formatKey]; got != formatName {
		return nil, fmt.Errorf("metadata %q is %q, want %q: this is not an integer network", formatKey, got, formatName)
	}
	// Version 2 is 3 without a digest.
	if got := f.Metadata[versionKey]; got != version && got != "2" {
		return nil, fmt.Errorf("the file has version %q, this program reads versions 2 and %s; export the network again with this program", got, version)
	}
	d, text, err := newDecoder(f)
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(text)
	if err != nil {
		return nil, err
	}
	if d.net, err = header(m); err != nil {
		return nil, err
	}
	for _, r := range m.Layers {
		l, err := manifestKinds[r.Kind].read(d, &r) // its parser knows the kind
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.Name, err)
		}
		d.net.Layers = append(d.net.Layers, l)
	}
	if len(d.weights)+len(d.biases)+len(d.scales) > 0 {
		return nil, fmt.Errorf("no layer uses the last %d bytes of weights, %d bytes of biases and %d scales", len(d.weights), len(d.biases), len(d.scales))
	}
	return d.net, d.net.Check()
}

// decoder holds what no layer has taken yet: each byte belongs to one layer, so the
// network takes no more memory than the file gives.
type decoder struct {
	net             *integer.Network
	weights, biases []byte
	scales          []float32
}

// newDecoder takes the tensors of a file, and returns the manifest's text.
func newDecoder(f *safetensors.File) (*decoder, []byte, error) {
	d, text := &decoder{}, []byte(nil)
	if len(f.Tensors) != 4 {
		return nil, nil, fmt.Errorf("%d tensors, want %s, %s, %s and %s", len(f.Tensors), weightsName, biasesName, scalesName, manifestName)
	}
	for name, to := range map[string]*[]byte{weightsName: &d.weights, biasesName: &d.biases, manifestName: &text} {
		t, err := f.Get(name)
		if err != nil {
			return nil, nil, err
		}
		if t.Dtype != safetensors.U8 {
			return nil, nil, fmt.Errorf("tensor %q has dtype %s, want %s", name, t.Dtype, safetensors.U8)
		}
		*to = t.Data
	}
	var err error
	d.scales, err = f.Float32s(scalesName)
	return d, text, err
}

// header is the network without layers.
func header(m *manifest) (*integer.Network, error) {
	target, err := integer.ParseTarget(m.Target)
	if err != nil {
		return nil, err
	}
	net := &integer.Network{Name: m.Name, Target: target}
	if len(m.Classes) > 0 {
		net.Classes = m.Classes
	}
	net.Mean, net.Std = m.Mean, m.Std
	switch m.Input {
	case "":
	case realInput:
		net.Real = true
	default:
		return nil, fmt.Errorf("input %q, want %s, or none for pixels", m.Input, realInput)
	}
	if m.Fit != nil {
		if m.Fit.ShorterSide < 1 || m.Fit.ShorterSide > math.MaxUint16 || m.Fit.Filter != "bilinear" && m.Fit.Filter != "bicubic" {
			return nil, fmt.Errorf("fit of image files: a shorter side of %d and filter %q, want 1 to %d and bilinear or bicubic", m.Fit.ShorterSide, m.Fit.Filter, math.MaxUint16)
		}
		net.Fit = *m.Fit
	}
	for _, t := range m.Tensors {
		net.Tensors = append(net.Tensors, t.Tensor)
	}
	return net, checkNormalization(net)
}

func checkNormalization(net *integer.Network) error {
	if len(net.Tensors) == 0 {
		return nil // which Check reports
	}
	channels := net.Tensors[0].C
	if len(net.Mean) != len(net.Std) || len(net.Mean) < channels { // there may be more: three of gray images
		return fmt.Errorf("%d means and %d standard deviations, want one of each for %d channels", len(net.Mean), len(net.Std), channels)
	}
	for c := range channels {
		mean, std := float64(net.Mean[c]), float64(net.Std[c])
		if !(math.Abs(mean) <= math.MaxFloat32) || !(std > 0 && std <= math.MaxFloat32) {
			return fmt.Errorf("channel %d: mean %g and standard deviation %g, want finite numbers and the latter positive", c, mean, std)
		}
	}
	return nil
}

func (d *decoder) tensor(t int) (integer.Tensor, error) {
	if t < 0 || t >= len(d.net.Tensors) {
		return integer.Tensor{}, fmt.Errorf("tensor %d, want 0 to %d", t, len(d.net.Tensors)-1)
	}
	return d.net.Tensors[t], nil
}

func (d *decoder) conv(r *layerRow) (integer.Layer, error) {
	return d.convolution(r, networks.Square(r.Kernel, r.Stride, r.Padding), 1)
}

func (d *decoder) convWindow(r *layerRow) (integer.Layer, error) {
	return d.convolution(r, r.anyWindow(), r.window().Groups)
}

func (d *decoder) convolution(r *layerRow, w networks.Window, groups int) (integer.Layer, error) {
	in, err := d.tensor(r.In)
	if err != nil {
		return nil, err
	}
	out, err := d.tensor(r.Out)
	if err != nil {
		return nil, err
	}
	if groups < 1 || in.C%groups != 0 {
		return nil, fmt.Errorf("%d groups of %d channels, want a divisor", groups, in.C)
	}
	c := &integer.Conv{Name: r.Name, In: r.In, Out: r.Out, Window: w, Lo: r.Lo, Hi: r.Hi}
	if groups > 1 {
		c.Groups = groups
	}
	c.WeightBits = r.Weights.bits()
	c.Weights, c.Bias, c.Scale, err = d.weighted(r, out.C, in.C/groups, w.Kernel.H, w.Kernel.W)
	return c, err
}

func (d *decoder) linear(r *layerRow) (integer.Layer, error) {
	in, err := d.tensor(r.In)
	if err != nil {
		return nil, err
	}
	l := &integer.Linear{Name: r.Name, In: r.In, Out: r.Classes}
	l.WeightBits = r.Weights.bits()
	l.Weights, l.Bias, l.Scale, err = d.weighted(r, r.Classes, in.C, in.H, in.W)
	return l, err
}

func (d *decoder) lookup(r *layerRow) (integer.Layer, error) {
	in, err := d.tensor(r.In)
	if err != nil {
		return nil, err
	}
	if r.Tables != 1 && r.Tables != in.C {
		return nil, fmt.Errorf("%d tables, want 1, or %d, one for each channel", r.Tables, in.C)
	}
	l := &integer.Lookup{Name: r.Name, In: r.In, Out: r.Out}
	lo, hi := in.Range()
	n := r.Tables * (int(hi) - int(lo) + 1)
	if n < 1 || n > len(d.weights) {
		return nil, fmt.Errorf("%d bytes of weights are left, want tables of %d", len(d.weights), n)
	}
	l.Table, err = take(&d.weights, n)
	return l, err
}

// weighted takes weights of shape (out, in, height, width), and the biases and scales
// of the outputs. It returns the weights as (height, width, in, out).
func (d *decoder) weighted(r *layerRow, shape ...int) (w []int8, bias []int32, scale []float32, err error) {
	field := r.Weights.bits()
	if field == 0 {
		return nil, nil, nil, fmt.Errorf("weights %q, want int2 to int8 or %s", r.Weights, signs)
	}
	if r.BiasBits < 1 || r.BiasBits > 32 {
		return nil, nil, nil, fmt.Errorf("biases of %d bits, want 1 to 32", r.BiasBits)
	}
	n := 1
	for _, size := range shape {
		if size < 1 || size > len(d.weights)*8/field/n {
			return nil, nil, nil, fmt.Errorf("%d bytes of weights are left, which do not hold shape %v of %d bits", len(d.weights), shape, field)
		}
		n *= size
	}
	data, err := take(&d.weights, packedLen(n, field))
	if err == nil {
		w, err = r.Weights.unpack(data, n)
	}
	if err != nil {
		return nil, nil, nil, fmt.Errorf("weights: %w", err)
	}
	if shape[0] > len(d.scales) {
		return nil, nil, nil, fmt.Errorf("%d scales are left, want %d", len(d.scales), shape[0])
	}
	scale, d.scales = d.scales[:shape[0]:shape[0]], d.scales[shape[0]:]
	if data, err = take(&d.biases, packedLen(shape[0], r.BiasBits)); err == nil {
		bias, err = unpack[int32](data, shape[0], r.BiasBits)
	}
	if err != nil {
		return nil, nil, nil, fmt.Errorf("biases: %w", err)
	}
	return transpose(w, shape[0], shape[1], shape[2]*shape[3]), bias, scale, nil
}

var errShort = errors.New("the data is too short")

// take cuts n bytes off the front of data.
func take(data *[]byte, n int) ([]byte, error) {
	if n > len(*data) {
		return nil, errShort
	}
	front := (*data)[:n:n]
	*data = (*data)[n:]
	return front, nil
}
