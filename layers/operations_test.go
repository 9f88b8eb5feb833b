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
		{networks.LeakyReLU{Slope: 0.25}, func(x, _ float64) (float64, float64, float64) {
			if x > 0 {
				return x, 1, 0
			}
			return 0.25 * x, 0.25, 0
		}},
		{networks.PReLU{}, func(x, slope float64) (float64, float64, float64) {
			if x > 0 {
				return x, 1, 0
			}
			return slope * x, slope, x
		}},
	} {
		in := networks.Shape{H: 5, W: 4, C: 19}
		l, x := alone1(t, in, c.op), random(1, 3, in.H, in.W, in.C)
		for i := range x.Float32s() {
			x.Float32s()[i] *= 4
		}
		copy(x.Float32s(), []float32{0, 6, float32(math.Copysign(0, -1)), 6.0000005, 5.9999995, 1e-30, -1e-30})
		slopes := make([]float32, in.C)
		if len(l.arrays) > 0 { // powers of two, so that products are exact
			slopes = l.arrays[0].Data()
			for c := range slopes {
				slopes[c] = []float32{0.25, -0.5, 2}[c%3]
			}
		}
		y, dx, da, dy := applied(t, l, x, nil, 2)
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

// Average pooling in windows is PyTorch 1.13's, and so is its gradient (testdata/average_pool.py).
func TestAverageWindows(t *testing.T) {
	for _, c := range []struct {
		op    networks.AveragePool
		y, dx []float32
	}{
		{networks.AveragePool{Window: networks.Square(3, 2, 1), CountPad: true},
			[]float32{-0.55555558, 0.66666669, -0.33333334, 0.22222222, 0.11111111, 0.44444445},
			[]float32{0.11111111, 0.33333334, 0.22222222, 0.22222222, 0.44444445, 1.1111112, 0.66666669, 0.66666669, 0.33333334, 0.77777779, 0.44444445, 0.44444445, 0.88888896, 2, 1.1111112, 1.1111112, 0.55555558, 1.2222223, 0.66666669, 0.66666669}},
		{networks.AveragePool{Window: networks.Square(3, 2, 1)},
			[]float32{-1.25, 1, -0.5, 0.22222222, 0.25, 0.66666669},
			[]float32{0.25, 0.58333337, 0.33333334, 0.33333334, 0.75, 1.5277778, 0.77777779, 0.77777779, 0.5, 0.94444442, 0.44444445, 0.44444445, 1.75, 3.1944444, 1.4444444, 1.4444444, 1.25, 2.25, 1, 1}},
		{networks.AveragePool{Window: networks.Square(3, 2, 1), Ceil: true, CountPad: true},
			[]float32{-0.55555558, 0.66666669, 0.83333331, -0.33333334, 0.22222222, -0.66666669, 0.11111111, 0.44444445, -0.5},
			[]float32{0.11111111, 0.33333334, 0.22222222, 0.72222221, 0.55555558, 1.3333334, 0.77777779, 2.2777777, 0.44444445, 1, 0.55555558, 1.5555556, 1.2222222, 2.6666667, 1.4444444, 3.9444444, 0.77777779, 1.6666667, 0.8888889, 2.3888888}},
		{networks.AveragePool{Window: networks.Square(3, 2, 1), Ceil: true},
			[]float32{-1.25, 1, 2.5, -0.5, 0.22222222, -1.3333334, 0.25, 0.66666669, -1.5},
			[]float32{0.25, 0.58333337, 0.33333334, 1.8333334, 0.91666669, 1.8055556, 0.88888896, 4.3888888, 0.66666669, 1.2222223, 0.55555558, 2.5555556, 2.4166667, 4.3055558, 1.888889, 8.3888893, 1.75, 3.0833335, 1.3333334, 5.8333335}},
		{networks.AveragePool{Window: networks.Square(2, 3, 0), Ceil: true, CountPad: true},
			[]float32{-1.25, 2.5, 0.25, -1.5}, []float32{0.25, 0.25, 0, 1, 0.25, 0.25, 0, 1, 0, 0, 0, 0, 0.75, 0.75, 0, 2, 0.75, 0.75, 0, 2}},
		{networks.AveragePool{Window: networks.Window{Kernel: networks.Size{H: 2, W: 3}, Stride: networks.Size{H: 1, W: 2}, Pad: networks.Pad{Top: 1, Left: 1, Bottom: 1, Right: 1}}, Ceil: true, CountPad: true},
			[]float32{-0.5, 0.83333331, 1.25, -0.83333331, 1, 1.25, -0.5, -0.33333334, -1.25, -0.16666667, 0.16666667, -1, 0.16666667, 0.66666669, -0.75, 0.16666667, 0, -1},
			[]float32{0.83333337, 2, 1.1666666, 3.4166667, 1.8333333, 4, 2.1666667, 5.9166665, 2.8333333, 6, 3.1666667, 8.416667, 3.8333335, 8, 4.1666665, 10.916667, 4.8333335, 10, 5.1666665, 13.416666}},
		{networks.AveragePool{Window: networks.Window{Kernel: networks.Size{H: 5, W: 4}, Stride: networks.Size{H: 1, W: 1}, Pad: networks.Pad{Top: 1, Left: 1, Bottom: 1, Right: 1}}, CountPad: true}, // as large as the image
			[]float32{0, 0.050000001, 0.34999999, 0.050000001, -0.1, 0.34999999, 0.30000001, -0.1, 0.1},
			[]float32{0.60000002, 1.05, 1.05, 0.80000001, 1.35, 2.25, 2.25, 1.6500001, 1.35, 2.25, 2.25, 1.6500001, 1.35, 2.25, 2.25, 1.6500001, 1.1999999, 1.95, 1.95, 1.4000001}},
	} {
		const channels, images = 3, 2 // all alike, but for the sign
		x := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(images, 5, 4, channels))
		sign := func(i int) float32 { return []float32{1, -1, 2}[i%channels] }
		for i := range x.Float32s() {
			x.Float32s()[i] = sign(i) * float32(7*(i/channels%20)%11-5)
		}
		l := alone1(t, networks.Shape{H: 5, W: 4, C: channels}, c.op)
		g := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(images, l.out.H, l.out.W, channels))
		for i := range g.Float32s() {
			g.Float32s()[i] = sign(i) * float32(i/channels%len(c.y)+1)
		}
		y, dx, _, _ := applied(t, l, x, g, 2)
		for what, pair := range map[string][2][]float32{"value": {y, c.y}, "gradient": {dx, c.dx}} {
			for i, v := range pair[0] {
				want := sign(i) * pair[1][i/channels%len(pair[1])]
				if math.Abs(float64(v-want)) > 1e-6*math.Abs(float64(want)) {
					t.Errorf("%+v: %s %d is %g, want %g", c.op, what, i, v, want)
				}
			}
		}
	}
}

