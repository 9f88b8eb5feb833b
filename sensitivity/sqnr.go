package sensitivity

import (
	"context"
	"math"
)

// sqnr measures the signal to quantization noise ratio. Its loss is the inverse, which adds up:
//
//	sum (x - Q(x))^2 / sum x^2,   SQNR = -10 log10 of that, in dB
//
// of weights, and of what each layer of the float network reads of all images.
func (t *meter) sqnr(ctx context.Context) ([]Table, error) {
	t.evaluations(SQNR, 1)
	noise, err := t.noise(ctx)
	if err != nil {
		return nil, err
	}
	return []Table{t.table(string(SQNR), func(at site) Loss { return noise[at].loss(at.bits) })}, nil
}

// noise compares all tensors with what they are quantized, once.
func (t *meter) noise(ctx context.Context) (map[site]*ratio, error) {
	if t.ratios != nil {
		return t.ratios, nil
	}
	noise := map[site]*ratio{}
	for _, layer := range t.float.LayerNames() {
		for _, bits := range t.opt.Widths {
			at, w := site{weightsOf(layer), bits}, t.float.Store.Array(weightsOf(layer)).Data()
			noise[at], noise[site{inputOf(layer), bits}] = &ratio{}, &ratio{}
			noise[at].size = len(w)
			noise[at].add(noiseOf(t.weights[at], w))
		}
	}
	_, err := t.batches(ctx, "comparing", t.split, t.opt.Images, func(x []float32, _ []int32, n int) error {
		_, err := t.probe.Run(x, n, func(layer string, in []float32) error {
			return t.eachWidth(func(bits int) error {
				at, each := site{inputOf(layer), bits}, len(in)/n
				y := make([]float32, each)
				noise[at].size = each
				for i := range n {
					image := in[i*each:][:each]
					if err := t.quantizers[at].Values(y, image); err != nil {
						return err
					}
					noise[at].add(noiseOf(y, image))
				}
				return nil
			})
		})
		return err
	})
	if err == nil {
		t.ratios = noise
	}
	return noise, err
}

// noiseOf is the sum of squares of y - x, and of x.
func noiseOf(y, x []float32) (noise, signal float64) {
	for i, v := range x {
		d := float64(y[i]) - float64(v)
		noise += d * d
		signal += float64(v) * float64(v)
	}
	return noise, signal
}

// ratio is that of two sums over images.
type ratio struct {
	noise, signal, noise2, signal2, both float64
	n, size                              int // of images, and of elements of each
}

func (r *ratio) add(noise, signal float64) {
	r.noise, r.signal = r.noise+noise, r.signal+signal
	r.noise2, r.signal2, r.both = r.noise2+noise*noise, r.signal2+signal*signal, r.both+noise*signal
	r.n++
}

// rms is the root mean square of the elements.
func (r *ratio) rms() float64 { return math.Sqrt(r.signal / float64(r.n*r.size)) }

// loss is noise/signal; its error is that of the mean of noise - ratio*signal, over the mean signal.
func (r *ratio) loss(bits int) Loss {
	if r.signal == 0 { // all zeros, which are a level of every method
		return Loss{Bits: bits}
	}
	v := r.noise / r.signal
	squares := r.noise2 - 2*v*r.both + v*v*r.signal2
	return Loss{Bits: bits, Value: v, StdErr: stdErr(0, max(squares, 0), r.n) * float64(r.n) / r.signal}
}

// Decibels is the SQNR of a loss of [SQNR].
func Decibels(loss float64) float64 { return -10 * math.Log10(loss) }
