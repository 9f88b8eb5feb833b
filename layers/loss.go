package layers

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/graph"
)

// Targets are what logits (N, classes) are trained towards; see [estimators.Targets].
type Targets struct {
	Labels    *G.Node // (N) of int32
	Others    *G.Node // (N) of int32; nil: none
	Share     *G.Node // (1) of float32: that of Labels beside Others
	Smoothing float64
}

// nodes are the inputs that a loss has for the targets, and args what they are.
func (t Targets) nodes() ([]*G.Node, []graph.Arg) {
	labels := graph.Arg{Dtype: tensor.Int32, Rank: 1}
	if t.Others == nil {
		return []*G.Node{t.Labels}, []graph.Arg{labels}
	}
	return []*G.Node{t.Labels, t.Others, t.Share}, []graph.Arg{labels, labels, f32(1)}
}

// of returns the targets of a run, checked, whose labels are input k.
func (t Targets) of(call *graph.Call, k, classes int) (estimators.Targets, error) {
	e := estimators.Targets{Labels: call.I32(k), Smoothing: t.Smoothing}
	if t.Others != nil {
		e.Others, e.Share = call.I32(k+1), float64(call.F32(k + 2)[0])
	}
	return e, e.Check(len(e.Labels), classes)
}

// CrossEntropy is the mean over the batch of -sum(q*log softmax(logits)), with the targets q; the
// gradient is (softmax - q)/N. Of a piece of the batch it is that piece's part of the mean. What does not fit gives nil, and
// [Context.Grad] tells why.
func CrossEntropy(c *Context, logits *G.Node, t Targets) *G.Node {
	if c == nil || c.b == nil {
		return nil
	}
	targets, args := t.nodes()
	n, classes := rowsOf(logits)
	count := c.batch(n)
	loss := c.b.Apply(graph.Op{
		Name: "cross entropy", Attrs: fmt.Sprint(t.Smoothing), In: append([]graph.Arg{f32(2)}, args...), Out: f32(0),
		Shape: lossShape(1),
		Aux: func(in []tensor.Shape) []graph.Buffer {
			return []graph.Buffer{{Dtype: tensor.Float32, Shape: tensor.Shape{n, classes}}}
		},
		Forward: func(k *graph.Call) error {
			x, p := k.F32(0), k.Aux[0].Float32s()
			q, err := t.of(k, 1, classes)
			if err != nil {
				return err
			}
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
				total += most + math.Log(sum) - estimators.Expect(q, i, row)
				for j, v := range row {
					probs[j] = float32(math.Exp(float64(v)-most) / sum)
				}
			}
			return setLoss(k, total/float64(count))
		},
		Wrt: wrtFirst(1 + len(args)),
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node {
			return append([]*G.Node{c.b.Apply(graph.Op{
				Name: "cross entropy gradient", Attrs: fmt.Sprint(t.Smoothing), In: append([]graph.Arg{f32(2), f32(0)}, args...), Out: f32(2), Shape: sameShape(0), InPlace: 1,
				Forward: func(k *graph.Call) error {
					dx, p := k.OutF32(), k.F32(0)
					q, err := t.of(k, 2, classes)
					if err != nil {
						return err
					}
					g := k.Scalar(1) / float32(count)
					for i := range dx {
						dx[i] = (p[i] - float32(q.Of(i/classes, i%classes, classes))) * g
					}
					return nil
				},
			}, append([]*G.Node{c.b.Aux(out, 0), dout}, in[1:]...)...)}, make([]*G.Node, len(args))...)
		},
	}, append([]*G.Node{logits}, targets...)...)
	return loss
}

// wrtFirst says of an operation with n inputs that the first alone has a gradient.
func wrtFirst(n int) []bool {
	wrt := make([]bool, n)
	wrt[0] = true
	return wrt
}

// typed tells that Gorgonia has made the node.
func typed(n *G.Node) bool { return n != nil && n.Type() != nil }

// rowsOf is the number of rows and of columns of a node that is a matrix; Apply refuses others.
func rowsOf(n *G.Node) (rows, columns int) {
	if !typed(n) || n.Dims() != 2 {
		return 0, 0
	}
	return n.Shape()[0], n.Shape()[1]
}

// lossShape is the shape rule of a loss of so many nodes of logits, and the targets behind them.
func lossShape(of int) func([]tensor.Shape) (tensor.Shape, error) {
	return func(in []tensor.Shape) (tensor.Shape, error) {
		labels := in[of]
		for _, logits := range in[:of] {
			if logits[0] != labels[0] || !logits.Eq(in[0]) {
				return nil, fmt.Errorf("logits of %v and %d labels; want as many rows as labels, and classes as logits have", logits, labels[0])
			}
		}
		if len(in) > of+1 && (!in[of+1].Eq(labels) || in[of+2][0] != 1) {
			return nil, fmt.Errorf("%d labels, %d others and %d shares; want as many others as labels, and one share", labels[0], in[of+1][0], in[of+2][0])
		}
		return tensor.ScalarShape(), nil
	}
}

// setLoss is the end of an operation that gives a loss.
func setLoss(k *graph.Call, loss float64) error {
	if v := float32(loss); v-v != 0 {
		return &graph.NotFiniteError{What: "the loss", Value: float64(v)}
	}
	k.SetScalar(float32(loss))
	return nil
}
