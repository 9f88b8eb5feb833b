package layers

import (
	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/internal/graph"
)

// methodState brings the arrays of a method, such as a basis that is learned by least squares, up to date with a training
// batch, which it sees whole unless it is binned. The result orders what reads the arrays after it; nil if there is nothing to do.
func (q *Quantizer) methodState(c *Context, x *G.Node, binned bool) *G.Node {
	if !c.Train || q.updates == nil {
		return nil
	}
	if binned {
		return q.stateOfBins(c, x)
	}
	rank := x.Dims()
	return c.b.Apply(graph.Op{
		Name: "update " + string(q.Estimator()), Layer: q.Name, In: []graph.Arg{f32(rank)}, Out: f32(1), Shape: fixedShape(1),
		Forward: func(k *graph.Call) error {
			err := q.update(true, k.F32(0))
			k.OutF32()[0] = q.updates.Data()[0]
			return err
		},
	}, x)
}
