package layers

import (
	"slices"
	"testing"

	"github.com/qat-go/qat/configs"
)

// Behind batch norm, too, stochastic rounding draws in training: not what rounding to nearest gives.
func TestStochasticDrawsBehindBatchNorm(t *testing.T) {
	random, _ := runMethod(t, spec(4, "stochastic"), nil, true, false)
	near := spec(4, configs.LSQ)
	near.STE, near.Options = "ewgs", []configs.Setting{constant("delta", 0)} // no other difference, and no kernel of its own
	nearest, _ := runMethod(t, near, nil, true, false)
	different := 0
	for i := range nearest {
		if random[i] != nearest[i] {
			different++
		}
	}
	if different < len(nearest)/20 {
		t.Errorf("%d of %d values differ from the nearest level", different, len(nearest))
	}
}

// Kernels draw for each element what package estimators draws, bit for bit, wherever the values come from.
func TestKernelsDrawAsEstimators(t *testing.T) {
	for _, how := range []struct{ relu, onCodes bool }{{false, false}, {true, false}, {false, true}} {
		want, _ := runMethod(t, spec(4, "stochastic"), methods, how.relu, how.onCodes)
		got, _ := runMethod(t, spec(4, "stochastic"), nil, how.relu, how.onCodes)
		if !slices.Equal(got, want) {
			t.Errorf("relu %v, on codes %v: other values than the estimator's own", how.relu, how.onCodes)
		}
	}
}

// What is drawn follows from seed, tensor, step and picture, and evaluation draws nothing.
func TestDrawsFollowTheClock(t *testing.T) {
	run := func(name string, train bool, seed uint64, step int) []float32 {
		c := testContext(t, train)
		q := must(newActivationQuantizer(name, spec(4, "stochastic"), false, 16))
		q.learned[0].Data()[0], q.Scale.Data()[0] = 0.2, 0.2
		q.clock.seed, q.clock.step = seed, step
		x := random(1, 2, 4, 4, 16)
		copy(x.Float32s()[256:], x.Float32s()[:256]) // two equal pictures
		in := c.b.Param("x", x)
		v := quantized(c, q, Value{float: in}, false)
		y, _ := gradients(t, c, v.Float(c), c.b.Input("g", x), in)
		return y
	}
	base := run("x", true, 7, 3)
	if slices.Equal(base[:256], base[256:]) {
		t.Error("two pictures draw the same")
	}
	for _, o := range []struct {
		what, name string
		train      bool
		seed       uint64
		step       int
		same       bool
	}{
		{"again", "x", true, 7, 3, true},
		{"another tensor", "y", true, 7, 3, false},
		{"another seed", "x", true, 8, 3, false},
		{"another step", "x", true, 7, 4, false},
		{"evaluation", "x", false, 7, 3, false},
	} {
		if slices.Equal(run(o.name, o.train, o.seed, o.step), base) != o.same {
			t.Errorf("%s: the values are the same: %t, want %t", o.what, !o.same, o.same)
		}
	}
	if y := run("x", false, 1, 1); !slices.Equal(y, run("x", false, 2, 2)) || !slices.Equal(y[:256], y[256:]) {
		t.Error("evaluation draws")
	}
}
