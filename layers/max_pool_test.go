package layers

import (
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/networks/networkstest"
)

// pooledNetwork has the quantizers of a config.
func pooledNetwork(t testing.TB, overrides ...string) *Network {
	t.Helper()
	cfg, err := configs.Load("resnet20_w4a4", overrides)
	if err != nil {
		t.Fatal(err)
	}
	return must(New(networkstest.Pooled(zoo("").Input, 10), &cfg.Quant, testInput, 1))
}

// naivePool is max pooling and its gradient by definition.
func naivePool(op networks.MaxPool, in, out networks.Shape, x, dy []float32) (y, dx []float32) {
	y, dx = make([]float32, len(dy)), make([]float32, len(x))
	for o := range dy {
		c, j, i, n := o%out.C, o/out.C%out.W, o/out.C/out.W%out.H, o/out.Len()
		best := -1
		for tap := range op.Kernel.H * op.Kernel.W {
			r, s := i*op.Stride.H+tap/op.Kernel.W-op.Pad.Top, j*op.Stride.W+tap%op.Kernel.W-op.Pad.Left
			if at := n*in.Len() + (r*in.W+s)*in.C + c; r >= 0 && r < in.H && s >= 0 && s < in.W && (best < 0 || x[at] > x[best]) {
				best = at
			}
		}
		y[o] = x[best]
		dx[best] += dy[o]
	}
	return y, dx
}

// Values and gradients, of floats and of codes, on Gorgonia's tape machine and on ours.
func TestMaxPool(t *testing.T) {
	testMaxPool(t, networks.MaxPool{Window: networks.Square(3, 2, 1), Ceil: true})
	testMaxPool(t, networks.MaxPool{Window: networks.Window{Kernel: networks.Size{H: 2, W: 4}, Stride: networks.Size{H: 3, W: 1}, Pad: networks.Pad{Left: 2, Bottom: 1, Right: 1}}})
}

func testMaxPool(t *testing.T, op networks.MaxPool) {
	t.Helper()
	in := networks.Shape{H: 6, W: 5, C: 20}
	layers := must(newLayers(&networks.Network{Input: in, Nodes: []networks.Node{{Name: "pool", Op: op, Inputs: []string{networks.Input}}}}))
	out := layers[0].out
	x, g := random(1, 2, in.H, in.W, in.C), random(2, 2, out.H, out.W, out.C)
	code := tensor.New(tensor.Of(tensor.Uint8), tensor.WithShape(2, in.H, in.W, in.C))
	levelsOf := kernels.Uniform{Scale: 0.5, Qn: -2, Qp: 1, ZeroPoint: 2}
	kernels.QuantizeRow(code.Uint8s(), x.Float32s(), &levelsOf)
	levels := make([]float32, len(x.Float32s()))
	kernels.DequantizeRow(levels, code.Uint8s(), &levelsOf)
	q := must(newActivationQuantizer("x", configs.TensorSpec{Estimator: configs.LSQ, Bits: 2, STE: configs.STEAuto}, true, in.C))
	q.Scale.Data()[0] = 0.5
	for _, codes := range []bool{false, true} {
		values := x.Float32s()
		if codes {
			values = levels
		}
		y, dx := naivePool(op, in, out, values, g.Float32s())
		build := func() (c *Context, from, to *G.Node) {
			c = testContext(t, true)
			from = c.b.Param("x", x)
			v := Value{float: from}
			if codes {
				v = Value{codes: straight(c, from, code.Uint8s()), quant: q}
			}
			p := &plan{c: c}
			s := planMaxPool(p, layers[0], []*step{p.add("x", valueOp{v})})
			if s.givesCodes(c) != codes {
				t.Fatalf("codes %v: gives codes %v", codes, !codes)
			}
			p.end()
			v = *p.run()
			return c, from, v.Float(c)
		}
		c, from, to := build()
		got, grads := gradients(t, c, to, c.b.Input("g", g), from)
		if !slices.Equal(got, y) || !slices.Equal(grads[0], dx) {
			t.Errorf("codes %v: values or gradient are not those of the definition", codes)
		}
		c, from, to = build()
		nodes := must(c.b.Grad(weighted(c, to, c.b.Input("g", g)), from))
		vm := G.NewTapeMachine(c.b.Graph())
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(to.Value().(*tensor.Dense).Float32s(), y) || !slices.Equal(nodes[0].Value().(*tensor.Dense).Float32s(), dx) {
			t.Errorf("codes %v: the tape machine gives something else", codes)
		}
		vm.Close()
	}
}

