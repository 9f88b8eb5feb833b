package layers

import (
	"fmt"
	"math"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
)

func constant(name string, v float64) configs.Setting {
	return configs.Setting{Name: name, Value: estimators.Schedule{Kind: estimators.Constant, From: v, To: v}}
}

func linear(name string, from, to float64) configs.Setting {
	return configs.Setting{Name: name, Value: estimators.Schedule{Kind: estimators.Linear, From: from, To: to}}
}

// methodSpecs are methods of activations with staircase levels, tables and other levels.
func methodSpecs() map[string]configs.TensorSpec {
	with := func(e configs.Estimator, ste configs.STE, options ...configs.Setting) configs.TensorSpec {
		s := spec(4, e)
		s.STE, s.Options = ste, options
		return s
	}
	signs := with("reactnet", configs.STEAuto)
	signs.Bits = 1
	return map[string]configs.TensorSpec{
		"lsq_plus":            with("lsq_plus", configs.STEAuto),
		"lsq_plus on codes":   with("lsq_plus", configs.STEAuto, constant("zero_point", 1)),
		"lsq scaled":          with("lsq", "ewgs", constant("delta", 0.5)),
		"ewgs":                with("ewgs", "ewgs", constant("delta", 0.5)),
		"qil":                 with("qil", configs.STEAuto),
		"dsq":                 with("dsq", configs.STEAuto),
		"apot":                with("apot", configs.STEAuto),
		"pact scaled":         with("pact", "ewgs", constant("delta", 0.5), constant("initial_alpha", 2)),
		"lq_nets":             with("lq_nets", configs.STEAuto),
		"apot signed":         with("apot", configs.STEAuto, constant("clip", 2)),
		"dsq alpha":           with("dsq", "dsq", constant("learn_alpha", 1)),
		"hwgq":                with("hwgq", configs.STEAuto),
		"reactnet":            signs, // with a threshold for each channel
		"dorefa by a method":  with("dorefa", "ewgs"),
		"stochastic":          with("stochastic", configs.STEAuto),
		"stochastic, to ewgs": with("stochastic", "ewgs", linear("delta", 0, 0.5)), // at first as without an STE
		"lsq soft, scheduled": with("lsq", "dsq", linear("alpha", 0.1, 0.3)),
		"pact scheduled":      with("pact", configs.STEAuto, linear("decay", 0, 0.1)), // whose scale would else be all there is
	}
}

// runMethod quantizes a batch norm's output, or codes, and returns output and gradients at the end of all schedules.
func runMethod(t *testing.T, s configs.TensorSpec, off []rewrite, relu, onCodes bool) (out []float32, grads [][]float32) {
	t.Helper()
	c := testContext(t, true)
	without(c, off...)
	q := must(newActivationQuantizer("x", s, false, 16))
	if q.plain() {
		t.Fatal("the kernels compute this one; it tests nothing")
	}
	z, g := random(5, 3, 6, 6, 16), random(6, 3, 6, 6, 16)
	in := c.b.Param("z", z)
	wrt := []*G.Node{in}
	p := &plan{c: c}
	var x *step
	if onCodes {
		stream := must(newActivationQuantizer("stream", spec(6, configs.LSQ), true, 16))
		if err := stream.calibrateActivation(z.Float32s()); err != nil {
			t.Fatal(err)
		}
		x = p.add("stream", valueOp{Value{codes: quantized(c, stream, Value{float: in}, false).codes, quant: stream}})
	} else {
		n := newBatchNorm("bn", 16)
		for j := range n.Beta.Data() {
			n.Gamma.Data()[j], n.Beta.Data()[j] = 1+0.1*float32(j), 0.05*float32(j)
		}
		z := p.add("z", valueOp{Value{float: in}})
		x = p.add("bn", batchNormOp{n}, z, p.add("bn", statisticsOp{n}, z))
		wrt = append(wrt, c.node(n.Gamma), c.node(n.Beta))
	}
	// Calibrated ahead, since that needs whole inputs.
	first := append([]float32(nil), z.Float32s()...)
	for i, v := range first {
		first[i] = max(v, 0)
	}
	if err := q.CalibrateWeights(first); err != nil {
		t.Fatal(err)
	}
	if s.Estimator == "ewgs" { // so that what the ReLU cuts off is inside the interval
		q.learned[0].Data()[0] = -0.3
	}
	y := p.quantized(q, x, relu)
	for _, p := range q.learned {
		wrt = append(wrt, c.node(p))
	}
	q.clock.progress = 1 // the graph is from the start of training
	return gradients(t, c, y.Float(c), c.b.Input("g", g), wrt...)
}

