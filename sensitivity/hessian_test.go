package sensitivity

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/train"
)

// second is a number with the derivatives along two directions, and the second one along both: exact, in float64.
type second struct{ v, a, b, ab float64 }

func (x second) plus(y second) second { return second{x.v + y.v, x.a + y.a, x.b + y.b, x.ab + y.ab} }

func (x second) times(y second) second {
	return second{x.v * y.v, x.a*y.v + x.v*y.a, x.b*y.v + x.v*y.b, x.ab*y.v + x.a*y.b + x.b*y.a + x.v*y.ab}
}

func (x second) scale(s float64) second { return second{s * x.v, s * x.a, s * x.b, s * x.ab} }

// of is f(x), with f' and f” there.
func (x second) of(f, d, dd float64) second {
	return second{f, d * x.a, d * x.b, d*x.ab + dd*x.a*x.b}
}

// curved is a network with all that is linear in pieces, of weights and images of 6x6 pixels.
const curved = `
model:
  network:
    nodes:
      - {name: first, conv: {out: 3, kernel: 3, pad: 1}}
      - {name: bn, batch_norm: }
      - {name: low, %s: }
      - max_pool: {kernel: 2, stride: 2}
      - {name: middle, conv: {out: 2, kernel: 3, pad: 1}}
      - {name: leaky, leaky_relu: {slope: 0.25}}
      - global_average_pool
      - {name: last, linear: {out: classes}}
data: {dataset: random, random: {height: 6, width: 6, classes: 3, images: 12, test_images: 8}}
train: {epochs: 1, batch: 4, lr: 0.1}
quant: {weights: {bits: 4}, activations: {bits: 4}}
`

// curvedLoss is the loss of an image (6, 6, 3), coded a second time. move changes what layers have and read: the weights, the
// elements that go into them.
func curvedLoss(m *train.Model, low string, x []float32, label int, weights func(layer string, i int) second, input func(layer string, i int) second) second {
	array := func(name string) []float32 { return m.Net.Store.Array(name).Data() }
	conv := func(layer string, in []second, size, from, to int) (out []second) {
		w := array(layer + ".weight")
		for i := range in {
			in[i] = in[i].plus(input(layer, i))
		}
		for i := range size {
			for j := range size {
				for o := range to {
					sum := second{}
					for k := range 9 {
						h, v := i+k/3-1, j+k%3-1
						if h < 0 || v < 0 || h >= size || v >= size {
							continue
						}
						for c := range from {
							at := (k*from+c)*to + o
							sum = sum.plus(in[(h*size+v)*from+c].times(second{v: float64(w[at])}.plus(weights(layer, at))))
						}
					}
					out = append(out, sum)
				}
			}
		}
		return out
	}
	var in []second
	for _, v := range x {
		in = append(in, second{v: float64(v)})
	}
	y := conv("first", in, 6, 3, 3)
	gamma, beta, mean, variance := array("bn.weight"), array("bn.bias"), array("bn.running_mean"), array("bn.running_var")
	for i := range y {
		c := i % 3
		f := float64(gamma[c]) / math.Sqrt(float64(variance[c])+1e-5)
		y[i] = y[i].scale(f).plus(second{v: float64(beta[c]) - float64(mean[c])*f})
		if low == "rprelu" {
			y[i].v -= float64(array("low.gamma")[c])
			if y[i].v <= 0 {
				y[i] = y[i].scale(float64(array("low.beta")[c]))
			}
			y[i].v += float64(array("low.zeta")[c])
			continue
		}
		switch v := y[i].v; {
		case v <= 0:
			slope := 0.0
			if low == "prelu" {
				slope = float64(array("low.weight")[c])
			}
			y[i] = y[i].scale(slope)
		case low == "relu6" && v >= 6:
			y[i] = second{v: 6}
		}
	}
	var pooled []second
	for i := range 3 {
		for j := range 3 {
			for c := range 3 {
				best := y[(2*i*6+2*j)*3+c]
				for _, at := range []int{2*i*6 + 2*j + 1, (2*i+1)*6 + 2*j, (2*i+1)*6 + 2*j + 1} {
					if other := y[at*3+c]; other.v > best.v {
						best = other
					}
				}
				pooled = append(pooled, best)
			}
		}
	}
	y = conv("middle", pooled, 3, 3, 2)
	averages := make([]second, 2)
	for i, v := range y {
		if v.v <= 0 {
			v = v.scale(0.25)
		}
		averages[i%2] = averages[i%2].plus(v.scale(1.0 / 9))
	}
	w, bias := array("last.weight"), array("last.bias")
	sum, logit := second{}, second{}
	for c := range 3 {
		l := second{v: float64(bias[c])}
		for i, a := range averages {
			l = l.plus(a.plus(input("last", i)).times(second{v: float64(w[i*3+c])}.plus(weights("last", i*3+c))))
		}
		e := math.Exp(l.v)
		if sum = sum.plus(l.of(e, e, e)); c == label {
			logit = l
		}
	}
	return sum.of(math.Log(sum.v), 1/sum.v, -1/(sum.v*sum.v)).plus(logit.scale(-1))
}

