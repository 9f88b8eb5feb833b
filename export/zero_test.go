package export

import (
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
)

// What is nil, empty or zero is an error, and no panic.
func TestZero(t *testing.T) {
	net, path := integertest.ResNet20(rand.New(rand.NewPCG(1, 2)), 4), filepath.Join(t.TempDir(), "model")
	tries := map[string]func() error{
		"Read":            func() error { _, err := Read(""); return err },
		"Open":            func() error { _, _, err := Open("", Reading{}); return err },
		"Write weights":   func() error { return Write(path, configs.ONNX, net, Options{Weights: "int9"}) },
		"Write sums":      func() error { return Write(path, configs.ONNX, net, Options{Sums: "float"}) },
		"Write no format": func() error { return Write(path, "", net, Options{}) },
		"Write no path":   func() error { return Write("", configs.Safetensors, net, Options{}) },
		"NewONNXModel":    func() error { _, err := NewONNXModel(nil, configs.ONNX, Options{}); return err },
	}
	for _, f := range Formats() {
		tries["Write nil as "+string(f)] = func() error { return Write(path, f, nil, Options{}) }
		tries["Write zero as "+string(f)] = func() error { return Write(path, f, &integer.Network{}, Options{}) }
		tries["Check nil as "+string(f)] = func() error { return Check(path, f, nil, Options{}) }
	}
	for name, try := range tries {
		t.Run(name, func(t *testing.T) {
			if try() == nil {
				t.Error("no error")
			}
		})
	}
}