// The channels of each part stand in the joint image, and go back with the gradient.
func TestConcat(t *testing.T) {
	c := testContext(t, true)
	o := concatOp{channels: []int{3, 1, 5}, out: 9}
	var parts, wrt []*G.Node
	var values [][]float32
	for i, ch := range o.channels {
		v := random(uint64(i), 2, 3, 2, ch)
		parts, values = append(parts, c.b.Param(string(rune('a'+i)), v)), append(values, v.Float32s())
	}
	wrt = parts
	g := random(9, 2, 3, 2, 9)
	y, grads := gradients(t, c, o.join(c, "concat", parts), c.b.Input("g", g), wrt...)
	for i := range y {
		pixel, ch, from := i/9, i%9, 0
		for ch >= o.channels[from] {
			ch -= o.channels[from]
			from++
		}
		at := pixel*o.channels[from] + ch
		if y[i] != values[from][at] || grads[from][at] != g.Float32s()[i] {
			t.Fatalf("element %d is %g with the gradient %g; want %g and %g", i, y[i], grads[from][at], values[from][at], g.Float32s()[i])
		}
	}
}

// Tables hold what the functions make of the codes' values: without the rewrite the codes are the same.
func TestLookupIsTheFunctions(t *testing.T) {
	for _, overrides := range [][]string{{}, {"quant.activations.estimator=affine"}, {"quant.activations={estimator: stochastic, bits: 5}"}} {
		net := smallNetwork(t, small[len(small)-1].build, overrides...)
		for _, l := range net.layers { // negative slopes and factors, too
			for _, a := range l.arrays {
				if l.Op.Kind() == "prelu" || l.norm != nil && a == l.norm.Gamma {
					a.Data()[0], a.Data()[1] = -1.5, 0
				}
			}
		}
		run := func(off ...rewrite) map[string][]uint8 {
			c := testContext(t, false)
			without(c, off...)
			x, _ := batch(3)
			p := newPlan(c, net.layers, nil)
			p.emit(c.b.Input("x", x))
			codes := map[string][]uint8{}
			var nodes []*G.Node
			var names []string
			for _, s := range p.steps {
				if _, table := s.op.(lookupOp); s.out.codes != nil && (table || len(off) > 0) {
					nodes, names = append(nodes, s.out.codes), append(names, s.name)
				}
			}
			m := must(machine.New(c.pool, machine.Options{}, nodes...))
			if err := m.RunAll(); err != nil {
				t.Fatal(err)
			}
			for i, n := range nodes {
				codes[names[i]] = n.Value().(*tensor.Dense).Uint8s()
			}
			return codes
		}
		tables, functions := run(), run(lookup)
		if len(tables) != 5 {
			t.Errorf("%v: %d tables; want 5", overrides, len(tables))
		}
		for name, codes := range tables {
			if !slices.Equal(codes, functions[name]) {
				t.Errorf("%v: the table of %s gives other codes than the functions", overrides, name)
			}
		}
	}
}
