package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/train"
	"github.com/qat-go/qat/verify"
)

// stored is a file of layers with the given types, and pairs beyond 16 bits where wide.
func stored(types string) *storedONNX {
	s := &storedONNX{Weights: configs.ONNXAuto, Sums: configs.ONNXReal}
	for i, c := range types {
		w := export.StoredWeights{Layer: fmt.Sprintf("layer%d.0.conv1", i), Type: export.KernelInt8, Pair: export.PairLimit}
		if c == 'u' {
			w.Type = export.KernelUint8
		}
		if c != 'i' {
			w.Pair++
		}
		s.Layers = append(s.Layers, w)
	}
	return s
}

// Layers with UINT8 weights and those that may be cut off are named, a few in a line.
func TestStoredONNXRows(t *testing.T) {
	for types, want := range map[string]string{
		"iii":  "",
		"uuu":  "uint8 weights  all layers\n",
		"iuii": "uint8 weights  layer1.0.conv1\n",
		"iwi":  "other codes without VNNI  layer1.0.conv1\n",
		"ww":   "other codes without VNNI  all layers\n",
		"uuuuui": "uint8 weights  layer0.0.conv1, layer1.0.conv1, layer2.0.conv1,\n" +
			"               layer3.0.conv1, layer4.0.conv1\n",
		"uw": "uint8 weights             layer0.0.conv1\nother codes without VNNI  layer1.0.conv1\n",
	} {
		var out strings.Builder
		table := newTable(&out)
		stored(types).rows(table)
		if err := table.flush(); err != nil || out.String() != want {
			t.Errorf("%s: printed\n%s(%v), want\n%s", types, out.String(), err, want)
		}
	}
}

func TestExportRows(t *testing.T) {
	var out strings.Builder
	table := newTable(&out)
	exportRows(table, []train.Exported{
		train.NewExported("m.safetensors", configs.Safetensors, configs.Float32, export.Options{}),
		train.NewExported("m.onnx", configs.ONNX, configs.Float32, export.Options{}),
		train.NewExported("fused.onnx", configs.ONNX, configs.Float32, export.Options{Sums: configs.ONNXFused}),
		train.NewExported("int8.onnx", configs.ONNX, configs.Float32, export.Options{Weights: configs.ONNXInt8}),
		train.NewExported("m.qonnx.onnx", configs.QONNX, configs.Float32, export.Options{}),
	})
	const want = `exported             m.safetensors  float32
exported             m.onnx  float32
exported             fused.onnx  float32
exported             int8.onnx  float32
exported             m.qonnx.onnx  float32
onnx, exact logits   in onnxruntime on x86 with AVX2 and FMA;
                     elsewhere, on ARM too, some may differ
onnx, exact logits   in onnxruntime on x86 with VNNI;
                     elsewhere, on ARM too, some may differ
qonnx, exact logits  on no processor for certain: real numbers are summed
`
	if err := table.flush(); err != nil || out.String() != want {
		t.Errorf("printed\n%s(%v), want\n%s", out.String(), err, want)
	}
}

func TestPrintSaturation(t *testing.T) {
	for widest, want := range map[int]string{
		0:     "no INT8 weights: added in 32 bits",
		32767: "up to 32767 of 32767 with INT8 weights: they fit 16 bits",
		32768: "up to 32768, beyond the 32767 of 16 bits: cut off on x86 without VNNI",
	} {
		if got := saturation(verify.Saturation{Limit: export.PairLimit, Widest: widest}); got != want {
			t.Errorf("%d: %q, want %q", widest, got, want)
		}
	}
}

func TestExportedJSON(t *testing.T) {
	r := exported{Exported: []train.Exported{train.NewExported("m.onnx", configs.ONNX, configs.Float32, export.Options{Sums: configs.ONNXFused})}, ONNX: stored("u")}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"onnx":{"weights":"auto","sums":"real","layers":[{"layer":"layer0.0.conv1","type":"UINT8","pair":32768}]}`,
		`"exported":[{"format":"onnx","files":["m.onnx"],"target":"float32","exact_on":"x86 with AVX2 and FMA"}]`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in %s", want, b)
		}
	}
}
