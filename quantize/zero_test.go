package quantize_test

import (
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/quantize"
)

// What is nil, empty or zero is an error, and no panic.
func TestZero(t *testing.T) {
	net, err := networks.Build("resnet20", networks.Options{Input: networks.Shape{H: 32, W: 32, C: 3}, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]func() error{
		"nil":         func() error { _, err := quantize.Place(nil, nil); return err },
		"nil DOT":     func() error { _, err := quantize.DOT(nil, nil); return err },
		"nil quant":   func() error { _, err := quantize.Place(net, nil); return err },
		"nil network": func() error { _, err := quantize.Place(nil, &configs.Quant{}); return err },
		"empty":       func() error { _, err := quantize.Place(&networks.Network{}, &configs.Quant{}); return err },
	} {
		t.Run(name, func(t *testing.T) {
			if try() == nil {
				t.Error("no error")
			}
		})
	}
	if _, err := quantize.Place(net, &configs.Quant{}); err != nil { // all fp
		t.Error(err)
	}
}
