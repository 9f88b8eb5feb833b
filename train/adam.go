package train

import (
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/layers"
)

// adam is Adam or AdamW, as PyTorch defines them: see [kernels.Adam]. Its updates are numbered through the run, which
// corrects the bias of both moments.
type adam struct{ kernels.Adam }

func (*adam) keeps() []string { return []string{layers.MeanPrefix, layers.SquarePrefix} }

func (a *adam) update(w, g []float32, kept []layers.Kept, u update) int {
	a.LR, a.Decay, a.Clip, a.Update = u.lr, u.decay, u.clip, u.number
	m, v := kept[0].Data, kept[1].Data
	if len(w) <= kernels.Piece {
		return a.Row(w, m, v, g)
	}
	return kernels.InPieces(u.pool, len(w), func(i, end int) int { return a.Row(w[i:end], m[i:end], v[i:end], g[i:end]) })
}
