package train

import (
	"math"
	"math/rand/v2"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/datasets"
)

// mixup trains on mixed images (Zhang et al. 2018, https://arxiv.org/abs/1710.09412, with the partners and the one share
// for a batch of torchvision's references): of image i and the one before it in the batch, or of the first and the last,
//
//	x = share*x[i] + (1-share)*x[i-1],  the targets likewise,  share from Beta(alpha, alpha)
//
// The share depends on the seed and the batch's number in the run alone.
type mixup struct {
	alpha  float64
	seed   uint64
	others *tensor.Dense // labels of the partners
	share  *tensor.Dense // of one element
}

func newMixup(alpha float64, seed uint64, batch int) *mixup {
	return &mixup{alpha, seed, tensor.New(tensor.Of(tensor.Int32), tensor.WithShape(batch)), tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(1))}
}

// mixStream tells the generator of shares from those of the same seed that draw other things.
const mixStream = 0x6d69787570

// mix writes the mixed images of a batch to x, and readies the labels of the partners and the share. number is that of the
// batch in the run. It returns the labels with the larger share, by which training's accuracy is counted.
func (m *mixup) mix(x []float32, b *datasets.Batch, number int) []int32 {
	share := betaVariate(rand.New(rand.NewPCG(m.seed^mixStream, uint64(number))), m.alpha)
	s, rest := float32(share), float32(1-share)
	m.share.Float32s()[0] = s
	others, size := m.others.Int32s(), len(x)/b.N
	for i := range b.N {
		partner := (i + b.N - 1) % b.N
		others[i] = b.Y[partner]
		own, other, dst := b.X[i*size:][:size], b.X[partner*size:][:size], x[i*size:][:size]
		for j, v := range own {
			dst[j] = float32(s*v) + float32(rest*other[j])
		}
	}
	if share < 0.5 {
		return others
	}
	return b.Y[:b.N]
}

// betaVariate draws from Beta(alpha, alpha).
func betaVariate(g *rand.Rand, alpha float64) float64 {
	x, y := logGammaVariate(g, alpha), logGammaVariate(g, alpha)
	return 1 / (1 + math.Exp(y-x))
}

// logGammaVariate draws from Gamma(shape, 1), and returns the logarithm, since small shapes give numbers too small for a
// float64 (Marsaglia and Tsang 2000, https://doi.org/10.1145/358407.358414, with a shape larger by 1 and their section 6).
func logGammaVariate(g *rand.Rand, shape float64) float64 {
	d := shape + 2.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := g.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(1-g.Float64()) < x*x/2+d*(1-v+math.Log(v)) {
			return math.Log(d*v) + math.Log(1-g.Float64())/shape
		}
	}
}
