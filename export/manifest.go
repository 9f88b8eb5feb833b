package export

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/safetensors"
)

// Keys and values of a file's metadata, and the names of its tensors.
const (
	formatKey  = "format"
	formatName = "qat.integer"
	versionKey = "version"
	version    = "3"

	weightsName  = "weights"
	biasesName   = "biases"
	scalesName   = "scales"
	manifestName = "manifest"
)

// maxManifest bounds the manifest, in bytes, and with it the memory that parsing
// takes. ResNet-20's has 5 kB.
const maxManifest = 1 << 20

// arithmetic tells whoever finds the file alone what it computes, in short.
const arithmetic = "conv: acc = bias + sum (code - zero_point)*weight; code = clamp(round(acc*scale/scale_out) + zero_point_out, lo, hi); " +
	"linear: logit = acc*scale; weights and biases are packed two's complement fields, lowest bit first, a layer starts at a whole byte; " +
	"to the bit: docs/arithmetic.md and docs/export.md of github.com/qat-go/qat"

// manifest describes the network. Tensors and layers are rows of values, which
// Columns names. A float32 is written as its shortest decimal.
type manifest struct {
	Name       string              `json:"name"`
	Classes    []string            `json:"classes,omitempty"`
	Mean       []float32           `json:"mean"`
	Std        []float32           `json:"std"`
	Input      string              `json:"input,omitempty"` // realInput; none: pixels
	Fit        *integer.Fit        `json:"fit,omitempty"`   // of image files
	Target     string              `json:"target"`
	Arithmetic string              `json:"arithmetic"`
	Columns    map[string][]string `json:"columns"`
	Tensors    []tensorRow         `json:"tensors"`
	Layers     []layerRow          `json:"layers"`
}

// realInput says that what comes in are real numbers.
const realInput = "real"

// tensorRow is a tensor. Range is "unsigned", "signed" or "narrow".
type tensorRow struct{ integer.Tensor }

// MarshalJSON implements json.Marshaler.
func (t tensorRow) MarshalJSON() ([]byte, error) {
	kind := "unsigned"
	switch {
	case t.Narrow:
		kind = "narrow"
	case t.Signed:
		kind = "signed"
	}
	return safetensors.EncodeJSON([]any{t.Name, t.H, t.W, t.C, t.Bits, kind, t.Scale, t.ZeroPoint})
}

// UnmarshalJSON refuses a bad row at once, before memory is spent on the rows after
// it.
func (t *tensorRow) UnmarshalJSON(b []byte) error {
	var c cells
	if err := json.Unmarshal(b, &c); err != nil {
		return err
	}
	kind := ""
	if err := c.read("tensors", []any{&t.Name, &t.H, &t.W, &t.C, &t.Bits, &kind, &t.Scale, &t.ZeroPoint}); err != nil {
		return err
	}
	t.Signed, t.Narrow = kind != "unsigned", kind == "narrow"
	if t.Signed && !t.Narrow && kind != "signed" {
		return fmt.Errorf("tensor %q: range %q, want unsigned, signed or narrow", t.Name, kind)
	}
	return nil
}

// MarshalJSON implements json.Marshaler.
func (l layerRow) MarshalJSON() ([]byte, error) { return safetensors.EncodeJSON(l.fields()) }

// UnmarshalJSON refuses a bad row at once, as that of tensorRow does.
func (l *layerRow) UnmarshalJSON(b []byte) error {
	var c cells
	if err := json.Unmarshal(b, &c); err != nil {
		return err
	}
	if len(c) > 0 {
		l.Kind = string(bytes.Trim(c[0], `"`))
	}
	if _, ok := manifestKinds[l.Kind]; !ok {
		return fmt.Errorf("a layer begins with its kind, one of %s; found %.40s", strings.Join(sortedKeys(manifestKinds), ", "), b)
	}
	return c.read(l.Kind, l.fields())
}

// cells holds the values of a row, unread.
type cells []json.RawMessage

// read reads the values. Numbers are read without package json, whose every call takes
// a thousand times the memory of a digit.
func (r cells) read(kind string, fields []any) error {
	if len(r) != len(fields) {
		return fmt.Errorf("%s: a row of %d values, want %d: %s", kind, len(r), len(fields), strings.Join(columns[kind], ", "))
	}
	for i, cell := range r {
		err := error(nil)
		switch field := fields[i].(type) {
		case *int:
			*field, err = strconv.Atoi(string(cell))
		case *uint8:
			var v uint64
			v, err = strconv.ParseUint(string(cell), 10, 8)
			*field = uint8(v)
		case *float32:
			var v float64
			v, err = strconv.ParseFloat(string(cell), 32)
			*field = float32(v)
		default:
			if err = json.Unmarshal(cell, field); string(cell) == "null" {
				err = errors.New("null")
			}
		}
		if err != nil {
			return fmt.Errorf("%s: column %s: %w", kind, columns[kind][i], err)
		}
	}
	return nil
}

func (m *manifest) marshal() ([]byte, error) {
	for _, s := range m.names() {
		if !utf8.ValidString(s) {
			return nil, fmt.Errorf("the name %q is not valid UTF-8", s)
		}
	}
	text, err := safetensors.EncodeJSON(m)
	if len(text) > maxManifest {
		return nil, fmt.Errorf("the manifest takes %d bytes, at most %d are allowed", len(text), maxManifest)
	}
	return text, err
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

func parseManifest(text []byte) (*manifest, error) {
	if len(text) > maxManifest {
		return nil, fmt.Errorf("the manifest has %d bytes, at most %d are allowed", len(text), maxManifest)
	}
	if !utf8.Valid(text) {
		return nil, errors.New("the manifest is not valid UTF-8")
	}
	m := &manifest{}
	if err := strict(text, m); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	wanted := []string{tensorsColumns}
	for _, l := range m.Layers {
		wanted = append(wanted, l.Kind)
	}
	for _, name := range append(wanted, sortedKeys(m.Columns)...) {
		if want, ok := columns[name]; !ok || !slices.Equal(m.Columns[name], want) {
			return nil, fmt.Errorf("manifest: the columns of %.40q are %.200q, this program wants %q", name, m.Columns[name], want)
		}
	}
	return m, nil
}

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
