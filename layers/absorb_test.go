package layers

import (
	"errors"
	"math"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/networks"
)

// A quantizer that does the work of the ReLU6 before it gives the same codes and gradients, but for rounding in that of its
// scale: alone and behind a batch norm, with its first scale from what ReLU6 lets through, below and above 6.
func TestAbsorbReLU6(t *testing.T) {
	for _, scale := range []float32{0, 0.1, 0.37, 0.5} { // 0: calibrated; the last levels of 4 bits are 1.5, 5.55 and 7.5
		for _, e := range []configs.Estimator{configs.LSQ, configs.Affine, "pact"} {
			for _, norm := range []bool{false, true} {
				run := func(off ...rewrite) (y []float32, grads [][]float32) {
					x := random(1, 3, 5, 4, 19)
					for i := range x.Float32s() {
						x.Float32s()[i] *= 5
					}
					c := testContext(t, true)
					without(c, off...)
					q := must(newActivationQuantizer("x", spec(4, e), false, 19))
					in := c.b.Param("x", x)
					p := &plan{c: c}
					s := p.add("x", valueOp{Value{float: in}})
					if norm {
						bn := newBatchNorm("bn", 19)
						for i := range bn.Gamma.Data() {
							bn.Gamma.Data()[i], bn.Beta.Data()[i] = 6, 1
						}
						s = p.add("bn", batchNormOp{bn}, s, p.add("bn", statisticsOp{bn}, s))
					}
					p.add(q.Name, quantizeOp{q: q}, p.add("relu6", relu6Op{}, s))
					p.end()
					out := p.run().Float(c)
					var u *uncalibrated
					if q.Scale.Data()[0] = scale; scale == 0 {
						m := must(machine.New(c.pool, machine.Options{Unfused: true}, out))
						if !errors.As(m.RunAll(), &u) {
							t.Fatal("the quantizer has a scale before it saw anything")
						}
						if slices.Max(u.x) != 6 {
							t.Fatalf("calibrated up to %g; want 6", slices.Max(u.x))
						}
						if err := q.calibrateActivation(u.x); err != nil {
							t.Fatal(err)
						}
					}
					wrt := []*G.Node{in}
					if q.Learned() {
						wrt = append(wrt, c.node(q.Scale))
					}
					return gradients(t, c, out, c.b.Input("g", random(2, 3, 5, 4, 19)), wrt...)
				}
				y, grads := run()
				want, wantGrads := run(absorbReLU6)
				if !slices.Equal(y, want) {
					t.Errorf("scale %g, %s, batch norm %v: other values than of min(max(x, 0), 6)", scale, e, norm)
				}
				for i, g := range grads {
					for j, v := range g {
						if w := wantGrads[i][j]; math.Abs(float64(v-w)) > 2e-4*(1+math.Abs(float64(w))) {
							t.Fatalf("scale %g, %s, batch norm %v: gradient %d[%d] is %g; of min(max(x, 0), 6) %g", scale, e, norm, i, j, v, w)
						}
					}
				}
			}
		}
	}
}

// The kernels of learned weight quantizers give the estimator's codes and gradients, bit for bit.
func TestWeightsAgreeWithEstimators(t *testing.T) {
	for _, granularity := range []configs.Granularity{configs.PerTensor, configs.PerChannel} {
		for _, bits := range []int{2, 4, 8} {
			for _, shape := range [][]int{{3, 3, 5, 7}, {1, 1, 40, 48}, {1, 1, 3, 4100}} {
				w := &Array{Name: "w", Group: networks.WeightsGroup, Value: random(1, shape...)}
				g := random(2, shape...)
				s := spec(bits, configs.LSQ)
				s.Granularity = granularity
				q := must(newWeightQuantizer(w, s))
				if !q.clips() {
					t.Fatal("the kernels do not compute it")
				}
				if err := q.CalibrateWeights(w.Data()); err != nil {
					t.Fatal(err)
				}
				c := testContext(t, true)
				codes := q.QuantizeWeights(c, w)
				y, grads := gradients(t, c, dequantizeKernel(c, q, codes), c.b.Input("g", g), c.node(w), c.node(q.Scale))
				est, n := must(q.estimator(true, 0)), len(w.Data())
				want, dw, ds := make([]float32, n), make([]float32, n), make([]float32, len(q.Scale.Data()))
				if err := est.Forward(want, w.Data(), q.params()); err != nil {
					t.Fatal(err)
				}
				if err := est.Backward(dw, estimators.Params{ds}, w.Data(), g.Float32s(), q.params()); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(y, want) || !slices.Equal(grads[0], dw) || !slices.Equal(grads[1], ds) {
					t.Errorf("%v, %d bits, %s: other values or gradients than the estimator's", shape, bits, granularity)
				}
			}
		}
	}
}

// In evaluation a ReLU6 that the sum of a convolution swallows is the code that 6 rounds to, if the quantizer has it.
func TestTopOfReLU6(t *testing.T) {
	for code, want := range map[float64]uint8{100.3: 100, 100.7: 101, 9.5: 10, 300: 255} {
		q := must(newActivationQuantizer("x", spec(8, configs.LSQ), false, 1))
		q.Scale.Data()[0] = float32(6 / code)
		if lo, hi := (foldedQuantizeOp{q: q, top: 6}).bounds(); lo != 0 || hi != want {
			t.Errorf("6 is %g scales: codes %d to %d; want 0 to %d", code, lo, hi, want)
		}
		signed := must(newActivationQuantizer("x", spec(8, configs.LSQ), true, 1)) // by quant.activations.signed
		signed.Scale.Data()[0] = float32(6 / code)
		want = uint8(min(int(want)+128, 255))
		if lo, hi := (foldedQuantizeOp{q: signed, relu: true, top: 6}).bounds(); lo != 128 || hi != want {
			t.Errorf("6 is %g scales, signed: codes %d to %d; want 128 to %d", code, lo, hi, want)
		}
	}
}
