package sensitivity

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"

	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/train"
)

// Trace is the trace of the Hessian of the mean loss for the tensors of a layer: for its weights, and for what it reads of an
// image, the mean over images.
type Trace struct {
	Name        string   `json:"name"` // of the layer
	Weights     Estimate `json:"weights"`
	Activations Estimate `json:"activations"`
}

// Estimate is a trace from samples.
type Estimate struct {
	Trace    float64 `json:"trace"`
	StdErr   float64 `json:"std_err"`
	Elements int     `json:"elements"` // of the tensor
}

// Relative is the error as a share of the trace.
func (e Estimate) Relative() float64 {
	if e.StdErr == 0 {
		return 0
	}
	return e.StdErr / math.Abs(e.Trace)
}

// DefaultSamples is how many samples a trace has.
const DefaultSamples = 50

// mostSamples ends sampling to an Options.Error that is out of reach.
const mostSamples = 20000

// A sample is the mean of so many vectors, each on so many images of its own: the error is mostly that of the vectors.
const (
	vectors      = 8
	vectorImages = 16
)

// hessianStep is the length of the steps of central differences, in root mean squares of a tensor: their error grows with its
// square, and that of the rounding of gradients with its inverse. From 1e-4 to 1e-2 the traces of ResNet-20 are the same to 1e-3.
const hessianStep = 1e-3

// hessian measures the sensitivity of HAWQ-V2 (Dong et al. 2020, arXiv 1911.03852, section 3):
//
//	Tr(H)/n ||x - Q(x)||^2
//
// H is the Hessian of the mean loss for the n weights x of a layer, or for the n values that it reads of an image; of these, both
// factors are means over images.
//
// The trace is Hutchinson's: the mean of v'Hv over vectors v of signs. Each has images of its own, so that the error is of
// both. Hv is the central difference of the gradient in the piece of the loss in which the
// batch is ([layers.Slope.Near]), along all layers at once: what other layers add to v'Hv is 0 in the mean.
func (t *meter) hessian(ctx context.Context, r *Report) ([]Table, error) {
	noise, err := t.noise(ctx)
	if err != nil {
		return nil, err
	}
	images := min(vectorImages, t.split.Len())
	weights, err := newSampler(t, images, false, func(layer string) float64 { return noise[site{weightsOf(layer), t.opt.Widths[0]}].rms() })
	if err != nil {
		return nil, err
	}
	inputs, err := newSampler(t, images, true, func(layer string) float64 { return noise[site{inputOf(layer), t.opt.Widths[0]}].rms() })
	if err != nil {
		return nil, err
	}
	if err := t.sample(ctx, images, weights, inputs); err != nil {
		return nil, err
	}
	of := map[string]Estimate{}
	for i, layer := range t.float.LayerNames() {
		w, a := weights.estimate(i), inputs.estimate(i)
		w.Elements, a.Elements = t.elements(layer), noise[site{inputOf(layer), t.opt.Widths[0]}].size
		of[weightsOf(layer)], of[inputOf(layer)] = w, a
		r.Traces = append(r.Traces, Trace{layer, w, a})
	}
	r.Samples = weights.sums[0].n
	return []Table{t.table(string(Hessian), func(at site) Loss {
		e, n := of[at.name], noise[at]
		squares := n.noise / float64(n.n) / float64(e.Elements)
		return Loss{at.bits, e.Trace * squares, e.StdErr * squares}
	})}, nil
}

// elements is the number of a layer's weights.
func (t *meter) elements(layer string) int { return len(t.float.Store.Array(weightsOf(layer)).Data()) }

// sample takes as many samples as the options want, each of a batch of images.
func (t *meter) sample(ctx context.Context, images int, samplers ...*sampler) error {
	l, err := datasets.NewLoader(t.Data, t.split, datasets.LoaderOptions{Batch: images, Seed: t.opt.Seed, Shuffle: true, DropLast: true, Workers: t.Threads().Len()})
	if err != nil {
		return err
	}
	total := t.opt.Samples
	t.gradients(Hessian, 3*len(samplers)*images*vectors*total)
	for drawn, epoch := 0, 0; drawn < total*vectors; epoch++ {
		it := l.Epoch(epoch, 0)
		for b, ok := it.Next(); ok && drawn < total*vectors; b, ok = it.Next() {
			for _, s := range samplers {
				if err := cmp.Or(ctx.Err(), s.add(b.X, b.Y, t.opt.Seed, drawn)); err != nil {
					it.Close()
					return err
				}
			}
			it.Release(b)
			if drawn++; drawn%vectors > 0 {
				continue
			}
			n := drawn / vectors
			if t.opt.Error > 0 && n == total {
				total = t.more(n, samplers)
			}
			train.Tell(ctx, train.Work{Doing: "differentiating", What: "samples", Done: n, Total: total})
		}
		it.Close()
		if err := it.Err(); err != nil {
			return err
		}
	}
	return nil
}

