package main

import (
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/integer"
)

// storedONNX is what a file of the format onnx has of its options.
type storedONNX struct {
	Weights configs.ONNXWeights    `json:"weights"`
	Sums    configs.ONNXSums       `json:"sums"`
	Layers  []export.StoredWeights `json:"layers"`
}

func describeONNX(net *integer.Network, o export.Options) (*storedONNX, error) {
	m, err := export.NewONNXModel(net, configs.ONNX, o)
	if err != nil {
		return nil, err
	}
	return &storedONNX{o.Weights, o.Sums, m.Weights}, nil
}

// rows tells which layers have UINT8 weights, and which may give other codes on some
// processors.
func (s *storedONNX) rows(t *table) {
	var unsigned, saturating []string
	for _, w := range s.Layers {
		switch {
		case w.Saturates():
			saturating = append(saturating, w.Layer)
		case w.Type == export.KernelUint8:
			unsigned = append(unsigned, w.Layer)
		}
	}
	listLayers(t, "uint8 weights", unsigned, len(s.Layers))
	listLayers(t, "other codes without VNNI", saturating, len(s.Layers))
}

// listLayers prints names, a few in a line, after what they have in common.
func listLayers(t *table, what string, names []string, all int) {
	if len(names) == all {
		names = []string{"all layers"}
	}
	for line := ""; len(names) > 0; line = "" {
		for len(names) > 0 && (line == "" || len(line)+len(names[0]) < 50) {
			line += names[0] + ", "
			names = names[1:]
		}
		if line = strings.TrimSuffix(line, " "); len(names) == 0 {
			line = strings.TrimSuffix(line, ",")
		}
		t.row(what, line)
		what = ""
	}
}
