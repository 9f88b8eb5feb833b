package layers

import (
	"math"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/threads"
)

// alone1 is a network of one node, whose layers are built.
func alone1(t testing.TB, in networks.Shape, op networks.Op) *layer {
	t.Helper()
	l := must(newLayers(&networks.Network{Input: in, Nodes: []networks.Node{{Name: "op", Op: op, Inputs: []string{networks.Input}}}}))[0]
	l.clock = &clock{seed: 1, step: 3}
	return l
}

// applied runs a layer in training, with the gradients of its input and arrays for the output gradient g (nil: random).
func applied(t testing.TB, l *layer, x, g *tensor.Dense, workers int) (y, dx []float32, da [][]float32, dy []float32) {
	t.Helper()
	pool := kernels.NewPool(workers)
	defer pool.Close()
	c := NewContext((*threads.Pool)(pool), true)
	from := c.b.Param("x", x)
	p := &plan{c: c}
	kinds[l.Op.Kind()].plan(p, l, []*step{p.add("x", valueOp{Value{float: from}})})
	p.end()
	to := p.run().Float(c)
	if g == nil {
		g = random(77, to.Shape()...)
	}
	wrt := []*G.Node{from}
	for _, a := range l.arrays {
		wrt = append(wrt, c.node(a))
	}
	y, grads := gradients(t, c, to, c.b.Input("g", g), wrt...)
	return slices.Clone(y), grads[0], grads[1:], g.Float32s()
}

// An operation on each element, and its gradient, against formulas written down a second time; at the corners the gradient
// is PyTorch's.
func TestElementwise(t *testing.T) {
	for _, c := range []struct {
		op networks.Op
		f  func(x, slope float64) (y, dx, dslope float64)
	}{
		{networks.ReLU6{}, func(x, _ float64) (float64, float64, float64) {
			switch {
			case x <= 0:
				return 0, 0, 0
			case x >= 6:
				return 6, 0, 0
			}
			return x, 1, 0
		}},
	} {
		in := networks.Shape{H: 5, W: 4, C: 19}
		l, x := alone1(t, in, c.op), random(1, 3, in.H, in.W, in.C)
		for i := range x.Float32s() {
			x.Float32s()[i] *= 4
		}
		copy(x.Float32s(), []float32{0, 6, -0.0, 6.0000005, 5.9999995, 1e-30, -1e-30})
		y, dx, da, dy := applied(t, l, x, nil, 2)
		slopes := make([]float32, in.C)
		if len(l.arrays) > 0 {
			slopes = l.arrays[0].Data()
		}
		sums := make([]float64, in.C)
		for i, v := range x.Float32s() {
			wantY, wantDX, ds := c.f(float64(v), float64(slopes[i%in.C]))
			sums[i%in.C] += ds * float64(dy[i])
			if y[i] != float32(wantY) || dx[i] != float32(wantDX)*dy[i] {
				t.Fatalf("%s of %g: %g with gradient %g; want %g and %g", c.op.Kind(), v, y[i], dx[i], wantY, wantDX*float64(dy[i]))
			}
		}
		for ch := range len(da) * in.C {
			if math.Abs(float64(da[0][ch])-sums[ch]) > 1e-5*(1+math.Abs(sums[ch])) {
				t.Errorf("%s: the slope of channel %d has the gradient %g; want %g", c.op.Kind(), ch, da[0][ch], sums[ch])
			}
		}
	}
}

