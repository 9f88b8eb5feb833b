package train

import (
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/layers"
)

// sgd is stochastic gradient descent with momentum, as PyTorch defines it
// (Sutskever et al. 2013, without the learning rate in the velocity):
//
//	d = g + decay*w;  v = momentum*v + d;  w -= lr*v   (Nesterov: lr*(d + momentum*v))
type sgd struct{ kernels.SGD }

func (*sgd) keeps() []string { return []string{layers.VelocityPrefix} }

func (q *sgd) update(w, g []float32, kept []layers.Kept, u update) int {
	q.LR, q.Decay, q.Clip = float32(u.lr), float32(u.decay), u.clip
	v := kept[0].Data
	if len(w) <= kernels.Piece { // without memory for a function
		return q.Row(w, v, g)
	}
	return kernels.InPieces(u.pool, len(w), func(i, end int) int { return q.Row(w[i:end], v[i:end], g[i:end]) })
}
