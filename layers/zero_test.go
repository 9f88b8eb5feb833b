package layers_test

import (
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"
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
	in := layers.Input{Std: []float32{1, 1, 1}, Lo: -1, Hi: 1, Classes: []string{"a", "b"}}
	n, err := layers.New(graph, &cfg.Quant, in, 0)
	if err != nil {
		t.Fatal(err)
	}
	pool := threads.New(1)
	defer pool.Close()
	x := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(2, 8, 8, 3))
	build := func(c *layers.Context, x *tensor.Dense) error { _, err := n.Build(c, x); return err }
	images := func(shape ...int) *tensor.Dense {
		return tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(shape...))
	}
	loss := func(labels *tensor.Dense) error {
		c := layers.NewContext(pool, true)
		logits, err := n.Build(c, x)
		if err != nil {
			t.Error(err)
			return nil
		}
		var y *G.Node
		if labels != nil {
			y = c.Input("labels", labels)
		}
		ce := layers.CrossEntropy(c, logits, layers.Targets{Labels: y})
		if distilled := layers.Distillation(c, configs.Distillation{Temperature: 1}, logits, logits, layers.Targets{Labels: y}); ce != nil || distilled != nil {
			return nil
		}
		_, err = c.Grad(ce, logits)
		return err
	}
	for name, try := range map[string]func() error{
		"New nil":            func() error { _, err := layers.New(nil, nil, layers.Input{}, 0); return err },
		"New empty":          func() error { _, err := layers.New(&networks.Network{}, &configs.Quant{}, in, 0); return err },
		"New without quant":  func() error { _, err := layers.New(graph, nil, in, 0); return err },
		"Build nil context":  func() error { return build(nil, x) },
		"Build zero context": func() error { return build(&layers.Context{}, x) },
		"Build no threads":   func() error { return build(layers.NewContext(nil, true), x) },
		"Build nil tensor":   func() error { return build(layers.NewContext(pool, true), nil) },
		"New other classes": func() error {
			_, err := layers.New(graph, &cfg.Quant, layers.Input{Std: in.Std, Lo: -1, Hi: 1, Classes: []string{"a", "b", "c"}}, 0)
			return err
		},
		"New velocity.conv1": func() error {
			g := &networks.Network{Input: networks.Shape{H: 1, W: 1, C: 3}}
			g.Add("velocity.conv1", networks.Linear{Out: 2}, networks.Input)
			_, err := layers.New(g, &cfg.Quant, in, 0)
			return err
		},
		"Over no store":      func() error { _, err := layers.Over(nil, graph, &cfg.Quant, in, 0); return err },
		"Build zero network": func() error { _, err := (&layers.Network{}).Build(layers.NewContext(pool, true), x); return err },
		"Build rows":         func() error { return build(layers.NewContext(pool, true), images(2, 192)) },
		"Build planes":       func() error { return build(layers.NewContext(pool, true), images(2, 3, 8, 8)) },
		"Build float64": func() error {
			return build(layers.NewContext(pool, true), tensor.New(tensor.Of(tensor.Float64), tensor.WithShape(2, 8, 8, 3)))
		},
		"Calibrate unlike":   func() error { return n.Calibrate(pool, nil, x, images(1, 8, 8, 3)) },
		"CorrectBias unlike": func() error { return n.CorrectBias(pool, n, nil, x, images(1, 8, 8, 3)) },
		"CorrectBias other":  func() error { return n.CorrectBias(pool, n, nil, images(2, 9, 8, 3)) },
		"Reestimate nil":     func() error { return n.ReestimateBatchNorm(pool, nil) },
		"Findings other": func() error {
			return n.ActivationFindings(&layers.Findings{}, pool, slices.Values([]*tensor.Dense{images(2, 9, 8, 3)}))
		},
		"Follow nil":               func() error { return n.Follow(nil) },
		"labels fewer":             func() error { return loss(tensor.New(tensor.Of(tensor.Int32), tensor.WithShape(1))) },
		"labels of float32":        func() error { return loss(tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(2))) },
		"labels none":              func() error { return loss(nil) },
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
