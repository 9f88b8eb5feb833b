package layers_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/layers"
)

func dense(data []float32, shape ...int) *tensor.Dense {
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))
}

// A linear model of one's own, built with Gorgonia alone, with 4-bit weights: it is trained with Gorgonia's solver, and its
// integer weights are read.
func ExampleNewFakeQuant() {
	g := G.NewGraph()
	x := G.NewMatrix(g, tensor.Float32, G.WithName("x"), G.WithValue(dense([]float32{1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1}, 4, 3)))
	want := G.NewMatrix(g, tensor.Float32, G.WithName("want"), G.WithValue(dense([]float32{0.5, -1, 0.25, -0.25}, 4, 1)))
	w := G.NewMatrix(g, tensor.Float32, G.WithName("w"), G.WithValue(dense([]float32{0.1, -0.1, 0.1}, 3, 1)))

	q, err := layers.NewFakeQuant(w, layers.Fake{Name: "w_quantizer", Method: "lsq", Bits: 4, Weights: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := q.Init(w.Value().Data().([]float32)); err != nil {
		fmt.Println(err)
		return
	}
	loss := G.Must(G.Mean(G.Must(G.Square(G.Must(G.Sub(G.Must(G.Mul(x, q.Output())), want))))))
	learnables := append(G.Nodes{w}, q.Learnables()...)
	if _, err := G.Grad(loss, learnables...); err != nil {
		fmt.Println(err)
		return
	}
	vm := G.NewTapeMachine(g, G.BindDualValues(learnables...))
	defer vm.Close()
	solver := G.NewVanillaSolver(G.WithLearnRate(0.1))
	for range 200 {
		if err := vm.RunAll(); err != nil {
			fmt.Println(err)
			return
		}
		if err := solver.Step(G.NodesToValueGrads(learnables)); err != nil {
			fmt.Println(err)
			return
		}
		vm.Reset()
	}
	codes, _, err := q.Codes(w.Value().Data().([]float32))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("codes", codes)
	// Output:
	// codes [4 -8 2]
}

// Values and gradients are those of package estimators, on Gorgonia's tape machine, for every method.
func TestFakeQuant(t *testing.T) {
	rows, channels := 3, 4
	data, dy := make([]float32, rows*channels), make([]float32, rows*channels)
	for i := range data {
		data[i], dy[i] = float32(math.Sin(float64(3*i+1))), float32(math.Cos(float64(2*i)))
	}
	tried := 0
	for _, m := range estimators.Methods() {
		for _, weights := range []bool{true, false} {
			if weights && !m.Weights || !weights && !m.Activations {
				continue
			}
			f := layers.Fake{Name: "q", Method: m.Name, Bits: max(m.MinBits, min(4, m.MaxBits)), Weights: weights, Signed: m.Name != "hwgq"} // which has no signed levels
			g := G.NewGraph()
			x := G.NewMatrix(g, tensor.Float32, G.WithName("x"), G.WithValue(dense(slices.Clone(data), rows, channels)))
			q, err := layers.NewFakeQuant(x, f)
			if err != nil {
				t.Fatalf("%s: %v", m.Name, err)
			}
			if err := q.Init(data); err != nil {
				t.Fatalf("%s: %v", m.Name, err)
			}
			tried++
			gy := G.NewMatrix(g, tensor.Float32, G.WithName("dy"), G.WithValue(dense(slices.Clone(dy), rows, channels)))
			loss := G.Must(G.Sum(G.Must(G.HadamardProd(q.Output(), gy))))
			wrt := append(G.Nodes{x}, q.Learnables()...)
			grads, err := G.Grad(loss, wrt...)
			if err != nil {
				t.Fatalf("%s: %v", m.Name, err)
			}
			vm := G.NewTapeMachine(g)
			if err := vm.RunAll(); err != nil {
				t.Fatalf("%s: %v", m.Name, err)
			}
			spec := configs.TensorSpec{Estimator: configs.Estimator(m.Name), Bits: configs.Bits(f.Bits), STE: configs.STEAuto}
			n := rows * channels
			if !weights {
				n = channels
			}
			est, err := spec.NewEstimator(configs.Place{Weights: weights, Signed: weights || f.Signed, Scales: 1, N: n}, 0)
			if err != nil {
				t.Fatal(err)
			}
			var p, dp estimators.Params
			for _, l := range q.Learnables() {
				v := l.Value().Data().([]float32)
				p, dp = append(p, v), append(dp, make([]float32, len(v)))
			}
			if s, ok := est.(estimators.Stateful); ok {
				var state estimators.Params
				for _, l := range s.State(len(data)) {
					state = append(state, make([]float32, l.Len))
				}
				if err := s.Update(state, data, p, 0); err != nil {
					t.Fatal(err)
				}
				est = s.WithState(state)
			}
			y, dx := make([]float32, len(data)), make([]float32, len(data))
			if err := est.Forward(y, data, p); err != nil {
				t.Fatal(err)
			}
			if err := est.Backward(dx, dp, data, dy, p); err != nil {
				t.Fatal(err)
			}
			if e, ok := est.(estimators.Penalized); ok {
				for i, d := range e.Decay() {
					dp[i][0] += float32(d) * p[i][0]
				}
			}
			if got := q.Output().Value().Data().([]float32); !slices.Equal(got, y) {
				t.Errorf("%s, weights %v: y is %v, want %v", m.Name, weights, got, y)
			}
			for i, want := range append([][]float32{dx}, dp...) {
				if got := grads[i].Value().Data().([]float32); !slices.Equal(got, want) {
					t.Errorf("%s, weights %v: gradient %d is %v, want %v", m.Name, weights, i, got, want)
				}
			}
			vm.Close()
		}
	}
	if tried < 35 {
		t.Errorf("%d methods were tried", tried)
	}
}

// Codes of each channel, also of a method that learns nothing: scale*code is the output.
func TestFakeQuantChannels(t *testing.T) {
	data := []float32{0.1, -2, 0.3, 4, -0.2, 1}
	for _, method := range []string{"bwn", "lsq", "affine"} {
		x := G.NewMatrix(G.NewGraph(), tensor.Float32, G.WithName("x"), G.WithValue(dense(slices.Clone(data), 3, 2)))
		bits := 4
		if method == "bwn" {
			bits = 1
		}
		q, err := layers.NewFakeQuant(x, layers.Fake{Name: "q", Method: method, Bits: bits, Weights: true, Scales: 2})
		if err != nil {
			t.Fatal(err)
		}
		if err := q.Init(data); err != nil {
			t.Fatal(err)
		}
		vm := G.NewTapeMachine(x.Graph())
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		codes, scale, err := q.Codes(data)
		if err != nil || len(scale) != 2 || scale[0] == scale[1] {
			t.Fatalf("%s: scales %v, %v", method, scale, err)
		}
		for i, y := range q.Output().Value().Data().([]float32) {
			if float32(codes[i])*scale[i%2] != y {
				t.Errorf("%s: code %d of scale %v for %v", method, codes[i], scale[i%2], y)
			}
		}
		vm.Close()
	}
}

// What draws at random does so in training, by the step; what a solver leaves is brought back.
func TestFakeQuantTraining(t *testing.T) {
	data := []float32{0.26, -0.74, 0.24, 0.9, -0.3, 0.11}
	x := G.NewMatrix(G.NewGraph(), tensor.Float32, G.WithName("x"), G.WithValue(dense(slices.Clone(data), 3, 2)))
	q, err := layers.NewFakeQuant(x, layers.Fake{Name: "q", Method: "stochastic", Bits: 4, Weights: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Init(data); err != nil {
		t.Fatal(err)
	}
	vm := G.NewTapeMachine(x.Graph())
	defer vm.Close()
	run := func() []float32 {
		defer vm.Reset()
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		return slices.Clone(q.Output().Value().Data().([]float32))
	}
	nearest := run()
	q.Train(3)
	drawn := run()
	if slices.Equal(drawn, nearest) || !slices.Equal(run(), drawn) {
		t.Errorf("step 3 draws %v, to nearest is %v", drawn, nearest)
	}
	q.Train(4)
	if other := run(); slices.Equal(other, drawn) {
		t.Errorf("steps 3 and 4 both draw %v", other)
	}
	q.Evaluate()
	if again := run(); !slices.Equal(again, nearest) {
		t.Errorf("evaluation gives %v, want %v", again, nearest)
	}
	scale := q.Learnables()[0].Value().Data().([]float32)
	scale[0] = -1
	if q.Project(data); scale[0] != estimators.MinScale {
		t.Errorf("the scale is %v, want %v", scale[0], float32(estimators.MinScale))
	}
	if _, err := layers.NewFakeQuant(x, layers.Fake{Name: "q", Method: "lsq", Bits: 4, Weights: true}); err == nil || !strings.Contains(err.Error(), `the graph has a node "q.scale"`) {
		t.Errorf("two quantizers of one name: %v", err)
	}
	w := []float32{3, -0.5}
	bnn, err := layers.NewFakeQuant(x, layers.Fake{Name: "bnn", Method: "bnn", Bits: 1, Weights: true})
	if err != nil {
		t.Fatal(err)
	}
	if bnn.Project(w); w[0] != 1 || w[1] != -0.5 {
		t.Errorf("weights are clipped to %v", w)
	}
	if err := q.Init([]float32{1, float32(math.NaN())}); err == nil {
		t.Error("starts from NaN")
	}
}

func TestFakeQuantErrors(t *testing.T) {
	g := G.NewGraph()
	x := G.NewMatrix(g, tensor.Float32, G.WithName("x"), G.WithShape(2, 3))
	for _, c := range []struct {
		x *G.Node
		f layers.Fake
	}{
		{nil, layers.Fake{Method: "lsq", Bits: 4}},
		{G.NewMatrix(g, tensor.Float64, G.WithName("double"), G.WithShape(2, 3)), layers.Fake{Method: "lsq", Bits: 4}},
		{x, layers.Fake{}}, {x, layers.Fake{Method: "lsq"}}, {x, layers.Fake{Method: "no_such", Bits: 4}},
		{x, layers.Fake{Method: "lsq", Bits: 4, Weights: true, Scales: 2}},
		{x, layers.Fake{Method: "lsq", Bits: 4, Options: map[string]float64{"no_such": 1}}},
	} {
		if _, err := layers.NewFakeQuant(c.x, c.f); err == nil {
			t.Errorf("%+v: no error", c.f)
		}
	}
}
