package layers

import (
	"math"
	"slices"
	"testing"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/machine"
)

// gradientsOf returns the gradients in x and w of the output sum(conv(x, w)*g), g quantized by q unless it is nil.
func gradientsOf(t *testing.T, q *gradientQuantizer, k int, x, w, g *tensor.Dense) [][]float32 {
	t.Helper()
	c := testContext(t, true)
	c.gradients = q
	s, cout := x.Shape(), w.Shape()[3]
	y := conv2d(c, "layer", kernels.Conv{N: s[0], H: s[1], W: s[2], Cin: s[3], Cout: cout}.Square(k, 1, k/2), c.b.Param("x", x), c.b.Param("w", w))
	_, grads := gradients(t, c, y, c.b.Input("g", g), c.b.Params()...)
	return grads
}

// A 1x1 convolution with the weights of the identity shows the quantized gradient itself: odd multiples of m/n, each
// picture with its own m = max|g|, at most a step away, right on average, and what equation 12 says on the whole.
func TestOutputGradientIsQuantized(t *testing.T) {
	const pictures, ch, bits = 3, 16, 4
	x, g, identity := random(1, pictures, 8, 8, ch), random(2, pictures, 8, 8, ch), random(3, 1, 1, ch, ch)
	for i := range identity.Float32s() {
		identity.Float32s()[i] = 0
		if i%(ch+1) == 0 {
			identity.Float32s()[i] = 1
		}
	}
	for i := range g.Float32s()[:8*8*ch] {
		g.Float32s()[i] *= 1e-3 // a picture of its own scale
	}
	copy(g.Float32s()[2*8*8*ch:], g.Float32s()[8*8*ch:2*8*8*ch]) // two pictures alike
	q := &gradientQuantizer{DoReFaGradients: estimators.DoReFaGradients{Bits: bits}, clock: &clock{seed: 5, step: 7}}
	dx := slices.Clone(gradientsOf(t, q, 1, x, identity, g)[0])
	const n = 1<<bits - 1
	each := len(dx) / pictures
	for p := range pictures {
		m, sum := 0.0, 0.0
		for _, v := range g.Float32s()[p*each:][:each] {
			m = max(m, math.Abs(float64(v)))
		}
		for i, v := range dx[p*each:][:each] {
			level := float64(v) * n / m
			if r := math.Round(level); math.Abs(level-r) > 1e-4 || int(r)%2 == 0 || math.Abs(r) > n {
				t.Fatalf("picture %d: %v is %v of m/n, want an odd integer up to %d", p, v, level, n)
			}
			d := float64(v) - float64(g.Float32s()[p*each+i])
			if sum += d; math.Abs(d) > 2*m/n*1.0001 {
				t.Fatalf("picture %d: %v became %v, steps are %v", p, g.Float32s()[p*each+i], v, 2*m/n)
			}
		}
		if bias := sum / float64(each) / (2 * m / n); math.Abs(bias) > 0.05 {
			t.Errorf("picture %d: the mean is off by %v steps", p, bias)
		}
	}
	if slices.Equal(dx[each:2*each], dx[2*each:]) {
		t.Error("two pictures have the same random numbers")
	}
	if again := gradientsOf(t, q, 1, x, identity, g)[0]; !slices.Equal(again, dx) {
		t.Error("the same step has other random numbers")
	}
	q.clock.step++
	if next := gradientsOf(t, q, 1, x, identity, g)[0]; slices.Equal(next, dx) {
		t.Error("the next step has the same random numbers")
	}

	// Weights and inputs get theirs from one and the same quantized gradient.
	q.clock.step--
	w := random(4, 3, 3, ch, ch)
	quantized := tensor.New(tensor.WithShape(pictures, 8, 8, ch), tensor.WithBacking(dx))
	got, want := gradientsOf(t, q, 3, x, w, g), gradientsOf(t, nil, 3, x, w, quantized)
	for i, name := range []string{"x", "w"} {
		if !slices.Equal(got[i], want[i]) {
			t.Errorf("the gradient of %s is not that of the quantized gradient", name)
		}
	}
	q.except = "layer"
	if got, want := gradientsOf(t, q, 1, x, identity, g)[0], g.Float32s(); !slices.Equal(got, want) {
		t.Error("the excepted layer's gradient is quantized")
	}
}

// The last convolution is the first that gradients reach: on integers and on floats they are quantized there, and the
// linear layer's before them are not.
func TestNetworkQuantizesGradients(t *testing.T) {
	for _, path := range [][]string{{}, {"quant.layers[layer3.2.conv2].weights.bits=fp"}} {
		last := func(overrides ...string) (conv, linear []float32) {
			n := calibrated(t, "resnet20_w4a4", append(overrides, path...)...)
			c, _, grads := trainGraph(t, n, 4)
			m, err := machine.New(c.pool, machine.Options{}, grads...)
			if err != nil {
				t.Fatal(err)
			}
			if err := m.RunAll(); err != nil {
				t.Fatal(err)
			}
			for i, p := range n.Store.Learnable() {
				switch v := grads[i].Value().(*tensor.Dense).Float32s(); p.Name {
				case "layer3.2.conv2.weight":
					conv = slices.Clone(v)
				case "linear.weight":
					linear = slices.Clone(v)
				}
			}
			return conv, linear
		}
		conv, linear := last()
		quantizedConv, quantizedLinear := last("quant.gradients.bits=8")
		if slices.Equal(conv, quantizedConv) || !slices.Equal(linear, quantizedLinear) {
			t.Errorf("%v: the gradient of the last convolution is quantized: %v; of the linear layer: %v", path,
				!slices.Equal(conv, quantizedConv), !slices.Equal(linear, quantizedLinear))
		}
	}
}