// straight gives codes whose gradient passes to x as it is.
func straight(c *Context, x *G.Node, code []uint8) *G.Node {
	return c.b.Apply(graph.Op{
		Name: "codes", In: []graph.Arg{f32(4)}, Out: graph.Arg{Dtype: tensor.Uint8, Rank: 4}, Shape: sameShape(0),
		Forward:  func(k *graph.Call) error { copy(k.OutU8(), code); return nil },
		Wrt:      []bool{true},
		Gradient: func(_ []*G.Node, _, dout *G.Node) []*G.Node { return []*G.Node{dout} },
	}, x)
}

// A quantizer before max pooling gives the codes of one after it, by every method with evenly spaced levels.
func TestPoolCodes(t *testing.T) {
	for _, method := range []string{"lsq", "affine", "pact", "dorefa", "stochastic", "wrpn"} {
		net := calibratedPooled(t, "quant.activations={estimator: "+method+", bits: 3}")
		x, _ := batch(2)
		run := func(off ...rewrite) (codes []uint8, pooled bool) {
			c := testContext(t, false)
			without(c, append(off, foldBatchNorm)...) // which makes one rounding of two
			p := newPlan(c, net.layers, nil)
			p.emit(c.b.Input("x", x))
			var out *G.Node
			for i, s := range p.steps {
				if s.name == "conv5" {
					out = s.in[0].out.codes
					_, pooled = p.steps[i-1].op.(maxPoolOp)
				}
			}
			m := must(machine.New(c.pool, machine.Options{}, out))
			if err := m.RunAll(); err != nil {
				t.Fatal(err)
			}
			return out.Value().(*tensor.Dense).Uint8s(), pooled
		}
		c := testContext(t, true)
		for _, s := range newPlan(c, net.layers, nil).steps {
			if s.name == "conv5" {
				if _, ok := s.in[0].op.(maxPoolOp); ok {
					t.Errorf("%s: the quantizer stands before the pooling in training, and learns from other values", method)
				}
			}
		}
		after, last := run(moveCodes)
		before, first := run()
		if last || !first {
			t.Errorf("%s: the pooling is last with the rewrite %v, without %v", method, first, last)
		}
		if !slices.Equal(before, after) || slices.Min(before) == slices.Max(before) {
			t.Errorf("%s: codes %v, behind the pooling %v", method, before, after)
		}
	}
}

// Codes are pooled before they move to another quantizer: there are fewer then.
func TestPoolingBeforeRequantizing(t *testing.T) {
	net, c := calibratedPooled(t), testContext(t, false)
	q := net.layer("conv4").input
	p := &plan{c: c}
	x := p.add("x", valueOp{Value{codes: straight(c, c.b.Input("x", random(1, 1, 32, 32, 16)), nil), quant: q}})
	s := p.add("requantize", quantizeOp{q: q}, planMaxPool(p, net.layer("pool1"), []*step{x}))
	p.end()
	if _, ok := s.in[0].op.(maxPoolOp); !ok || s.name != "requantize" {
		t.Errorf("%s follows a %T; want the pooling", s.name, s.in[0].op)
	}
}

// calibratedPooled is pooledNetwork with scales from a random batch.
func calibratedPooled(t *testing.T, overrides ...string) *Network {
	t.Helper()
	net := pooledNetwork(t, overrides...)
	x, _ := batch(6)
	calibrateOn(t, net, 2, x)
	return net
}

// What keeps max pooling from codes is said before anything is trained.
func TestPoolingOfFloats(t *testing.T) {
	cfg, err := configs.Load("resnet20_w4a4", []string{"quant.residual=fp"})
	if err != nil {
		t.Fatal(err)
	}
	node := func(name string, op networks.Op, in ...string) networks.Node {
		return networks.Node{Name: name, Op: op, Inputs: in}
	}
	pool := networks.MaxPool{Window: networks.Square(2, 2, 0)}
	for want, nodes := range map[string][]networks.Node{
		"bn1, pool, average_pool cannot run in integers: what it gives is not quantized before something else reads it": {
			node("pool", pool, "bn1"), node("average_pool", networks.GlobalAveragePool{}, "pool"), node("linear", networks.Linear{Out: 2}, "average_pool"),
		},
	} {
		net := must(New(&networks.Network{Input: networks.Shape{H: 8, W: 8, C: 3}, Nodes: append(convNorm("1", 4, 1, networks.Input), nodes...)}, &cfg.Quant, testInput, 1))
		if err := net.IntegerForm(); err == nil || err.Error() != want {
			t.Errorf("%v; want %s", err, want)
		}
	}
}
