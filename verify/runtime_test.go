//go:build onnxruntime

package verify

import (
	"testing"

	"github.com/qat-go/qat/internal/onnx"
	"github.com/qat-go/qat/internal/onnxruntime"
)

// tryBroken checks that onnxruntime indeed leaves conv1 to real numbers.
func tryBroken(t *testing.T, name string, m *onnx.Model) {
	t.Helper()
	rt, err := onnxruntime.Open(onnxruntime.Library())
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	data, err := rt.Dump(m.Marshal())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	optimized, err := onnx.Unmarshal(data)
	if err != nil {
		t.Fatal(err)
	}
	if op := operator(optimized, "conv1"); op == "QLinearConv" {
		t.Errorf("%s: conv1 runs as %s", name, op)
	}
	if op := operator(optimized, "layer1.0.conv1"); op != "QLinearConv" {
		t.Errorf("%s: layer1.0.conv1 runs as %s", name, op)
	}
}