// more is how many samples there are to be after n, for the error that the options want: as many as it seems to take, but not
// more than twice those that say so.
func (t *meter) more(n int, samplers []*sampler) int {
	worst := 0.0
	for _, s := range samplers {
		worst = max(worst, s.worst())
	}
	wanted := float64(n) * math.Pow(worst/t.opt.Error, 2)
	return max(n, int(min(math.Ceil(wanted), 2*float64(n), mostSamples)))
}

// sampler estimates the traces for the tensors of a slope.
type sampler struct {
	slope  *layers.Slope
	inputs bool
	steps  []float64     // of each tensor
	last   []float64     // of each, the sum over the vectors of the sample
	drawn  int           // of them
	sums   []differences // of the samples of each

	values, signs, ahead [][]float32 // of each: before the steps, the vector, the gradient a step ahead
}

func newSampler(t *meter, images int, inputs bool, rms func(layer string) float64) (*sampler, error) {
	slope, err := layers.NewSlope(t.Threads(), t.float, images, inputs)
	if err != nil {
		return nil, err
	}
	s := &sampler{slope: slope, inputs: inputs, last: make([]float64, len(slope.Tensors)), sums: make([]differences, len(slope.Tensors))}
	for _, x := range slope.Tensors {
		step := hessianStep * rms(x.Layer)
		if step == 0 { // of zeros, any is as good
			step = hessianStep
		}
		s.steps = append(s.steps, step)
		for _, a := range []*[][]float32{&s.values, &s.signs, &s.ahead} {
			*a = append(*a, make([]float32, len(x.Values)))
		}
	}
	return s, nil
}

// draw draws vector n of signs for a tensor.
func (s *sampler) draw(seed uint64, n, tensor int) {
	h := fnv.New64a()
	fmt.Fprint(h, s.inputs, " ", s.slope.Tensors[tensor].Layer, " ", n)
	rng := rand.New(rand.NewPCG(seed, h.Sum64()))
	bits := uint64(0)
	for i := range s.signs[tensor] {
		if i%64 == 0 {
			bits = rng.Uint64()
		}
		s.signs[tensor][i] = float32(int(bits&1)*2 - 1)
		bits >>= 1
	}
}

// add takes v'Hv of vector n on a batch into the sample of each tensor.
func (s *sampler) add(x []float32, labels []int32, seed uint64, n int) error {
	if _, err := s.slope.Run(x, labels); err != nil {
		return err
	}
	for i, x := range s.slope.Tensors {
		s.draw(seed, n, i)
		copy(s.values[i], x.Values)
	}
	defer func() {
		for i, x := range s.slope.Tensors {
			copy(x.Values, s.values[i])
		}
	}()
	step := func(direction float64) error {
		for i, x := range s.slope.Tensors {
			d := float32(direction * s.steps[i])
			for j, v := range s.values[i] {
				x.Values[j] = v + d*s.signs[i][j]
			}
		}
		_, err := s.slope.Near()
		return err
	}
	if err := step(1); err != nil {
		return err
	}
	for i, x := range s.slope.Tensors {
		copy(s.ahead[i], x.Gradient())
	}
	if err := step(-1); err != nil {
		return err
	}
	for i, x := range s.slope.Tensors {
		sum := 0.0
		for j, g := range x.Gradient() {
			sum += float64(s.signs[i][j]) * (float64(s.ahead[i][j]) - float64(g))
		}
		s.last[i] += sum / (2 * s.steps[i])
	}
	if s.drawn++; s.drawn == vectors {
		for i := range s.sums {
			s.sums[i].add(s.last[i] / vectors)
		}
		clear(s.last)
		s.drawn = 0
	}
	return nil
}

// estimate is that of a tensor, from the samples so far.
func (s *sampler) estimate(tensor int) Estimate {
	l := s.sums[tensor].loss(0)
	return Estimate{Trace: l.Value, StdErr: l.StdErr}
}

// worst is the largest error of all tensors, as a share of the trace.
func (s *sampler) worst() float64 {
	worst := 0.0
	for i := range s.sums {
		worst = max(worst, s.estimate(i).Relative())
	}
	return worst
}
