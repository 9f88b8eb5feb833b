package datasets

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/big"
	"runtime"
	"slices"
	"sync"
)

// maxElements is how many values an image has at most.
const maxElements = math.MaxInt32

// elements is the product of positive sizes of at most maxElements together.
func elements(sizes ...int) (n int, ok bool) {
	n = 1
	for _, s := range sizes {
		if s < 1 || s > maxElements/n {
			return 0, false
		}
		n *= s
	}
	return n, true
}

// forChannels is a value for each channel: those that are given, the one for all, or another if none is.
func forChannels(given []float32, channels int, otherwise float32) []float32 {
	if len(given) > 1 || channels < 1 {
		return slices.Clone(given)
	}
	if len(given) == 1 {
		otherwise = given[0]
	}
	return slices.Repeat([]float32{otherwise}, channels)
}

// Statistics are what is measured over images: of each channel the mean and the standard deviation (of all values, dividing by
// their number), of pixels over 255; and of real numbers the least and the greatest.
type Statistics struct {
	Mean, Std   []float32
	Least, Most []float32 // nil of pixels
}

// Measure returns the statistics of a split of d. The sums are exact, or in the order of the images, so that the number of
// processors changes no bit. Images in files are decoded, and brought to size as evaluation does; those that cannot be read are
// left out up to d.Broken. tell, unless nil, hears how many were looked at.
func Measure(ctx context.Context, d *Dataset, split Split, tell func(done, total int)) (*Statistics, error) {
	ctx = cmp.Or(ctx, context.Background())
	if err := checkMeasured(d, split); err != nil {
		return nil, err
	}
	if d.Real {
		return d.measureReal(split), nil
	}
	if split.Images == nil {
		var sums sums
		sums.add(split.Pixels, d.Channels)
		return sums.statistics(), nil
	}
	return d.measureImages(ctx, split, tell)
}

func checkMeasured(d *Dataset, split Split) error {
	if d == nil {
		return fmt.Errorf("there is no data set to measure; want one of Open")
	}
	err := d.checkShape()
	if err == nil && split.Len() == 0 {
		err = fmt.Errorf("the split is empty")
	}
	if err == nil {
		err = d.checkSplit(split)
	}
	if err != nil {
		return fmt.Errorf("statistics of %s %s: %w", d.Name, split.Name, err)
	}
	return nil
}

// measureReal sums in float64, in the order of the images.
func (d *Dataset) measureReal(split Split) *Statistics {
	channels := d.Channels
	s := &Statistics{Least: slices.Clone(split.Values[:channels]), Most: slices.Clone(split.Values[:channels])}
	mean, square := make([]float64, channels), make([]float64, channels)
	for i, v := range split.Values {
		c := i % channels
		mean[c] += float64(v)
		s.Least[c], s.Most[c] = min(s.Least[c], v), max(s.Most[c], v)
	}
	n := float64(len(split.Values) / channels)
	for c := range mean {
		mean[c] /= n
	}
	for i, v := range split.Values {
		c := i % channels
		square[c] += (float64(v) - mean[c]) * (float64(v) - mean[c])
	}
	for c := range mean {
		std := float32(math.Sqrt(square[c] / n))
		if s.Least[c] == s.Most[c] { // whatever was rounded
			std = 0
		}
		s.Mean, s.Std = append(s.Mean, float32(mean[c])), append(s.Std, std)
	}
	return s
}

// measureImages reads images on all processors.
func (d *Dataset) measureImages(ctx context.Context, split Split, tell func(done, total int)) (*Statistics, error) {
	workers := runtime.GOMAXPROCS(0)
	parts, errs := make([]sums, workers), make([]error, workers)
	next := make(chan int)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range next {
				im, err := split.Images.Image(i)
				if err == nil {
					parts[w].add(d.Fit.apply(im, d.Channels, d.Height, d.Width), d.Channels)
				} else if d.Broken == nil {
					errs[w] = err
				} else if err := d.Broken.add(split.Images.Name(i), err); err != nil {
					errs[w] = err
				}
			}
		})
	}
	for i := range split.Len() {
		if ctx.Err() != nil {
			break
		}
		next <- i
		if tell != nil && i%256 == 0 {
			tell(i, split.Len())
		}
	}
	close(next)
	wg.Wait()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	var all sums
	for _, p := range parts {
		all.join(p)
	}
	if all.n == 0 {
		return nil, fmt.Errorf("statistics of %s %s: none of the %d images can be read", d.Name, split.Name, split.Len())
	}
	return all.statistics(), nil
}

// sums are of pixels, exact: a channel has fewer than 2^47 of them.
type sums struct {
	n           uint64 // pixels
	sum, square []uint64
}

func (s *sums) add(pixels []uint8, channels int) {
	if s.sum == nil {
		s.sum, s.square = make([]uint64, channels), make([]uint64, channels)
	}
	s.n += uint64(len(pixels) / channels)
	for len(pixels) > 0 {
		for c, p := range pixels[:channels] {
			s.sum[c] += uint64(p)
			s.square[c] += uint64(p) * uint64(p)
		}
		pixels = pixels[channels:]
	}
}

// join adds the sums of another processor, which may have none.
func (s *sums) join(o sums) {
	if o.sum == nil {
		return
	}
	if s.sum == nil {
		s.sum, s.square = make([]uint64, len(o.sum)), make([]uint64, len(o.sum))
	}
	s.n += o.n
	for c := range o.sum {
		s.sum[c] += o.sum[c]
		s.square[c] += o.square[c]
	}
}

// statistics rounds once: the variance is (n*square - sum^2)/n^2.
func (s *sums) statistics() *Statistics {
	r := &Statistics{}
	for c := range s.sum {
		r.Mean = append(r.Mean, float32(float64(s.sum[c])/float64(s.n)/255))
		spread := new(big.Int).Sub(product(s.n, s.square[c]), product(s.sum[c], s.sum[c]))
		wide, _ := new(big.Float).SetInt(spread).Float64()
		r.Std = append(r.Std, float32(math.Sqrt(wide)/float64(s.n)/255))
	}
	return r
}

func product(a, b uint64) *big.Int {
	return new(big.Int).Mul(new(big.Int).SetUint64(a), new(big.Int).SetUint64(b))
}

// Range is the least and the greatest number of any channel once it is normalized; 0 and 0 of pixels.
func (s *Statistics) Range(mean, std []float32) (lo, hi float32) {
	if s == nil || min(len(s.Most), len(mean), len(std)) < len(s.Least) {
		return 0, 0
	}
	for c := range s.Least {
		least, most := (s.Least[c]-mean[c])/std[c], (s.Most[c]-mean[c])/std[c]
		if c == 0 {
			lo, hi = least, most
		}
		lo, hi = min(lo, least), max(hi, most)
	}
	return lo, hi
}
