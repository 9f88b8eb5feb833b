package layers

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/threads"
)

// weighted reduces x to the scalar sum(x*g), whose gradient is g.
func weighted(c *Context, x, g *G.Node) *G.Node {
	rank := x.Dims()
	return c.b.Apply(graph.Op{
		Name: "weighted sum", In: []graph.Arg{f32(rank), f32(rank)}, Out: f32(0),
		Shape: func([]tensor.Shape) (tensor.Shape, error) { return tensor.ScalarShape(), nil },
		Forward: func(k *graph.Call) error {
			s := 0.0
			for i, v := range k.F32(0) {
				s += float64(v) * float64(k.F32(1)[i])
			}
			k.SetScalar(float32(s))
			return nil
		},
		Wrt:      []bool{true, false},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node { return []*G.Node{in[1], nil} },
	}, x, g)
}

func random(seed uint64, shape ...int) *tensor.Dense {
	rng := rand.New(rand.NewPCG(seed, 7))
	t := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(shape...))
	for i := range t.Float32s() {
		t.Float32s()[i] = float32(rng.NormFloat64())
	}
	return t
}

func testContext(t testing.TB, train bool) *Context {
	pool := kernels.NewPool(2)
	t.Cleanup(pool.Close)
	return NewContext((*threads.Pool)(pool), train)
}

// gradients runs sum(y*g) and returns y and the gradients of the nodes.
func gradients(t testing.TB, c *Context, y, g *G.Node, wrt ...*G.Node) (out []float32, grads [][]float32) {
	t.Helper()
	loss := weighted(c, y, g)
	nodes, err := c.b.Grad(loss, wrt...)
	if err != nil {
		t.Fatal(err)
	}
	m, err := machine.New(c.pool, machine.Options{Poison: true}, append(append([]*G.Node{}, nodes...), loss, y)...)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.RunAll(); err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		grads = append(grads, n.Value().(*tensor.Dense).Float32s())
	}
	return y.Value().(*tensor.Dense).Float32s(), grads
}