// A convolution's bias, and a linear layer that is none of the last, which is a convolution of one pixel.
func TestBiases(t *testing.T) {
	in := networks.Shape{H: 5, W: 4, C: 3}
	for _, op := range []networks.Op{networks.Conv{Out: 7, Window: networks.Square(3, 2, 1), Bias: true}, networks.Linear{Out: 7}} {
		if op.Kind() == "linear" {
			in = networks.Shape{H: 1, W: 1, C: 60}
		}
		l := alone1(t, in, op)
		if l.last = false; op.Kind() == "linear" { // as in a longer network
			l.arrays = nil
			for _, a := range op.Arrays(l.in) {
				l.add(a, 0)
			}
		}
		w, b := l.weight().Data(), l.bias().Data()
		copy(w, random(5, len(w)).Float32s())
		copy(b, random(6, len(b)).Float32s())
		x := random(1, 4, in.H, in.W, in.C)
		y, dx, da, dy := applied(t, l, x, nil, 2)
		k, stride, pad := 3, 2, 1
		if op.Kind() == "linear" {
			k, stride, pad = 1, 1, 0
		}
		wantDX, wantDW, wantDB := make([]float64, len(dx)), make([]float64, len(w)), make([]float64, len(b))
		out := l.out
		for i, got := range y {
			o, px, py, n := i%out.C, i/out.C%out.W, i/out.C/out.W%out.H, i/out.Len()
			want := float64(b[o])
			wantDB[o] += float64(dy[i])
			for tap := range k * k {
				r, s := py*stride+tap/k-pad, px*stride+tap%k-pad
				if r < 0 || r >= in.H || s < 0 || s >= in.W {
					continue
				}
				for c := range in.C {
					xi, wi := ((n*in.H+r)*in.W+s)*in.C+c, (tap*in.C+c)*out.C+o
					want += float64(x.Float32s()[xi]) * float64(w[wi])
					wantDX[xi] += float64(dy[i]) * float64(w[wi])
					wantDW[wi] += float64(dy[i]) * float64(x.Float32s()[xi])
				}
			}
			if math.Abs(float64(got)-want) > 1e-5*(1+math.Abs(want)) {
				t.Fatalf("%s: output %d is %g, want %g", op.Kind(), i, got, want)
			}
		}
		for what, pair := range map[string]struct {
			got  []float32
			want []float64
		}{"input": {dx, wantDX}, "weight": {da[0], wantDW}, "bias": {da[1], wantDB}} {
			for i, v := range pair.want {
				if math.Abs(float64(pair.got[i])-v) > 1e-4*(1+math.Abs(v)) {
					t.Fatalf("%s: the gradient of %s %d is %g, want %g", op.Kind(), what, i, pair.got[i], v)
				}
			}
		}
	}
}

// Dropout draws by seed, name, step and place in the batch: the same with any threads, another in another step, and backward
// what it drew forward; in evaluation, and where the network is measured, there is none.
func TestDropout(t *testing.T) {
	in := networks.Shape{H: 8, W: 8, C: 32}
	l, x := alone1(t, in, networks.Dropout{Rate: 0.25}), random(1, 5, in.H, in.W, in.C)
	y, dx, _, dy := applied(t, l, x, nil, 1)
	again, _, _, _ := applied(t, l, x, nil, 2)
	if !slices.Equal(y, again) {
		t.Error("the number of threads changes what is drawn")
	}
	dropped := 0
	for i, v := range x.Float32s() {
		keep := y[i] != 0
		if !keep {
			dropped++
		}
		if keep && (y[i] != v*float32(1/0.75) || dx[i] != dy[i]*float32(1/0.75)) || !keep && dx[i] != 0 {
			t.Fatalf("element %d: %g becomes %g, with gradient %g of %g", i, v, y[i], dx[i], dy[i])
		}
	}
	if share := float64(dropped) / float64(len(y)); math.Abs(share-0.25) > 0.015 { // 3.5 standard deviations
		t.Errorf("%g of the elements are dropped; want 0.25", share)
	}
	if slices.Equal(y[:in.Len()], y[in.Len():2*in.Len()]) {
		t.Error("two images lose the same")
	}
	same := func(what string, want bool) {
		t.Helper()
		other, _, _, _ := applied(t, l, x, nil, 2)
		if slices.Equal(other, y) != want {
			t.Errorf("%s: the same is drawn: %v", what, !want)
		}
	}
	l.clock.step++
	same("another step", false)
	l.clock.step--
	same("the step again", true)
	l.clock.seed++
	same("another seed", false)
	l.clock.steady = true
	if other, _, _, _ := applied(t, l, x, nil, 2); !slices.Equal(other, x.Float32s()) {
		t.Error("a network that is measured loses elements")
	}
	c := testContext(t, false)
	p := &plan{c: c}
	s := p.add("x", valueOp{})
	if planDropout(p, l, []*step{s}) != s {
		t.Error("evaluation has a step for dropout")
	}
}

