package layers

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/networks"
)

// eachMethod calls check with every method, at 4 bits or its most, for weights per tensor and per channel where it has that,
// and for activations; unless few is false, at its fewest bits too, and with a zero point.
func eachMethod(t *testing.T, few bool, check func(t *testing.T, s configs.TensorSpec, weights bool)) {
	seen := map[string]bool{}
	for _, m := range estimators.Methods() {
		for _, weights := range []bool{true, false} {
			for _, granularity := range []configs.Granularity{configs.PerTensor, configs.PerChannel} {
				most := min(m.MaxBits, 4)
				for bits := m.MinBits; bits <= most; bits += max(most-m.MinBits, 1) {
					if weights && !m.Weights || !weights && (!m.Activations || granularity == configs.PerChannel) || !few && bits < most {
						continue
					}
					s := spec(bits, configs.Estimator(m.Name))
					s.Granularity = granularity
					place := configs.Place{Weights: weights, Signed: weights, Scales: 1}
					if granularity == configs.PerChannel {
						place.Scales = 8
					}
					if _, err := s.NewEstimator(place, 0); err != nil {
						continue // such as one bit with a sign, or a codebook for each channel; configs refuse it
					}
					seen[m.Name] = true
					name := fmt.Sprintf("%s %d bits weights %t %s", m.Name, bits, weights, granularity)
					t.Run(name, func(t *testing.T) { check(t, s, weights) })
					if few && slices.ContainsFunc(m.Options, func(o estimators.Option) bool { return o.Name == "zero_point" }) {
						s.Options = []configs.Setting{constant("zero_point", 1)}
						t.Run(name+" zero point", func(t *testing.T) { check(t, s, weights) })
					}
				}
			}
		}
		if !seen[m.Name] {
			t.Errorf("%s was not tried", m.Name)
		}
	}
}

// The graph's operations against the estimators themselves, which golden values test: values, gradients of the tensor
// and of everything learned, noise included.
func TestMethodsAgreeWithEstimators(t *testing.T) {
	eachMethod(t, true, func(t *testing.T, s configs.TensorSpec, weights bool) {
		c := testContext(t, true)
		q, x, y, in := methodInGraph(t, c, s, weights)
		if q.plain() && (!weights || q.is.Static) {
			t.Skip("it has kernels, which another test compares")
		}
		q.clock.seed, q.clock.step = 7, 3
		wrt := []*G.Node{in}
		for _, p := range q.learned {
			wrt = append(wrt, c.node(p))
		}
		dy := random(2, y.Shape()...)
		out, grads := gradients(t, c, y, c.b.Input("dy", dy), wrt...)

		pieces, size := 1, len(x)
		if !weights {
			pieces, size = 3, len(x)/3
		}
		sums := make([][]float64, len(q.learned))
		for i, p := range q.learned {
			sums[i] = make([]float64, len(p.Data()))
		}
		for n := range pieces {
			est := must(q.estimator(true, n))
			px, pdy := x[n*size:][:size], dy.Float32s()[n*size:][:size]
			wantY, wantDX := make([]float32, size), make([]float32, size)
			var dp estimators.Params
			for _, p := range q.learned {
				dp = append(dp, make([]float32, len(p.Data())))
			}
			if err := est.Forward(wantY, px, q.params()); err != nil {
				t.Fatal(err)
			}
			if err := est.Backward(wantDX, dp, px, pdy, q.params()); err != nil {
				t.Fatal(err)
			}
			for i := range wantY {
				if !approx(out[n*size+i], wantY[i]) || !approx(grads[0][n*size+i], wantDX[i]) {
					t.Fatalf("element %d of piece %d, %g: %g with gradient %g, want %g with %g", i, n, px[i], out[n*size+i], grads[0][n*size+i], wantY[i], wantDX[i])
				}
			}
			for i := range dp {
				for j, d := range dp[i] {
					sums[i][j] += float64(d)
				}
			}
		}
		for i, p := range q.learned {
			for j, want := range sums[i] {
				if !approx(grads[1+i][j], float32(want)) {
					t.Errorf("gradient of %s[%d] is %g, want %g", p.Name, j, grads[1+i][j], want)
				}
			}
		}
	})
}

// Scales that calibration finds follow the weights in training, and stay in evaluation.
func TestStaticScales(t *testing.T) {
	w := newLearned("w", networks.WeightsGroup, 3, 3, 4, 8)
	q := must(newWeightQuantizer(w, spec(4, configs.Affine)))
	x := random(1, 3, 3, 4, 8).Float32s()
	if err := q.CalibrateWeights(x); err != nil {
		t.Fatal(err)
	}
	first := q.Scale.Data()[0]
	for i := range x {
		x[i] *= 2
	}
	for _, train := range []bool{false, true} {
		if err := q.update(train, x); err != nil {
			t.Fatal(err)
		}
		if got := q.Scale.Data()[0]; got != map[bool]float32{false: first, true: 2 * first}[train] {
			t.Errorf("training %v: the scale is %v, and was %v for half the weights", train, got, first)
		}
	}
}

