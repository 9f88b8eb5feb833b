package layers

import (
	"math"
	"slices"
	"testing"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/machine"
)

// A convolution that sums codes of levels at an offset gives what it gives on the levels in floating point, but for rounding;
// the gradients are the same to the bit.
func TestConvolutionAtAnOffset(t *testing.T) {
	for _, signed := range []bool{false, true} {
		for _, train := range []bool{true, false} {
			run := func(floats bool) (out []float32, grads [][]float32) {
				c := testContext(t, train)
				conv := must(newConvNorm("conv", "bn", 16, 32, 3, 2, spec(4, "lsq_plus"), spec(4, "lsq_plus"), signed))
				copy(conv.Weight.Data(), random(7, 3, 3, 16, 32).Float32s())
				if err := conv.Weights.prepare(true, conv.Weight.Data()); err != nil {
					t.Fatal(err)
				}
				x := random(5, 3, 7, 6, 16)
				if err := conv.Input.prepare(true, x.Float32s()); err != nil {
					t.Fatal(err)
				}
				conv.Input.method.learned[1].Data()[0] = -0.37
				if !conv.Input.atOffset {
					t.Fatal("the convolution is on floats; it tests nothing")
				}
				conv.Input.atOffset = !floats
				in := c.B.Param("x", x)
				v := conv.Build(c, Value{float: in})
				if train {
					y := v.norm.z
					return gradients(t, c, y, c.B.Input("g", random(6, y.Shape()...)), in, c.node(conv.Weight),
						c.node(conv.Input.method.learned[0]), c.node(conv.Input.method.learned[1]))
				}
				m := must(machine.New(c.Pool, machine.Options{}, v.float))
				if err := m.RunAll(); err != nil {
					t.Fatal(err)
				}
				return v.float.Value().(*tensor.Dense).Float32s(), nil
			}
			out, grads := run(false)
			want, wantGrads := run(true)
			if slices.Equal(out, want) {
				t.Error("both outputs round alike; one does not sum codes")
			}
			for i, v := range want {
				if math.Abs(float64(out[i]-v)) > 1e-4 {
					t.Fatalf("signed %v, training %v: output %d is %v, want %v", signed, train, i, out[i], v)
				}
			}
			for k := range wantGrads {
				if !slices.Equal(grads[k], wantGrads[k]) {
					t.Errorf("signed %v: gradient %d is %v, want %v (a part)", signed, k, grads[k][:1], wantGrads[k][:1])
				}
			}
		}
	}
}
