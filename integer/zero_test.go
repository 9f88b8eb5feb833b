package integer_test

import (
	"math/rand/v2"
	"testing"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
	"github.com/qat-go/qat/threads"
)

// What is nil, empty or zero is an error, and no panic.
func TestZero(t *testing.T) {
	pool := threads.New(1)
	defer pool.Close()
	net := integertest.ResNet20(rand.New(rand.NewPCG(1, 2)), 4)
	r := newRunner(t, net, 1, 2)
	for name, try := range map[string]func() error{
		"Check nil":         (*integer.Network)(nil).Check,
		"Check zero":        (&integer.Network{}).Check,
		"Check no layers":   (&integer.Network{Tensors: net.Tensors}).Check,
		"Check no tensors":  (&integer.Network{Layers: net.Layers}).Check,
		"Check nil layer":   (&integer.Network{Tensors: net.Tensors, Layers: []integer.Layer{nil}}).Check,
		"Check typed nil":   (&integer.Network{Tensors: net.Tensors, Layers: []integer.Layer{(*integer.Conv)(nil)}}).Check,
		"Check zero layer":  (&integer.Network{Tensors: net.Tensors, Layers: []integer.Layer{&integer.Conv{}}}).Check,
		"NewRunner nil":     func() error { _, err := integer.NewRunner(nil, pool, 1); return err },
		"NewRunner zero":    func() error { _, err := integer.NewRunner(&integer.Network{}, pool, 1); return err },
		"NewRunner batch 0": func() error { _, err := integer.NewRunner(net, pool, 0); return err },
		"NewTracer nil":     func() error { _, err := integer.NewTracer(nil, nil, 1); return err },
		"Run nil":           func() error { _, err := r.Run(nil, 1); return err },
		"Run too many":      func() error { _, err := r.Run(make([]float32, 3*32*32*3), 3); return err },
		"Run fewer than 0":  func() error { _, err := r.Run(nil, -1); return err },
		"ParseTarget":       func() error { _, err := integer.ParseTarget(""); return err },
	} {
		t.Run(name, func(t *testing.T) {
			if try() == nil {
				t.Error("no error")
			}
		})
	}
}
