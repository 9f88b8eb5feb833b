package layers

import (
	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// binned tells that updates of the method need no more than sums over bins.
func (q *Quantizer) binned() bool {
	b, ok := q.first.(estimators.Binned)
	if !ok {
		return false
	}
	_, ok, err := b.Bins(q.stateData())
	return err == nil && ok
}

// binnedState: sums over bins are enough for the update of a method's arrays.
var binnedState = rewrite{"binned_state", "an update that sees a batch whole becomes sums over bins", func(p *plan, s *step) bool {
	switch o := s.op.(type) {
	case quantizeOp:
		if o.binned = o.q.binned(); o.binned {
			return p.replace(s, o, s.in)
		}
	case staircaseOp:
		if o.binned = o.q.binned(); o.binned {
			return p.replace(s, o, s.in)
		}
	}
	return false
}}

// stateOfBins is methodState for a method that needs no more than sums over bins: a walk over the pictures that others can
// share.
func (q *Quantizer) stateOfBins(c *Context, x *G.Node) *G.Node {
	rank := x.Dims()
	return c.b.Apply(graph.Op{
		Name: "update " + string(q.Estimator()), Layer: q.Name, In: []graph.Arg{pictures(rank)}, Out: f32(1), Shape: fixedShape(1), Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			l := &kernels.Bins{N: x.Shape()[0]}
			var est estimators.Binned // nil where there is no update
			return graph.Loop{
				Body: l,
				Before: func() (err error) {
					est, l.X, l.Thresholds = nil, k.Pictures(0), nil
					q.load()
					k.OutF32()[0] = q.updates.Data()[0]
					switch {
					case !q.Calibrated() && k.Fused:
						return &uncalibrated{}
					case !q.Calibrated():
						return q.awaits(k.F32(0), false)
					case q.stays():
						return nil
					}
					now, err := q.estimator(true, 0)
					if err == nil {
						est = now.(estimators.Binned)
						l.Thresholds, _, err = est.Bins(q.stateData())
					}
					return err
				},
				After: func() error {
					if est == nil {
						return nil
					}
					q.updates.Data()[0]++
					return est.UpdateBins(q.stateData(), l.Counts, l.Sums)
				},
			}
		},
	}, x)
}