// A linear layer behind flattened pixels has the weights of files in PyTorch's order: channels, height, width. So do batch norm
// and other arrays of each element there.
func TestFlattenedOrder(t *testing.T) {
	net := &networks.Network{Input: networks.Shape{H: 3, W: 2, C: 5}}
	x := net.Add("norm", networks.BatchNorm{Eps: 1e-5, Momentum: 0.1}, net.Add("flatten", networks.Flatten{}, networks.Input))
	net.Add("last", networks.Linear{Out: 4}, net.Add("relu", networks.ReLU{}, net.Add("hidden", networks.Linear{Out: 6}, net.Add("drop", networks.Dropout{Rate: 0.5}, x))))
	n := must(New(net, &configs.Quant{}, testInput, 1))
	set := func(name string, v []float32) {
		t.Helper()
		a := n.Store.Array(name)
		if err := a.FromFile(a.Data(), v); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(a.ToFile(a.Data()), v) {
			t.Errorf("%s: files and memory do not agree", name)
		}
	}
	ones := slices.Repeat([]float32{1}, 30)
	w1, w2 := random(1, 6*30).Float32s(), random(2, 4*6).Float32s()
	b1, b2, gamma, beta, mean := random(3, 6).Float32s(), random(4, 4).Float32s(), random(5, 30).Float32s(), random(6, 30).Float32s(), random(7, 30).Float32s()
	for name, v := range map[string][]float32{"hidden.weight": w1, "hidden.bias": b1, "last.weight": w2, "last.bias": b2, "norm.weight": gamma,
		"norm.bias": beta, "norm.running_mean": mean, "norm.running_var": ones} {
		set(name, v)
	}
	for name, want := range map[string][]int{"hidden.weight": {6, 30}, "last.weight": {4, 6}, "norm.weight": {30}} {
		if got := n.Store.Array(name).FileShape(); !slices.Equal(got, want) {
			t.Errorf("%s is %v in files; want %v", name, got, want)
		}
	}
	in := random(8, 2, 3, 2, 5)
	c := testContext(t, false)
	logits := must(n.Build(c, in))
	m := must(machine.New(c.pool, machine.Options{Poison: true}, logits))
	if err := m.RunAll(); err != nil {
		t.Fatal(err)
	}
	for i, got := range logits.Value().(*tensor.Dense).Float32s() {
		image, want := in.Float32s()[i/4*30:], float64(b2[i%4])
		for h := range 6 {
			sum := float64(b1[h])
			for c := range 5 { // torch.flatten of (C, H, W)
				for y := range 3 {
					for x := range 2 {
						j := (c*3+y)*2 + x
						v := (float64(image[(y*2+x)*5+c])-float64(mean[j]))/math.Sqrt(1+1e-5)*float64(gamma[j]) + float64(beta[j])
						sum += v * float64(w1[h*30+j])
					}
				}
			}
			want += math.Max(sum, 0) * float64(w2[i%4*6+h])
		}
		if math.Abs(float64(got)-want) > 1e-4*(1+math.Abs(want)) {
			t.Errorf("logit %d is %g, want %g", i, got, want)
		}
	}
}

// A layer over flattened pixels is a convolution in integers, of images of any shape.
func TestFlattenedRectangles(t *testing.T) {
	cfg := must(configs.Load("resnet20_w4a4", nil))
	for _, stride := range []int{8, 6} {
		net := &networks.Network{Input: zoo("").Input}
		w := networks.Square(1, 8, 0)
		w.Stride.W = stride
		x := net.Add("conv", networks.Conv{Out: 3, Window: w, Bias: true}, networks.Input)
		x = net.Add("a", networks.Linear{Out: 8}, net.Add("drop", networks.Dropout{Rate: 0.1}, net.Add("flatten", networks.Flatten{}, x)))
		net.Add("b", networks.Linear{Out: 10}, x)
		n := must(New(net, &cfg.Quant, testInput, 1))
		calibrateNetwork(t, n)
		agree(t, n, 4, 1, nil)
	}
}