// Kernels and tables give what the methods' own functions do, but for rounding.
func TestMethodsOnKernelsAgree(t *testing.T) {
	for name, s := range methodSpecs() {
		for _, how := range []struct{ relu, onCodes bool }{{false, false}, {true, false}, {false, true}} {
			t.Run(fmt.Sprintf("%s, relu %v, on codes %v", name, how.relu, how.onCodes), func(t *testing.T) {
				want, wantGrads := runMethod(t, s, methods, how.relu, how.onCodes)
				got, gotGrads := runMethod(t, s, nil, how.relu, how.onCodes)
				different := 0
				for i := range want {
					if math.Abs(float64(got[i]-want[i])) > 1e-5 {
						different++
					}
				}
				if different > 1 { // a tie may round the other way
					t.Errorf("%d of %d outputs differ", different, len(want))
				}
				for k := range wantGrads {
					size, off := 0.0, 0.0
					for i := range wantGrads[k] {
						size += float64(wantGrads[k][i]) * float64(wantGrads[k][i])
						off += math.Pow(float64(gotGrads[k][i]-wantGrads[k][i]), 2)
					}
					if size == 0 && k < 1 || !(off <= 1e-6*size+1e-10) {
						t.Errorf("gradient %d: %v, want %v (a part)", k, gotGrads[k][:1], wantGrads[k][:1])
					}
				}
			})
		}
	}
}

// A staircase does the work of the ReLU before it where no batch norm lies between: values below 0 get the level of 0.
func TestStaircaseBehindReLU(t *testing.T) {
	s := methodSpecs()["ewgs"]
	run := func(off ...rewrite) []float32 {
		c := testContext(t, false)
		without(c, off...)
		q := must(newActivationQuantizer("x", s, false, 16))
		x := random(5, 3, 6, 6, 16)
		if err := q.CalibrateWeights(x.Float32s()); err != nil {
			t.Fatal(err)
		}
		q.learned[0].Data()[0] = -0.9 // what the ReLU cuts off is inside the interval
		y := quantized(c, q, Value{float: c.b.Input("z", x)}, true)
		out := y.Float(c)
		runNodes(t, c, out)
		return out.Value().(*tensor.Dense).Float32s()
	}
	want, got := run(methods...), run()
	for i, v := range want {
		if math.Abs(float64(got[i]-v)) > 1e-5 {
			t.Fatalf("value %d is %v, want %v", i, got[i], v)
		}
	}
}

// Behind a ReLU the gradient at 0 is that of max(x, 0): 0; without one, 0 is the lowest level, inside.
func TestGradientAtZero(t *testing.T) {
	for _, e := range []configs.Estimator{configs.LSQ, configs.Affine} {
		for _, relu := range []bool{true, false} {
			c := testContext(t, true)
			q := must(newActivationQuantizer("x", spec(4, e), false, 1))
			q.Scale.Data()[0] = 0.5
			x := tensor.New(tensor.WithShape(1, 1, 1, 4), tensor.WithBacking([]float32{-1, 0, 1, 2}))
			in := c.b.Param("in", x)
			y := quantized(c, q, Value{float: in}, relu)
			g := tensor.New(tensor.WithShape(1, 1, 1, 4), tensor.WithBacking([]float32{3, 5, 7, 9}))
			_, grads := gradients(t, c, y.Float(c), c.b.Input("g", g), in)
			want := []float32{0, 5, 7, 9}
			if relu {
				want[1] = 0
			}
			if !slices.Equal(grads[0], want) {
				t.Errorf("%s, relu %v: dx is %v, want %v", e, relu, grads[0], want)
			}
			// The same of codes.
			c = testContext(t, true)
			in = c.b.Param("in", x)
			from := must(newActivationQuantizer("from", spec(6, configs.LSQ), true, 1))
			from.Scale.Data()[0] = 0.25
			y = quantized(c, q, Value{codes: quantized(c, from, Value{float: in}, false).codes, quant: from}, relu)
			if _, grads = gradients(t, c, y.Float(c), c.b.Input("g", g), in); !slices.Equal(grads[0], want) {
				t.Errorf("%s on codes, relu %v: dx is %v, want %v", e, relu, grads[0], want)
			}
		}
	}
}
