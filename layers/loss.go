package layers

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/graph"
)

// CrossEntropy is the mean over the batch of -log softmax(logits)[label]; the
// gradient is (softmax - onehot)/N. logits are (N, classes), labels (N) of int32. Of a
// piece of the batch it is that piece's part of the mean. What does not fit gives nil, and [Context.Grad] tells why.
func CrossEntropy(c *Context, logits, labels *G.Node) *G.Node {
	if c == nil || c.b == nil {
		return nil
	}
	n, classes := rowsOf(logits)
	count := c.batch(n)
	loss := c.b.Apply(graph.Op{
		Name: "cross entropy", In: []graph.Arg{f32(2), {Dtype: tensor.Int32, Rank: 1}}, Out: f32(0),
		Shape: lossShape,
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
					return fmt.Errorf("image %d has label %d; there are %d classes", i, y[i], classes)
				}
				total += most + math.Log(sum) - float64(row[y[i]])
				for j, v := range row {
					probs[j] = float32(math.Exp(float64(v)-most) / sum)
				}
			}
			return setLoss(k, total/float64(count))
		},
		Wrt: []bool{true, false},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node {
			return []*G.Node{c.b.Apply(graph.Op{
				Name: "cross entropy gradient", In: []graph.Arg{f32(2), {Dtype: tensor.Int32, Rank: 1}, f32(0)}, Out: f32(2), Shape: sameShape(0), InPlace: 1,
				Forward: func(k *graph.Call) error {
					dx, p, y := k.OutF32(), k.F32(0), k.I32(1)
					g := k.Scalar(2) / float32(count)
					for i := range dx {
						v := p[i]
						if i%classes == int(y[i/classes]) {
							v--
						}
						dx[i] = v * g
					}
					return nil
				},
			}, c.b.Aux(out, 0), in[1], dout), nil}
		},
	}, logits, labels)
	return loss
}

// rowsOf is the number of rows and of columns of a node that is a matrix; Apply refuses others.
func rowsOf(n *G.Node) (rows, columns int) {
	if n == nil || n.Dims() != 2 {
		return 0, 0
	}
	return n.Shape()[0], n.Shape()[1]
}

// lossShape is the shape rule of a loss of logits, perhaps a teacher's too, and as many labels.
func lossShape(in []tensor.Shape) (tensor.Shape, error) {
	labels := in[len(in)-1]
	for _, logits := range in[:len(in)-1] {
		if logits[0] != labels[0] || !logits.Eq(in[0]) {
			return nil, fmt.Errorf("logits of %v and %d labels; want as many rows as labels, and classes as logits have", logits, labels[0])
		}
	}
	return tensor.ScalarShape(), nil
}

// setLoss is the end of an operation that gives a loss.
func setLoss(k *graph.Call, loss float64) error {
	if v := float32(loss); v-v != 0 {
		return &graph.NotFiniteError{What: "the loss", Value: float64(v)}
	}
	k.SetScalar(float32(loss))
	return nil
}
