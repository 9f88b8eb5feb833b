package layers

import (
	"math"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/networks"
)

// A convolution that sums codes of levels at an offset gives what it gives on the levels in floating point, but for rounding;
// the gradients are the same to the bit.
func TestConvolutionAtAnOffset(t *testing.T) {
	for _, signed := range []bool{false, true} {
		for _, train := range []bool{true, false} {
			run := func(floats bool) (out []float32, grads [][]float32) {
				c := testContext(t, train)
				activations := spec(4, "lsq_plus")
				if activations.Signed = configs.SignedFalse; signed {
					activations.Signed = configs.SignedTrue
				}
				net := custom(t, networks.Shape{H: 7, W: 6, C: 16}, spec(4, "lsq_plus"), activations, append([]networks.Node{
					{Name: "identity", Op: networks.LeakyReLU{Slope: 1}, Inputs: []string{networks.Input}}}, convNorm("", 32, 2, "identity")...)...)
				conv := net.layer("conv")
				copy(conv.weight().Data(), random(7, 3, 3, 16, 32).Float32s())
				if err := conv.weights.CalibrateWeights(conv.weight().Data()); err != nil {
					t.Fatal(err)
				}
				x := random(5, 3, 7, 6, 16)
				if err := conv.input.CalibrateWeights(x.Float32s()); err != nil {
					t.Fatal(err)
				}
				conv.input.learned[1].Data()[0] = -0.37
				if !conv.input.atOffset {
					t.Fatal("the convolution is on floats; it tests nothing")
				}
				conv.input.atOffset = !floats
				in := c.b.Param("x", x)
				p := newPlan(c, net.layers, nil)
				end := p.emit(in)
				if train {
					var y *G.Node
					for _, s := range p.steps {
						if _, ok := s.op.(convOp); ok {
							y = s.out.float
						}
					}
					return gradients(t, c, y, c.b.Input("g", random(6, y.Shape()...)), in, c.node(conv.weight()),
						c.node(conv.input.learned[0]), c.node(conv.input.learned[1]))
				}
				m := must(machine.New(c.pool, machine.Options{}, end))
				if err := m.RunAll(); err != nil {
					t.Fatal(err)
				}
				return end.Value().(*tensor.Dense).Float32s(), nil
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
