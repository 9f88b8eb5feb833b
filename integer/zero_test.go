package integer_test

import (
	"math"
	"math/rand/v2"
	"slices"
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
		"Run zero runner":   func() error { _, err := (&integer.Runner{}).Run(make([]float32, 9), 1); return err },
		"Run NaN": func() error {
			x := make([]float32, 2*32*32*3)
			x[32*32*3+7] = float32(math.NaN())
			_, err := r.Run(x, 2)
			if err == nil || err.Error() != "value 7 of image 1 is NaN; want numbers" {
				t.Errorf("of NaN: %v", err)
			}
			if _, again := r.Run(x, 1); again != nil {
				t.Errorf("of the image before: %v", again)
			}
			return err
		},
		"Run nil":          func() error { _, err := r.Run(nil, 1); return err },
		"Run too many":     func() error { _, err := r.Run(make([]float32, 3*32*32*3), 3); return err },
		"Run fewer than 0": func() error { _, err := r.Run(nil, -1); return err },
		"ParseTarget":      func() error { _, err := integer.ParseTarget(""); return err },
	} {
		t.Run(name, func(t *testing.T) {
			if try() == nil {
				t.Error("no error")
			}
		})
	}
}

// Each channel of an image has its own mean and deviation, however many there are; a runner that traces nothing gives no codes.
func TestNormalize(t *testing.T) {
	for channels, want := range map[int][]float32{1: {2, 2, 2, 2}, 2: {2, 3, 2, 3}, 3: {2, 3, 6, 2}, 4: nil} {
		n := &integer.Network{Mean: []float32{0, -0.5, -0.5}, Std: []float32{0.5, 0.5, 0.25}, Tensors: []integer.Tensor{{H: 2, W: 2, C: channels}}}
		if got := n.Normalize([]uint8{255, 255, 255, 255}); !slices.Equal(got, want) {
			t.Errorf("%d channels: %v, want %v", channels, got, want)
		}
	}
	if got := (&integer.Network{}).Normalize([]uint8{1}); got != nil {
		t.Errorf("of no network: %v", got)
	}
	pool := threads.New(1)
	defer pool.Close()
	r, err := integer.NewRunner(integertest.ResNet20(rand.New(rand.NewPCG(1, 2)), 4), pool, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Codes(0, 1); got != nil {
		t.Errorf("a runner that does not trace gives %d codes", len(got))
	}
}
