package layers

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/graph"
)

// matmul is y = x*w + b: x (N, Cin), w (Cin, Cout), b (Cout). It is small, so
// it runs on one thread, in float64 sums. Classes are compared by its outputs, the
// logits, and every comparison with NaN is false, so those that are not finite are an
// error: in training, calibration, evaluation and of teachers.
func matmul(c *Context, layer string, x, w, b *G.Node) *G.Node {
	n, in, out := x.Shape()[0], w.Shape()[0], w.Shape()[1]
	return c.B.Apply(graph.Op{
		Name: "linear", Layer: layer, In: []graph.Arg{f32(2), f32(2), f32(1)}, Out: f32(2), Shape: fixedShape(n, out),
		Forward: func(k *graph.Call) error {
			y, x, w, b := k.OutF32(), k.F32(0), k.F32(1), k.F32(2)
			sum := make([]float64, out)
			for i := 0; i < n; i++ {
				for o := range sum {
					sum[o] = float64(b[o])
				}
				for j, v := range x[i*in:][:in] {
					for o, u := range w[j*out:][:out] {
						sum[o] += float64(v) * float64(u)
					}
				}
				for o, v := range sum {
					y[i*out+o] = float32(v)
				}
			}
			if i := graph.FirstNotFinite(y); i >= 0 {
				return &graph.NotFiniteError{What: fmt.Sprintf("output %d of image %d", i%out, i/out), Value: float64(y[i])}
			}
			return nil
		},
		Wrt: []bool{true, true, true},
		Gradient: func(nodes []*G.Node, _, dout *G.Node) []*G.Node {
			dx := c.B.Apply(graph.Op{
				Name: "linear input gradient", Layer: layer, In: []graph.Arg{f32(2), f32(2)}, Out: f32(2), Shape: fixedShape(n, in),
				Forward: func(k *graph.Call) error {
					dx, w, dy := k.OutF32(), k.F32(0), k.F32(1)
					for i := 0; i < n; i++ {
						for j := 0; j < in; j++ {
							s := 0.0
							for o, g := range dy[i*out:][:out] {
								s += float64(g) * float64(w[j*out+o])
							}
							dx[i*in+j] = float32(s)
						}
					}
					return nil
				},
			}, nodes[1], dout)
			dw := c.B.Apply(graph.Op{
				Name: "linear weight gradient", Layer: layer, In: []graph.Arg{f32(2), f32(2)}, Out: f32(2), Shape: fixedShape(in, out),
				Forward: func(k *graph.Call) error {
					dw, x, dy := k.OutF32(), k.F32(0), k.F32(1)
					sum := make([]float64, in*out)
					for i := 0; i < n; i++ {
						for j, v := range x[i*in:][:in] {
							for o, g := range dy[i*out:][:out] {
								sum[j*out+o] += float64(v) * float64(g)
							}
						}
					}
					for i, s := range sum {
						dw[i] = float32(s)
					}
					return nil
				},
			}, nodes[0], dout)
			db := c.B.Apply(graph.Op{
				Name: "linear bias gradient", Layer: layer, In: []graph.Arg{f32(2)}, Out: f32(1), Shape: fixedShape(out),
				Forward: func(k *graph.Call) error {
					db, dy := k.OutF32(), k.F32(0)
					for o := range db {
						s := 0.0
						for i := 0; i < n; i++ {
							s += float64(dy[i*out+o])
						}
						db[o] = float32(s)
					}
					return nil
				},
			}, dout)
			return []*G.Node{dx, dw, db}
		},
	}, x, w, b)
}

// CrossEntropy is the mean over the batch of -log softmax(logits)[label]; the
// gradient is (softmax - onehot)/N. logits are (N, classes), labels (N).
func CrossEntropy(c *Context, logits, labels *G.Node) *G.Node {
	n, classes := logits.Shape()[0], logits.Shape()[1]
	loss := c.B.Apply(graph.Op{
		Name: "cross entropy", In: []graph.Arg{f32(2), {Dtype: tensor.Int32, Rank: 1}}, Out: f32(0),
		Shape: func([]tensor.Shape) (tensor.Shape, error) { return tensor.ScalarShape(), nil },
		Aux: func(in []tensor.Shape) []graph.Buffer {
			return []graph.Buffer{{Dtype: tensor.Float32, Shape: tensor.Shape{n, classes}}}
		},
		Forward: func(k *graph.Call) error {
			x, y, p := k.F32(0), k.I32(1), k.Aux[0].Float32s()
			total := 0.0
			for i := 0; i < n; i++ {
				row, probs := x[i*classes:][:classes], p[i*classes:][:classes]
				most := math.Inf(-1)
				for _, v := range row {
					most = max(most, float64(v))
				}
				sum := 0.0
				for _, v := range row {
					sum += math.Exp(float64(v) - most)
				}
				if y[i] < 0 || int(y[i]) >= classes {
					return fmt.Errorf("picture %d has label %d; there are %d classes", i, y[i], classes)
				}
				total += most + math.Log(sum) - float64(row[y[i]])
				for j, v := range row {
					probs[j] = float32(math.Exp(float64(v)-most) / sum)
				}
			}
			return setLoss(k, total/float64(n))
		},
		Wrt: []bool{true, false},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node {
			return []*G.Node{c.B.Apply(graph.Op{
				Name: "cross entropy gradient", In: []graph.Arg{f32(2), {Dtype: tensor.Int32, Rank: 1}, f32(0)}, Out: f32(2), Shape: sameShape(0), InPlace: 1,
				Forward: func(k *graph.Call) error {
					dx, p, y := k.OutF32(), k.F32(0), k.I32(1)
					g := k.Scalar(2) / float32(n)
					for i := range dx {
						v := p[i]
						if i%classes == int(y[i/classes]) {
							v--
						}
						dx[i] = v * g
					}
					return nil
				},
			}, c.B.Aux(out, 0), in[1], dout), nil}
		},
	}, logits, labels)
	return loss
}

// setLoss is the end of an operation that gives a loss.
func setLoss(k *graph.Call, loss float64) error {
	if v := float32(loss); v-v != 0 {
		return &graph.NotFiniteError{What: "the loss", Value: float64(v)}
	}
	k.SetScalar(float32(loss))
	return nil
}
