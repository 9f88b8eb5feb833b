package layers

import (
	"math"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/threads"
)

// The basis of LQ-Nets after a training batch is the one that its own function fits, on any number of threads.
func TestBinnedUpdates(t *testing.T) {
	for _, bits := range []int{1, 2, 3, 4} {
		run := func(off []rewrite, count int, bad float32) ([]float32, float32, error) {
			pool := kernels.NewPool(count)
			defer pool.Close()
			c := NewContext((*threads.Pool)(pool), true)
			without(c, off...)
			q := must(newActivationQuantizer("x", spec(bits, "lq_nets"), false, 16))
			if q.binned() != true {
				t.Fatal("no bins")
			}
			calibrate(t, q, random(1, 5000).Float32s())
			x := random(2, 7, 5, 5, 16)
			if bad != 0 {
				x.Float32s()[77] = bad
			}
			y := quantized(c, q, Value{float: c.b.Input("x", x)}, true)
			m, err := machine.New(pool, machine.Options{}, G.Nodes{y.Float(c)}...)
			if err != nil {
				t.Fatal(err)
			}
			err = m.RunAll()
			return slices.Clone(q.state[0].Data()), q.updates.Data()[0], err
		}
		want, _, _ := run(methods, 2, 0)
		got, updates, err := run(nil, 1, 0)
		if err != nil || updates != 2 {
			t.Fatalf("%g updates, error %v", updates, err)
		}
		if more, _, _ := run(nil, 3, 0); !slices.Equal(more, got) {
			t.Errorf("%d bits: %v on one thread, %v on three", bits, got, more)
		}
		for j := range want {
			if math.Abs(float64(got[j]-want[j])) > 1e-6+1e-5*math.Abs(float64(want[j])) {
				t.Errorf("%d bits: the basis is %v, want %v", bits, got, want)
			}
		}
		for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
			if _, _, err := run(nil, 2, bad); err == nil {
				t.Errorf("%d bits: no error for an element that is %v", bits, bad)
			}
		}
	}
}