// What has to stay positive, as scales do, has a floor; what has not, such as an offset, has none.
func TestFloorsOfParameters(t *testing.T) {
	q := must(newActivationQuantizer("x", spec(4, "lsq_plus"), false, 1))
	for i, l := range q.first.Params() {
		if a := q.learned[i]; l.Positive != (l.Name == "scale") || (a.Floor == estimators.MinScale) != l.Positive || (a.Floor == 0) == l.Positive {
			t.Errorf("%s has the floor %v; it is positive: %v", a.Name, a.Floor, l.Positive)
		}
	}
}

// Weights of every method whose values are integers times a scale run in integers, to the same logits; activations of
// methods without kernels do not.
func TestMethodsLower(t *testing.T) {
	eachMethod(t, false, func(t *testing.T, s configs.TensorSpec, weights bool) {
		if s.LearnsBits() { // and has levels of LSQ in the end: TestTakeBits
			return
		}
		tensor := "weights"
		if !weights {
			tensor = "activations"
		}
		overrides := []string{fmt.Sprintf("quant.%s={estimator: %s, bits: %d, granularity: %s}", tensor, s.Estimator, s.Bits, s.Granularity),
			"quant.layers[conv1|linear]={weights: {bits: 8, estimator: lsq}, activations: {bits: 8, estimator: lsq}}"}
		if !weights && s.Bits == 1 { // signs
			overrides = append(overrides, "model.block=bireal", "quant.residual=fp")
		}
		net := calibrated(t, "resnet20_w4a4", overrides...)
		q := net.layer("layer1.0.conv1").weights
		if !weights {
			q = net.layer("layer1.0.conv1").input
		}
		_, err := net.Lower("test")
		var e *NotIntegerError
		switch inIntegers := weights && q.integral(false) || !weights && q.even(); {
		case inIntegers:
			agree(t, net, 2, 2, overrides)
		case !errors.As(err, &e):
			t.Errorf("%v, want a NotIntegerError", err)
		}
		if foretold := testNetwork(t, "resnet20_w4a4", overrides...).IntegerForm(); fmt.Sprint(foretold) != fmt.Sprint(err) {
			t.Errorf("%v, foretold without scales: %v", err, foretold)
		}
	})
}

func approx(a, b float32) bool { return math.Abs(float64(a-b)) <= 1e-5*(1+math.Abs(float64(b))) }

// methodInGraph quantizes random weights, or three pictures with values of both signs, in training.
func methodInGraph(t *testing.T, c *Context, s configs.TensorSpec, weights bool) (q *Quantizer, x []float32, y, in *G.Node) {
	t.Helper()
	if !weights {
		data := random(1, 3, 5, 5, 8)
		q = must(newActivationQuantizer("x.input", s, false, 8))
		calibrate(t, q, data.Float32s())
		in = c.b.Param("x", data)
		v := quantized(c, q, Value{float: in}, false)
		return q, data.Float32s(), v.Float(c), in
	}
	w := newLearned("w.weight", networks.WeightsGroup, 3, 3, 4, 8)
	copy(w.Data(), random(1, 3, 3, 4, 8).Float32s())
	for i := range w.Data() {
		w.Data()[i] *= 0.1
	}
	q = must(newWeightQuantizer(w, s))
	calibrate(t, q, w.Data())
	y = q.QuantizeWeights(c, w)
	if q.integral(c.Train) {
		y = dequantizeKernel(c, q, y)
	}
	return q, w.Data(), y, c.node(w)
}

func calibrate(t *testing.T, q *Quantizer, x []float32) {
	t.Helper()
	if q.plain() {
		for i := range q.Scale.Data() {
			q.Scale.Data()[i] = 1
		}
	} else if err := q.CalibrateWeights(x); err != nil {
		t.Fatal(err)
	}
}

// The basis of LQ-Nets moves with every training batch, also of activations, and not in evaluation.
func TestStateFollowsTraining(t *testing.T) {
	for _, train := range []bool{true, false} {
		for _, weights := range []bool{true, false} {
			c := testContext(t, train)
			q, _, y, in := methodInGraph(t, c, spec(2, "lq_nets"), weights)
			before := append([]float32(nil), q.state[0].Data()...)
			gradients(t, c, y, c.b.Input("dy", random(2, y.Shape()...)), in)
			moved := fmt.Sprint(before) != fmt.Sprint(q.state[0].Data())
			if updates := q.updates.Data()[0]; moved != train || (updates == 2) != train {
				t.Errorf("training %t, weights %t: the basis moved: %t, after %g updates", train, weights, moved, updates)
			}
		}
	}
}
