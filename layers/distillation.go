package layers

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/graph"
)

// Distillation is the loss of a student with a teacher (estimators.Distillation); logits and teacher are (N, classes).
// The teacher gets no gradient. What does not fit is told as by [CrossEntropy].
func Distillation(c *Context, d configs.Distillation, logits, teacher *G.Node, t Targets) *G.Node {
	if c == nil || c.b == nil {
		return nil
	}
	_, classes := rowsOf(logits)
	share := c.share()
	est := estimators.Distillation{Temperature: d.Temperature, Alpha: d.Weight}
	targets, args := t.nodes()
	return c.b.Apply(graph.Op{
		Name: "distillation", Attrs: fmt.Sprint(est, t.Smoothing), In: append([]graph.Arg{f32(2), f32(2)}, args...), Out: f32(0),
		Shape: lossShape(2),
		Aux: func(in []tensor.Shape) []graph.Buffer {
			return []graph.Buffer{{Dtype: tensor.Float32, Shape: in[0]}}
		},
		Forward: func(k *graph.Call) error {
			targets, err := t.of(k, 2, classes)
			if err != nil {
				return err
			}
			loss, err := est.Loss(k.Aux[0].Float32s(), k.F32(0), k.F32(1), targets, classes)
			if err != nil {
				return fmt.Errorf("the loss: %w", err)
			}
			return setLoss(k, share*loss)
		},
		Wrt: wrtFirst(2 + len(args)),
		Gradient: func(_ []*G.Node, out, dout *G.Node) []*G.Node {
			return append([]*G.Node{c.b.Apply(graph.Op{
				Name: "distillation gradient", In: []graph.Arg{f32(2), f32(0)}, Out: f32(2), Shape: sameShape(0), InPlace: 1,
				Forward: func(k *graph.Call) error {
					g := float32(share) * k.Scalar(1)
					for i, v := range k.F32(0) {
						k.OutF32()[i] = v * g
					}
					return nil
				},
			}, c.b.Aux(out, 0), dout)}, make([]*G.Node, 1+len(args))...)
		},
	}, append([]*G.Node{logits, teacher}, targets...)...)
}
