package layers

import (
	"math"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/threads"
)

// The codes of signs are 0 and 2 around the zero point 1, those of weights -1 and
// 1, and the convolution of both is the float one of their values, in training and
// in evaluation. 32 channels make sums long enough for the bit kernels.
func TestSignsConvolveAsIntegers(t *testing.T) {
	const n, size, cin, cout = 2, 5, 32, 3
	for _, e := range []configs.Estimator{"sign", "bnn", "xnor", "bireal", "irnet", "reactnet"} {
		weights := spec(1, e)
		if e == "sign" {
			weights.Estimator = "bwn"
		}
		weights.Granularity = configs.PerChannel
		net := custom(t, networks.Shape{H: size, W: size, C: cin}, weights, spec(1, e), append([]networks.Node{
			{Name: "identity", Op: networks.LeakyReLU{Slope: 1}, Inputs: []string{networks.Input}}}, convNorm("", cout, 1, "identity")...)...)
		v, norm := net.layer("conv"), net.layer("bn").norm
		copy(v.weight().Data(), random(1, 9*cin*cout).Float32s())
		x := random(2, n, size, size, cin)
		threshold := make([]float32, cin)
		if m := v.input; e != "reactnet" && len(m.learned) != 0 || e == "reactnet" && (len(m.learned) != 1 || len(m.learned[0].Data()) != cin) {
			t.Fatalf("%s learns %d arrays", e, len(m.learned))
		}
		pool := kernels.NewPool(2)
		defer pool.Close()
		if err := net.Calibrate((*threads.Pool)(pool), nil, x); err != nil {
			t.Fatal(err)
		}
		for _, train := range []bool{true, false} {
			c := NewContext((*threads.Pool)(pool), train)
			p := newPlan(c, net.layers, nil)
			p.emit(c.b.Input("x", x))
			y, z := Value{}, (*G.Node)(nil)
			for _, s := range p.steps {
				switch s.op.(type) {
				case staircaseOp, quantizeOp:
					y = s.out
				case convOp, foldedOp:
					z = s.out.float
				}
			}
			w := c.quantizer(v.weights).QuantizeWeights(c, v.weight())
			if y.codes == nil || w.Dtype() != tensor.Int8 || v.input.zeroPoint() != 1 || v.input.largest() != 2 {
				t.Fatalf("%s: no codes around 1 up to 2", e)
			}
			if err := c.b.Err(); err != nil {
				t.Fatal(err)
			}
			runNodes(t, c, y.codes, w, z)
			if m := v.input; train && len(m.learned) > 0 { // from now on, thresholds of their own
				copy(threshold, random(3, cin).Float32s())
				copy(m.learned[0].Data(), threshold)
				runNodes(t, c, y.codes, w, z)
			}
			codes, signs := y.codes.Value().(*tensor.Dense).Uint8s(), w.Value().(*tensor.Dense).Int8s()
			want := arrayOf(n, size, size, cin)
			for i, got := range codes {
				want.data[i] = 1
				if x.Float32s()[i]-threshold[i%cin] < 0 {
					want.data[i] = -1
				}
				if float64(got) != want.data[i]+1 {
					t.Fatalf("%s: %v has the code %d", e, x.Float32s()[i], got)
				}
			}
			for i, s := range signs {
				if s != 1 && s != -1 {
					t.Fatalf("%s: weight %d has the code %d", e, i, s)
				}
			}
			scale, got := v.weights.Scale.Data(), z.Value().(*tensor.Dense).Float32s()
			for i, value := range got {
				co, pixel := i%cout, i/cout
				sum := 0.0
				for tap := range 9 {
					h, u := pixel/size%size+tap/3-1, pixel%size+tap%3-1
					if h < 0 || h >= size || u < 0 || u >= size {
						continue
					}
					for ci := range cin {
						sum += *want.at(pixel/size/size, h, u, ci) * float64(signs[(tap*cin+ci)*cout+co])
					}
				}
				if !train { // batch norm with mean 0, variance 1
					sum /= math.Sqrt(1 + 1e-5)
				}
				near(t, string(e), value, sum*float64(scale[co]))
			}
			if train {
				copy(norm.Mean.Data(), make([]float32, cout))
				for i := range norm.Var.Data() {
					norm.Var.Data()[i] = 1
				}
			}
		}
	}
}

func runNodes(t *testing.T, c *Context, outputs ...*G.Node) {
	t.Helper()
	m, err := machine.New(c.pool, machine.Options{Unfused: true}, outputs...)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.RunAll(); err != nil {
		t.Fatal(err)
	}
}

// A threshold's gradient is the negative sum of the channel's dx over all pictures.
func TestThresholdGradient(t *testing.T) {
	const n, size, channels = 3, 4, 7
	q := must(newActivationQuantizer("x", spec(1, "reactnet"), true, channels))
	c := testContext(t, true)
	x, g := random(1, n, size, size, channels), random(2, n, size, size, channels)
	if err := q.CalibrateWeights(x.Float32s()); err != nil {
		t.Fatal(err)
	}
	threshold := q.learned[0]
	copy(threshold.Data(), random(3, channels).Float32s())
	in := c.b.Param("input", x)
	v := quantized(c, q, Value{float: in}, false)
	_, grads := gradients(t, c, v.Float(c), c.b.Input("g", g), in, c.node(threshold))
	var want [channels]float64
	for i, xi := range x.Float32s() {
		v := math.Abs(float64(xi - threshold.Data()[i%channels])) // approx_sign: 2 - 2|v| within 1
		dx := float64(g.Float32s()[i]) * max(2-2*v, 0)
		near(t, "dx", grads[0][i], dx)
		want[i%channels] -= dx
	}
	for k := range channels {
		near(t, "dthreshold", grads[1][k], want[k])
	}
}
