package export

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Keys and values of a file's metadata.
const (
	formatKey   = "format"
	formatName  = "qat.integer"
	versionKey  = "version"
	version     = "1"
	manifestKey = "manifest"
	target      = "float32"
)

// maxManifest bounds the manifest, in bytes, and with it the memory that
// parsing takes. ResNet-20's has 20 kB.
const maxManifest = 1 << 20

// arithmetic tells a reader of the file what each kind of layer computes.
var arithmetic = map[string]string{
	"rounding":     "round is to the nearest integer, halves to even; acc and sums are exact in int32; every other operation is rounded to float32, a division is a division, not a product with a reciprocal, and fma(x, y, z) = x*y + z is rounded once",
	"input":        "x = (pixel/255 - mean[c])/std[c]; code = clamp(round(x/scale) + zero_point) to the range of tensor 0",
	"range":        "unsigned: 0 to 2^bits - 1; signed: zero_point - 2^(bits-1), plus 1 if narrow, to zero_point + 2^(bits-1) - 1",
	"weight":       "two's complement fields: element i has the bits i*bits to i*bits + bits - 1 of the data, counted from the lowest bit of the first byte; row-major in the shape (out, in, height, width)",
	"conv":         "acc = bias[c] + sum (code - zero_point)*weight; code = clamp(round(float32(acc)*multiplier[c]) + zero_point_out) to clamp; padding is zero_point",
	"requantize":   "code = clamp(round((code - zero_point)*scale/scale_out) + zero_point_out) to clamp",
	"add":          "ratio = scale/scale_out; offset = zero_point_out - fma(ratio_a, zero_point_a, ratio_b*zero_point_b); code = clamp(round(fma(a, ratio_a, fma(b, ratio_b, offset)))) to clamp",
	"shortcut":     "every stride-th pixel; (channels_out - channels_in)/2 channels of zero_point_out, rounded down, before the channels of the input, and the rest after",
	"average_pool": "code = clamp(round(float32(sum over pixels of (code - zero_point))*multiplier) + zero_point_out) to the range of the output",
	"linear":       "acc = bias[o] + sum (code - zero_point)*weight; logit[o] = float32(acc)*scale[o]",
}

// manifest is the JSON in the file's metadata. Floats are written as the
// shortest decimal of the float64 that equals them: a reader gets the same
// float32 whether it parses to 32 or to 64 bits.
type manifest struct {
	Name       string            `json:"name"`
	Classes    []string          `json:"classes,omitempty"`
	Mean       []float64         `json:"mean"`
	Std        []float64         `json:"std"`
	Target     string            `json:"target"`
	Arithmetic map[string]string `json:"arithmetic"`
	Tensors    []tensorEntry     `json:"tensors"`
	Layers     []layerEntry      `json:"layers"`
}

type tensorEntry struct {
	Name      string  `json:"name"`
	Shape     []int   `json:"shape"` // H, W, C
	Bits      int     `json:"bits"`
	Signed    bool    `json:"signed"`
	Narrow    bool    `json:"narrow,omitempty"`
	Scale     float64 `json:"scale"`
	ZeroPoint uint8   `json:"zero_point"`
}

// layerEntry describes a layer. Inputs and output are indexes into the
// manifest's tensors; bias, scale and multiplier name tensors of the file.
type layerEntry struct {
	Name       string       `json:"name"`
	Kind       string       `json:"kind"`
	Inputs     []int        `json:"inputs"`
	Output     int          `json:"output"`               // -1: the logits
	Stride     int          `json:"stride,omitempty"`     // conv, shortcut
	Padding    *int         `json:"padding,omitempty"`    // conv
	Clamp      []int        `json:"clamp,omitempty"`      // conv, requantize, add: lowest and highest code
	Weight     *weightEntry `json:"weight,omitempty"`     // conv, linear
	Bias       string       `json:"bias,omitempty"`       // conv, linear
	Scale      string       `json:"scale,omitempty"`      // conv, linear
	Multiplier string       `json:"multiplier,omitempty"` // conv, average_pool
}

// weightEntry describes packed weights: a tensor of the file, its real shape,
// conv (out, in, K, K) or linear (out, C, H, W), and the bits of an element.
type weightEntry struct {
	Tensor string `json:"tensor"`
	Shape  []int  `json:"shape"`
	Bits   int    `json:"bits"`
}

func (m *manifest) marshal() (string, error) {
	for _, s := range m.names() {
		if !utf8.ValidString(s) {
			return "", fmt.Errorf("the name %q is not valid UTF-8", s)
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(m); err != nil {
		return "", err
	}
	if b.Len() > maxManifest {
		return "", fmt.Errorf("the manifest takes %d bytes, at most %d are allowed", b.Len(), maxManifest)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

func (m *manifest) names() []string {
	all := append([]string{m.Name}, m.Classes...)
	for _, t := range m.Tensors {
		all = append(all, t.Name)
	}
	for _, l := range m.Layers {
		all = append(all, l.Name)
	}
	return all
}

func parseManifest(s string) (*manifest, error) {
	if len(s) > maxManifest {
		return nil, fmt.Errorf("the manifest has %d bytes, at most %d are allowed", len(s), maxManifest)
	}
	m := &manifest{}
	if err := strict([]byte(s), m); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return m, nil
}

// UnmarshalJSON refuses a bad entry at once, before memory is spent on the
// entries after it.
func (t *tensorEntry) UnmarshalJSON(b []byte) error {
	type plain tensorEntry
	if err := strict(b, (*plain)(t)); err != nil {
		return err
	}
	if len(t.Shape) != 3 {
		return fmt.Errorf("tensor %q: shape %v, want three sizes H, W, C", t.Name, t.Shape)
	}
	return nil
}

// UnmarshalJSON refuses a bad entry at once, as that of tensorEntry does.
func (l *layerEntry) UnmarshalJSON(b []byte) error {
	type plain layerEntry
	if err := strict(b, (*plain)(l)); err != nil {
		return err
	}
	want, ok := inputs[l.Kind]
	if !ok {
		return fmt.Errorf("layer %q: unknown kind %q", l.Name, l.Kind)
	}
	if len(l.Inputs) != want {
		return fmt.Errorf("layer %q: %d inputs, want %d", l.Name, len(l.Inputs), want)
	}
	return nil
}

// inputs is the number of inputs of each kind of layer.
var inputs = map[string]int{"conv": 1, "requantize": 1, "add": 2, "shortcut": 1, "average_pool": 1, "linear": 1}

// strict decodes one JSON value without unknown keys and nothing after it.
func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("unexpected text after the JSON value")
	}
	return nil
}
