package layers_test

import (
	"testing"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/threads"
)

// What is nil, empty or zero is an error, and no panic.
func TestZero(t *testing.T) {
	cfg, err := configs.Load("quickstart", []string{"quant.regularizers.kurtosis=1"})
	if err != nil {
		t.Fatal(err)
	}
	graph, err := networks.Build("resnet20", networks.Options{Input: networks.Shape{H: 8, W: 8, C: 3}, Classes: 2})
	if err != nil {
		t.Fatal(err)
	}
	in := layers.Input{Std: [3]float32{1, 1, 1}, Lo: -1, Hi: 1, Classes: []string{"a", "b"}}
	n, err := layers.New(graph, &cfg.Quant, in, 0)
	if err != nil {
		t.Fatal(err)
	}
	pool := threads.New(1)
	defer pool.Close()
	x := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(2, 8, 8, 3))
	build := func(c *layers.Context, x *tensor.Dense) error { _, err := n.Build(c, x); return err }
	for name, try := range map[string]func() error{
		"New nil":                  func() error { _, err := layers.New(nil, nil, layers.Input{}, 0); return err },
		"New empty":                func() error { _, err := layers.New(&networks.Network{}, &configs.Quant{}, in, 0); return err },
		"New without quant":        func() error { _, err := layers.New(graph, nil, in, 0); return err },
		"Build nil context":        func() error { return build(nil, x) },
		"Build zero context":       func() error { return build(&layers.Context{}, x) },
		"Build no threads":         func() error { return build(layers.NewContext(nil, true), x) },
		"Build nil tensor":         func() error { return build(layers.NewContext(pool, true), nil) },
		"Calibrate no batch":       func() error { return n.Calibrate(pool, nil) },
		"Calibrate nil batch":      func() error { return n.Calibrate(pool, nil, nil) },
		"Calibrate no threads":     func() error { return n.Calibrate(nil, nil, x) },
		"CorrectBias nil":          func() error { return n.CorrectBias(pool, nil, nil, x) },
		"CorrectBias no threads":   func() error { return n.CorrectBias(nil, n, nil, x) },
		"CorrectBias nil batch":    func() error { return n.CorrectBias(pool, n, nil, nil) },
		"ActivationFindings nil":   func() error { return n.ActivationFindings(nil, pool, nil) },
		"FindingsBytes no threads": func() error { _, err := n.FindingsBytes(nil, 1); return err },
		"Penalize no threads":      func() error { _, err := n.Penalize(nil, nil); return err },
	} {
		t.Run(name, func(t *testing.T) {
			if try() == nil {
				t.Error("no error")
			}
		})
	}
}