// Smooth operations against central differences of a float64 sum.
func TestSmoothGradients(t *testing.T) {
	for _, o := range []struct {
		name   string
		inputs [][]int
		build  func(c *Context, in []*G.Node) *G.Node
	}{
		{"conv2d stride 1", [][]int{{2, 5, 6, 3}, {3, 3, 3, 4}}, func(c *Context, in []*G.Node) *G.Node {
			return conv2d(c, "", kernels.Conv{N: 2, H: 5, W: 6, Cin: 3, Cout: 4}.Square(3, 1, 1), in[0], in[1])
		}},
		{"conv2d stride 2", [][]int{{2, 6, 6, 3}, {3, 3, 3, 4}}, func(c *Context, in []*G.Node) *G.Node {
			return conv2d(c, "", kernels.Conv{N: 2, H: 6, W: 6, Cin: 3, Cout: 4}.Square(3, 2, 1), in[0], in[1])
		}},
		{"conv2d in groups, with a window that differs by axis and side", [][]int{{2, 5, 6, 4}, {3, 2, 2, 6}}, func(c *Context, in []*G.Node) *G.Node {
			g := kernels.Conv{N: 2, H: 5, W: 6, Cin: 4, Cout: 6, Kernel: kernels.Size{H: 3, W: 2}, Stride: kernels.Size{H: 2, W: 1}, Pad: kernels.Border{Top: 1, Right: 1}, Groups: 2}
			return conv2d(c, "", g, in[0], in[1])
		}},
		{"depthwise conv2d", [][]int{{2, 5, 6, 3}, {3, 3, 1, 3}}, func(c *Context, in []*G.Node) *G.Node {
			return conv2d(c, "", kernels.Conv{N: 2, H: 5, W: 6, Cin: 3, Cout: 3, Groups: 3}.Square(3, 2, 1), in[0], in[1])
		}},
		{"batch norm", [][]int{{3, 4, 4, 5}, {5}, {5}}, func(c *Context, in []*G.Node) *G.Node {
			n := newBatchNorm("bn", 5)
			c.nodes[n.Gamma], c.nodes[n.Beta] = in[1], in[2]
			return (&normed{n, in[0], n.statistics(c, in[0])}).apply(c)
		}},
		{"frozen batch norm", [][]int{{3, 4, 4, 5}, {5}, {5}}, func(c *Context, in []*G.Node) *G.Node {
			n := frozenBatchNorm()
			c.nodes[n.Gamma], c.nodes[n.Beta] = in[1], in[2]
			return (&normed{n, in[0], n.statistics(c, in[0])}).apply(c)
		}},
		{"add", [][]int{{2, 3, 3, 4}, {2, 3, 3, 4}}, func(c *Context, in []*G.Node) *G.Node { return add(c, "", in[0], in[1]) }},
		{"shortcut", [][]int{{2, 6, 6, 3}}, func(c *Context, in []*G.Node) *G.Node { return shortcut(c, "", in[0], 2, 7) }},
		{"average pool", [][]int{{2, 3, 3, 4}}, func(c *Context, in []*G.Node) *G.Node { return averagePool(c, in[0]) }},
		{"linear", [][]int{{3, 6}, {6, 4}, {4}}, func(c *Context, in []*G.Node) *G.Node { return matmul(c, "", in[0], in[1], in[2]) }},
	} {
		t.Run(o.name, func(t *testing.T) {
			var values []*tensor.Dense
			for i, s := range o.inputs {
				values = append(values, random(uint64(i), s...))
			}
			// run computes the output, and its gradients for output gradient g.
			run := func(g *tensor.Dense) ([]float32, [][]float32, tensor.Shape) {
				c := testContext(t, true)
				var in []*G.Node
				for i, v := range values {
					in = append(in, c.b.Param(string(rune('a'+i)), v))
				}
				y := o.build(c, in)
				if err := c.b.Err(); err != nil {
					t.Fatal(err)
				}
				shape := y.Shape()
				if g == nil {
					g = random(99, shape...)
				}
				out, grads := gradients(t, c, y, c.b.Input("g", g), in...)
				return append([]float32(nil), out...), grads, shape
			}
			_, _, shape := run(nil)
			g := random(99, shape...)
			_, grads, _ := run(g)
			rng := rand.New(rand.NewPCG(3, 4))
			for i, v := range values {
				for range 8 {
					k := rng.IntN(len(v.Float32s()))
					const h = 1e-2
					old := v.Float32s()[k]
					sum := func(x float32) float64 {
						v.Float32s()[k] = x
						y, _, _ := run(g)
						s := 0.0
						for j, w := range y {
							s += float64(w) * float64(g.Float32s()[j])
						}
						return s
					}
					want := (sum(old+h) - sum(old-h)) / (2 * h)
					v.Float32s()[k] = old
					if got := float64(grads[i][k]); math.Abs(got-want) > 2e-3*(1+math.Abs(want)) {
						t.Errorf("input %d[%d]: gradient %g, difference quotient %g", i, k, got, want)
					}
				}
			}
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func spec(bits int, e configs.Estimator) configs.TensorSpec {
	return configs.TensorSpec{Bits: configs.Bits(bits), Estimator: e, N: configs.NAuto, Signed: configs.SignedAuto, STE: configs.STEAuto, Calibration: configs.CalibrateAuto}
}

// The graph's quantizer against package estimators, which golden values test.
func TestQuantizeAgreesWithEstimators(t *testing.T) {
	for _, e := range []configs.Estimator{configs.LSQ, configs.Affine} {
		for _, signed := range []bool{true, false} {
			for _, bits := range []int{2, 4, 8} {
				c := testContext(t, true)
				q := must(newActivationQuantizer("x", spec(bits, e), signed, 16))
				x, g := random(1, 2, 5, 5, 16), random(2, 2, 5, 5, 16)
				if err := q.calibrateActivation(x.Float32s()); err != nil {
					t.Fatal(err)
				}
				q.Scale.Data()[0] *= 0.1 // so that some values are clipped
				in := c.b.Param("x", x)
				v := quantized(c, q, Value{float: in}, false)
				out, grads := gradients(t, c, v.Float(c), c.b.Input("g", g), in, c.node(q.Scale))
				q.place.N = 5 * 5 * 16
				u, p := must(q.estimator(true, 0)), q.params()
				y, dx, ds := make([]float32, len(out)), make([]float32, len(out)), []float32{0}
				if err := u.Forward(y, x.Float32s(), p); err != nil {
					t.Fatal(err)
				}
				var dp [][]float32
				if len(p) > 0 {
					dp = [][]float32{ds}
				}
				if err := u.Backward(dx, dp, x.Float32s(), g.Float32s(), p); err != nil {
					t.Fatal(err)
				}
				clipped := 0
				for i := range y {
					if out[i] != y[i] || grads[0][i] != dx[i] {
						t.Fatalf("%s %d bits signed %v: element %d (%g) gives %g with gradient %g, want %g and %g", e, bits, signed, i, x.Float32s()[i], out[i], grads[0][i], y[i], dx[i])
					}
					if dx[i] == 0 {
						clipped++
					}
				}
				if clipped == 0 {
					t.Errorf("%s %d bits: nothing is clipped", e, bits)
				}
				if got, want := float64(grads[1][0]), float64(ds[0]); math.Abs(got-want) > 1e-5*(1+math.Abs(want)) {
					t.Errorf("%s %d bits signed %v: scale gradient %g, want %g", e, bits, signed, got, want)
				}
			}
		}
	}
}

// The clips' kernel forms against package estimators: PACT, whose scale learns as its alpha does, DoReFa and WRPN.
func TestClipsAgreeWithEstimators(t *testing.T) {
	const decay = 0.25
	for _, e := range []configs.Estimator{"pact", "dorefa", "wrpn"} {
		for _, bits := range []int{2, 4, 8} {
			c := testContext(t, true)
			s := spec(bits, e)
			if e == "pact" {
				s.Options = []configs.Setting{constant("initial_alpha", 0.75), constant("decay", decay)}
			}
			q := must(newActivationQuantizer("x", s, false, 16))
			if !q.plain() {
				t.Fatalf("%s does not run on the kernels", e)
			}
			x, g := random(1, 2, 5, 5, 16), random(2, 2, 5, 5, 16)
			if err := q.calibrateActivation(x.Float32s()); err != nil {
				t.Fatal(err)
			}
			in := c.b.Param("x", x)
			v := quantized(c, q, Value{float: in}, false)
			out, grads := gradients(t, c, v.Float(c), c.b.Input("g", g), in, c.node(q.Scale))
			est := must(s.NewEstimator(configs.Place{Scales: 1}, 0))
			var p, dp estimators.Params
			if e == "pact" {
				p, dp = estimators.Params{{0.75}}, estimators.Params{{0}}
			}
			y, dx := make([]float32, len(out)), make([]float32, len(out))
			if err := est.Forward(y, x.Float32s(), p); err != nil {
				t.Fatal(err)
			}
			if err := est.Backward(dx, dp, x.Float32s(), g.Float32s(), p); err != nil {
				t.Fatal(err)
			}
			clipped := 0
			for i := range y {
				if math.Abs(float64(out[i]-y[i])) > 1e-6 || grads[0][i] != dx[i] {
					t.Fatalf("%s %d bits: element %d (%g) gives %g with gradient %g, want %g and %g", e, bits, i, x.Float32s()[i], out[i], grads[0][i], y[i], dx[i])
				}
				if y[i] > 0.74 {
					clipped++
				}
			}
			if clipped == 0 {
				t.Errorf("%s %d bits: nothing is clipped", e, bits)
			}
			want := 0.0
			if e == "pact" { // alpha = Qp*scale, so what moves alpha by d moves the scale by d/Qp
				want = (float64(dp[0][0]) + decay*0.75) / float64(q.levelRange().Qp())
			}
			if got := float64(grads[1][0]); math.Abs(got-want) > 1e-5*math.Abs(want) {
				t.Errorf("%s %d bits: the gradient of the scale is %g, want %g", e, bits, got, want)
			}
		}
	}
}

// The integer convolution and its gradients against the float convolution of
// the dequantized operands.
func TestIntegerConvAgreesWithFloatConv(t *testing.T) {
	g := kernels.Conv{N: 2, H: 6, W: 6, Cin: 16, Cout: 20}.Square(3, 1, 1)
	for _, perChannel := range []bool{false, true} {
		x, w, dy := random(1, 2, 6, 6, 16), &Array{Name: "w", Group: networks.WeightsGroup, Value: random(2, 3, 3, 16, 20)}, random(3, 2, 6, 6, 20)
		s := spec(4, configs.LSQ)
		if perChannel {
			s.Granularity = configs.PerChannel
		}
		run := func(integer bool) ([]float32, [][]float32) {
			c := testContext(t, true)
			qx, qw := must(newActivationQuantizer("x", spec(4, configs.LSQ), true, 16)), must(newWeightQuantizer(w, s))
			xn := c.b.Param("input", x)
			xq := quantized(c, qx, Value{float: xn}, false)
			codes := qw.QuantizeWeights(c, w)
			if err := errors.Join(qw.CalibrateWeights(w.Data()), qx.calibrateActivation(x.Float32s())); err != nil {
				t.Fatal(err)
			}
			var y *G.Node
			if integer {
				y = conv2dCodes(c, "", g, qx, qw, xq.codes, codes)
			} else {
				y = conv2d(c, "", g, xq.Float(c), dequantizeKernel(c, qw, codes))
			}
			return gradients(t, c, y, c.b.Input("dy", dy), xn, c.node(w), c.node(qx.Scale), c.node(qw.Scale))
		}
		yi, gi := run(true)
		yf, gf := run(false)
		close := func(what string, a, b []float32) {
			for i := range a {
				if d := math.Abs(float64(a[i] - b[i])); d > 1e-4*(1+math.Abs(float64(b[i]))) {
					t.Fatalf("per-channel %v: %s[%d] is %g on integers, %g on floats", perChannel, what, i, a[i], b[i])
				}
			}
		}
		close("y", yi, yf)
		for i, name := range []string{"dx", "dw", "ds_x", "ds_w"} {
			close(name, gi[i], gf[i])
		}
	}
}