func curvedModel(t *testing.T, low string) *train.Model {
	t.Helper()
	cfg, err := configs.Parse("curved.yaml", fmt.Appendf(nil, curved, low))
	if err != nil {
		t.Fatal(err)
	}
	m, err := train.Open(cfg, "", 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	for _, a := range m.Net.Store.All() {
		if a.Name == "bn.running_mean" || a.Name == "bn.bias" {
			for i := range a.Data() {
				a.Data()[i] = 0.3 - 0.2*float32(i)
			}
		}
		if a.Name == "low.gamma" || a.Name == "low.zeta" {
			for i := range a.Data() {
				a.Data()[i] = 0.4*float32(i) - 0.3
			}
		}
		if a.Name == "bn.weight" {
			for i := range a.Data() {
				a.Data()[i] = 3 + float32(i) // some go beyond 6
			}
		}
	}
	return m
}

func images(t *testing.T, m *train.Model, n int) *datasets.Batch {
	t.Helper()
	l, err := datasets.NewLoader(m.Data, m.Data.Train, datasets.LoaderOptions{Batch: n, Shuffle: true, DropLast: true})
	if err != nil {
		t.Fatal(err)
	}
	it := l.Epoch(0, 0)
	t.Cleanup(it.Close)
	b, ok := it.Next()
	if !ok {
		t.Fatal(it.Err())
	}
	return b
}

func none(string, int) second { return second{} }

// The central difference of the gradient is the product of the exact Hessian with a vector, to 1e-3, through all that is linear in
// pieces; of weights, and of what layers read.
func TestHessianVectorProducts(t *testing.T) {
	for _, low := range []string{"relu", "relu6", "prelu", "rprelu"} {
		m := curvedModel(t, low)
		const n = 5
		b := images(t, m, n)
		float, err := m.Net.Float()
		if err != nil {
			t.Fatal(err)
		}
		mt := &meter{Model: m, float: float}
		for _, inputs := range []bool{false, true} {
			s, err := newSampler(mt, n, inputs, func(string) float64 { return 0.5 })
			if err != nil {
				t.Fatal(err)
			}
			if err := s.add(b.X, b.Y, 3, 0); err != nil {
				t.Fatal(err)
			}
			for i, x := range s.slope.Tensors {
				each := len(x.Values) / n // of an image
				number := func(image int) func(layer string, i int) second {
					return func(layer string, i int) second {
						v := 0.0
						for k, y := range s.slope.Tensors {
							if y.Layer != layer {
								continue
							} else if inputs {
								v = float64(s.signs[k][image*len(y.Values)/n+i])
							} else {
								v = float64(s.signs[k][i])
							}
						}
						return second{b: v}
					}
				}
				var got, want []float64
				for j := range x.Values {
					got = append(got, (float64(s.ahead[i][j])-float64(x.Gradient()[j]))/(2*s.steps[i]))
					sum := 0.0
					for image := range n {
						if inputs && j/each != image {
							continue
						}
						along, element := number(image), j
						if inputs {
							element = j % each
						}
						both := func(layer string, k int) second {
							d := along(layer, k)
							if layer == x.Layer && k == element {
								d.a = 1
							}
							return d
						}
						weights, input := both, none
						if inputs {
							weights, input = none, both
						}
						sum += curvedLoss(m, low, b.X[image*108:][:108], int(b.Y[image]), weights, input).ab / n
					}
					want = append(want, sum)
				}
				if d := distance(got, want); !(d < 1e-3) {
					t.Errorf("%s, inputs %v: Hv of %s is off by %.2g of its length; want 1e-3", low, inputs, x.Layer, d)
				}
				dot := 0.0
				for j, v := range want {
					dot += v * float64(s.signs[i][j])
				}
				if v := s.last[i]; math.Abs(v-dot) > 1e-3*length(want)*math.Sqrt(float64(len(want))) {
					t.Errorf("%s, inputs %v: v'Hv of %s is %v, want %v", low, inputs, x.Layer, v, dot)
				}
			}
		}
	}
}

func length(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return math.Sqrt(sum)
}

// distance of two vectors, in lengths of the second.
func distance(a, b []float64) float64 {
	d := slices.Clone(a)
	for i, v := range b {
		d[i] -= v
	}
	return length(d) / length(b)
}

// The trace is that of the exact Hessian within 5 %, and within three standard errors for each layer; the losses
// are the mean of the trace times the squared error, as HAWQ-V2 has it.
func TestTraces(t *testing.T) {
	m := curvedModel(t, "relu")
	b := images(t, m, 12) // all of them
	r, err := Measure(t.Context(), m, Options{Methods: []Method{Hessian}, Widths: []int{3}, Samples: 150, Images: 12, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.Samples != 150 || len(r.Traces) != 3 {
		t.Fatalf("%d samples of %d layers", r.Samples, len(r.Traces))
	}
	for _, inputs := range []bool{false, true} {
		all, exact := 0.0, 0.0
		for i, name := range []string{"first", "middle", "last"} {
			got := r.Traces[i].Weights
			elements := []int{81, 54, 6}[i]
			if inputs {
				got, elements = r.Traces[i].Activations, []int{108, 27, 2}[i]
			}
			want := 0.0
			for j := range elements {
				one := func(layer string, k int) second {
					if layer == name && k == j {
						return second{a: 1, b: 1}
					}
					return second{}
				}
				weights, input := one, none
				if inputs {
					weights, input = none, one
				}
				for image := range 12 {
					want += curvedLoss(m, "relu", b.X[image*108:][:108], int(b.Y[image]), weights, input).ab / 12
				}
			}
			all, exact = all+got.Trace, exact+want
			if got.Elements != elements || !(math.Abs(got.Trace-want) < 3*got.StdErr) {
				t.Errorf("inputs %v: the trace of %s is %v, want %v of %d elements", inputs, name, got, want, elements)
			}
			row := r.Table("hessian").Layers[i]
			loss, squares := row.Weights[0], 0.0
			if inputs {
				loss = row.Activations[0]
				noise := noiseOfInputs(t, m, name)
				squares = noise
			} else {
				squares = noiseOfWeights(t, m, name)
			}
			if w := got.Trace / float64(elements) * squares; math.Abs(loss.Value/w-1) > 1e-6 || math.Abs(loss.StdErr/(w/got.Trace*got.StdErr)-1) > 1e-6 {
				t.Errorf("inputs %v: the loss of %s is %v, want %v", inputs, name, loss, w)
			}
		}
		if !(math.Abs(all/exact-1) < 0.05) {
			t.Errorf("inputs %v: the traces add up to %v, want %v within 5 %%", inputs, all, exact)
		}
	}
}

// meterOf is a calibrated meter as Measure has it.
func meterOf(t *testing.T, m *train.Model) *meter {
	t.Helper()
	o := Options{Widths: []int{3}, Images: 12, Seed: 1}
	if err := o.fill(); err != nil {
		t.Fatal(err)
	}
	mt, err := newMeter(m, o)
	if err == nil {
		_, err = mt.calibrate(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return mt
}

func noiseOfWeights(t *testing.T, m *train.Model, layer string) (sum float64) {
	w := m.Net.Store.Array(layer + ".weight").Data()
	for i, v := range meterOf(t, m).weights[site{layer + ".weight", 3}] {
		sum += math.Pow(float64(v)-float64(w[i]), 2)
	}
	return sum
}

// noiseOfInputs is the mean over images.
func noiseOfInputs(t *testing.T, m *train.Model, layer string) (sum float64) {
	mt := meterOf(t, m)
	b := images(t, m, 12)
	probe, err := layers.NewProbe(m.Threads(), mt.float, 12)
	if err != nil {
		t.Fatal(err)
	}
	_, err = probe.Run(b.X, 12, func(at string, in []float32) error {
		if at == layer {
			y := slices.Clone(in)
			if err := mt.quantizers[site{layer + ".input", 3}].Values(y, in); err != nil {
				return err
			}
			for i, v := range in {
				sum += math.Pow(float64(y[i])-float64(v), 2) / 12
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// Steps are in root mean squares of a tensor; one of zeros has some, too, and a trace that is finite.
func TestStepsOfTensors(t *testing.T) {
	r := &ratio{size: 4}
	r.add(1, 16)
	r.add(2, 48)
	if got, want := r.rms(), math.Sqrt(64.0/8); math.Abs(got-want) > 1e-12 {
		t.Errorf("8 elements whose squares are 64 have the root mean square %v, want %v", got, want)
	}
	m := curvedModel(t, "relu")
	clear(m.Net.Store.Array("last.weight").Data())
	report, err := Measure(t.Context(), m, Options{Methods: []Method{Hessian}, Widths: []int{3}, Samples: 2, Images: 12})
	if err != nil {
		t.Fatal(err)
	}
	if e := report.Traces[2].Weights; !(e.Trace > 0 && e.Trace < 100) {
		t.Errorf("the trace of weights of 0 is %v", e)
	}
}

// The samples that an error takes grow with its square; they are at most twice those that say so, and 20,000.
func TestMoreSamples(t *testing.T) {
	for _, tt := range []struct {
		relative []float64
		n, want  int
	}{
		{[]float64{0.1}, 100, 100}, {[]float64{0.05}, 100, 100}, {[]float64{0.12}, 100, 144}, {[]float64{0.12, 0.1}, 100, 144}, {[]float64{0.3}, 100, 200},
		{[]float64{0.3}, 15000, 20000}, {[]float64{0.3}, 30000, 30000},
	} {
		mt := &meter{opt: Options{Error: 0.1}}
		var samplers []*sampler
		for _, e := range tt.relative { // of the sums of n samples whose mean is -1
			n := float64(tt.n)
			samplers = append(samplers, &sampler{sums: []differences{{-n, n * (1 + e*e*(n-1)), tt.n}}})
		}
		if got := mt.more(tt.n, samplers); got < tt.want || got > tt.want+1 {
			t.Errorf("errors of %v after %d samples take %d, want %d", tt.relative, tt.n, got, tt.want)
		}
	}
}

// Sampling goes on until every error is small enough.
func TestErrorIsMet(t *testing.T) {
	m := curvedModel(t, "relu")
	o := Options{Methods: []Method{Hessian}, Widths: []int{4}, Samples: 4, Images: 12}
	few, err := Measure(t.Context(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Error = 0.2
	more, err := Measure(t.Context(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	worst := func(r *Report) (worst float64) {
		for _, l := range r.Traces {
			worst = max(worst, l.Weights.Relative(), l.Activations.Relative())
		}
		return worst
	}
	if few.Samples != 4 || worst(few) <= 0.2 || worst(more) > 0.2 || more.Samples <= 4 {
		t.Errorf("errors of %.2f from %d samples, and of %.2f from %d; want 4 that are not enough, and as many as are", worst(few), few.Samples, worst(more), more.Samples)
	}
}
