package train

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/layers"
)

// takeQuantizers gives the network what quantizers have learned in a dict, if that is a checkpoint of qat. It returns the end of
// a line for the user; "" if there is nothing to say.
func (m *Model) takeQuantizers(d *dict) (string, error) {
	if !slices.ContainsFunc(d.tensors, func(t named) bool { return ofQuantizer(t.name) }) {
		return "", nil
	}
	switch {
	case !m.Net.Quantized():
		return "; its quantizers are not used", nil
	case d.config == "":
		return "; quantizers start anew, as the file does not say what its own are", nil
	}
	cfg, err := configs.Parse("the config inside", []byte(d.config))
	if err != nil {
		return "; quantizers start anew, as the config inside is not valid for this version", nil
	}
	var st state
	if err := json.Unmarshal([]byte(d.state), &st); err == nil {
		cfg = cfg.InStage(st.Stage).WithBits(st.Bits)
	}
	network, err := cfg.Model.Build(m.Net.Shape(), len(m.Net.Input.Classes))
	if err != nil {
		return "", fmt.Errorf("the network inside: %w", err)
	}
	from, err := layers.Describe(network, &cfg.Quant, m.Net.Input)
	if err != nil {
		return "", fmt.Errorf("the network inside: %w", err)
	}
	for _, a := range from.Store.All() {
		if err := d.read(a); ofQuantizer(a.Name) && err != nil {
			return "", err
		}
	}
	taken, left := m.Net.TakeQuantizers(from)
	m.taken = taken > 0
	line := fmt.Sprintf("; quantizers: %d taken", taken)
	if len(left) > 0 {
		line += fmt.Sprintf(", %d start anew: %s", len(left), reasons(left))
	}
	var unused []layers.Left
	for _, q := range from.Quantizers {
		if !slices.ContainsFunc(m.Net.Quantizers, func(o *layers.Quantizer) bool { return o.Name == q.Name }) {
			unused = append(unused, layers.Left{Name: q.Name, Reason: "not quantized here"})
		}
	}
	if len(unused) > 0 {
		line += fmt.Sprintf(", %d not used: %s", len(unused), reasons(unused))
	}
	return line, nil
}

// read reads an array; one that is not there stays as it is.
func (d *dict) read(a *layers.Array) error {
	i := slices.IndexFunc(d.tensors, func(t named) bool { return t.name == a.Name })
	if i < 0 || !slices.Equal(d.tensors[i].shape, a.FileShape()) {
		return nil
	}
	v, err := d.tensors[i].values()
	if err != nil {
		return err
	}
	if i := graph.FirstNotFinite(v); i >= 0 {
		return fmt.Errorf("%s[%d] is %g, want a finite number", a.Name, i, v[i])
	}
	return a.FromFile(a.Data(), v)
}

// reasons lists why quantizers are left, each once.
func reasons(left []layers.Left) string {
	var parts []string
	for i, l := range left {
		same := func(o layers.Left) bool { return o.Reason == l.Reason }
		if slices.IndexFunc(left, same) < i {
			continue
		}
		more := -1
		for _, o := range left {
			if same(o) {
				more++
			}
		}
		part := l.Name
		if more > 0 {
			part += fmt.Sprintf(" and %d more", more)
		}
		parts = append(parts, part+" ("+l.Reason+")")
	}
	return strings.Join(parts, ", ")
}

// ofQuantizer tells that a tensor is a quantizer's, by its name.
func ofQuantizer(name string) bool { return strings.Contains(name, "_quantizer.") }

// quantizersDigest is the SHA-256 of what quantizers have before calibration, in hex; "" if no file gave any.
func (m *Model) quantizersDigest() string {
	if !m.taken {
		return ""
	}
	return arraysDigest(slices.DeleteFunc(m.Net.Store.All(), func(a *layers.Array) bool { return !ofQuantizer(a.Name) }))
}
