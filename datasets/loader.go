package datasets

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// LoaderOptions says which batches a loader makes. The zero value of everything
// but Batch is for evaluation: every image once, unchanged, in order.
type LoaderOptions struct {
	Batch    int     // images in a batch, 1 or more
	Seed     uint64  // of order and augmentation
	Shuffle  bool    // a new order every epoch; an image that cannot be read is replaced by the next of the split
	Augment  Augment // a new draw for every image and epoch
	DropLast bool    // leave out the last batch if it is not full

	Workers int // goroutines that prepare a batch together; 0 means 1, which fills 128 32x32 images in under a millisecond
	Ahead   int // batches prepared ahead of the one in use; 0 means 2
}

// Batch is a batch of images.
type Batch struct {
	X []float32 // (Batch, H, W, C) normalized; images N and up are 0
	Y []int32   // (Batch) labels; -1, which no prediction equals, for N and up and for an image that could not be read
	N int       // images in the batch, Batch except in an epoch's last one

	step int
	*filling
}

// filling is how far workers are with a batch.
type filling struct {
	left  atomic.Int32  // pieces that are not filled
	ready chan struct{} // receives when X, Y and N are filled

	mu    sync.Mutex
	err   error // of the first image that has one
	errAt int   // that image
}

// Loader makes batches of a split. It is safe for concurrent use, and so are
// its iterators beside each other.
type Loader struct {
	split Split
	opt   LoaderOptions
	h, w  int
	depth int // channels
	table table
	of    *Dataset
	fit   Fit
	bad   *Broken

	mu    sync.Mutex
	spare []*Batch // of closed iterators, for the next one
}

// NewLoader returns a loader of split, which has the image size and the
// normalization of d.
func NewLoader(d *Dataset, split Split, o LoaderOptions) (*Loader, error) {
	if d == nil {
		return nil, fmt.Errorf("there is no data set to load; want one of Open")
	}
	if err := checkLoader(d, split, o); err != nil {
		return nil, fmt.Errorf("loader of %s %s: %w", d.Name, split.Name, err)
	}
	if o.Workers == 0 {
		o.Workers = 1
	}
	if o.Ahead == 0 {
		o.Ahead = 2
	}
	return &Loader{split: split, opt: o, h: d.Height, w: d.Width, depth: d.Channels, table: d.table(), of: d, fit: d.Fit, bad: cmp.Or(d.Broken, &Broken{})}, nil
}

func checkLoader(d *Dataset, s Split, o LoaderOptions) error {
	if err := d.checkShape(); err != nil {
		return err
	}
	switch {
	case s.Len() == 0:
		return fmt.Errorf("the split is empty; for a validation split set Options.Validation")
	case o.Batch < 1:
		return fmt.Errorf("want a batch of 1 or more, found %d", o.Batch)
	case o.DropLast && o.Batch > s.Len():
		return fmt.Errorf("a batch of %d with DropLast leaves nothing of %d images; use a smaller batch", o.Batch, s.Len())
	case o.Augment.Crop < 0 || o.Augment.Crop >= min(d.Height, d.Width):
		return fmt.Errorf("want a crop of 0 to %d pixels, found %d", min(d.Height, d.Width)-1, o.Augment.Crop)
	case s.Images != nil && d.Channels != 3:
		return fmt.Errorf("want 3 channels of images in files, found %d", d.Channels)
	case d.Real && (o.Augment.Jitter.on() || o.Augment.ResizedCrop.on()):
		return fmt.Errorf("want images to crop, resize and jitter, found real numbers; leave them as they are, or crop and flip them alone")
	case o.Augment.Jitter.on() && d.Channels != 3:
		return fmt.Errorf("want 3 channels to jitter, found %d", d.Channels)
	case o.Workers < 0 || o.Ahead < 0:
		return fmt.Errorf("want 0 or more workers and batches ahead, found %d and %d", o.Workers, o.Ahead)
	}
	for _, err := range []error{o.Augment.ResizedCrop.check(), o.Augment.Jitter.check(), d.Fit.check()} {
		if err != nil {
			return err
		}
	}
	return d.checkSplit(s)
}

// checkShape reports what no data set is, whatever its images.
func (d *Dataset) checkShape() error {
	if _, ok := elements(d.Height, d.Width, d.Channels); !ok {
		return fmt.Errorf("want images of 1x1 pixel or more, 1 channel or more and at most %d values, found %dx%d and %d", maxElements, d.Height, d.Width, d.Channels)
	}
	if len(d.Classes) == 0 {
		return fmt.Errorf("want the names of the classes, found none")
	}
	if min(len(d.Mean), len(d.Std)) < d.Channels {
		return fmt.Errorf("want a mean and a standard deviation for each of %d channels, or one for all, found %d and %d", d.Channels, len(d.Mean), len(d.Std))
	}
	if lo, hi := float64(d.Lo), float64(d.Hi); d.Real && !(lo <= hi && !math.IsInf(lo, 0) && !math.IsInf(hi, 0)) {
		return fmt.Errorf("want the least and the greatest value, finite, found %v and %v", lo, hi)
	}
	for c := range d.Channels {
		if mean, std := float64(d.Mean[c]), float64(d.Std[c]); !(std > 0) || math.IsInf(std, 0) || math.IsNaN(mean) || math.IsInf(mean, 0) {
			return fmt.Errorf("want a mean and a positive standard deviation for channel %d, found %v and %v", c, mean, std)
		}
	}
	return nil
}

// checkSplit reports images that do not go with their labels, and labels without a class.
func (d *Dataset) checkSplit(s Split) error {
	size := d.Height * d.Width * d.Channels
	if s.Images != nil {
		if s.Images.Len() != s.Len() || len(s.Pixels)+len(s.Values) > 0 {
			return fmt.Errorf("want an image for each of %d labels and no pixels beside them, found %d and %d bytes", s.Len(), s.Images.Len(), len(s.Pixels))
		}
	} else if d.Real {
		if int64(s.Len()) > math.MaxInt32 || len(s.Values) != s.Len()*size || len(s.Pixels) > 0 {
			return fmt.Errorf("want %d values for each of %d labels and no pixels beside them, found %d in all and %d bytes", size, s.Len(), len(s.Values), len(s.Pixels))
		}
		if i := slices.IndexFunc(s.Values, func(v float32) bool { return v-v != 0 }); i >= 0 {
			return fmt.Errorf("image %d: value %d is %v; want finite numbers", i/size, i%size, s.Values[i])
		}
	} else if int64(s.Len()) > math.MaxInt32 || len(s.Pixels) != s.Len()*size {
		return fmt.Errorf("want %d pixel bytes for each of %d labels, found %d in all", size, s.Len(), len(s.Pixels))
	}
	for i, label := range s.Labels {
		if label < 0 || int(label) >= len(d.Classes) {
			return fmt.Errorf("image %d: want a label of 0 to %d, found %d", i, len(d.Classes)-1, label)
		}
	}
	return nil
}

// Steps returns the number of batches in an epoch.
func (l *Loader) Steps() int {
	if l.opt.Batch < 1 { // of a loader that NewLoader has not made
		return 0
	}
	if l.opt.DropLast {
		return l.split.Len() / l.opt.Batch
	}
	return (l.split.Len()-1)/l.opt.Batch + 1
}

// begin makes b the batch of a step, its images yet to be filled.
func (l *Loader) begin(b *Batch, step int) {
	b.step, b.N, b.err = step, min(l.opt.Batch, l.split.Len()-step*l.opt.Batch), nil
	clear(b.X[b.N*len(b.X)/l.opt.Batch:])
	for i := b.N; i < l.opt.Batch; i++ {
		b.Y[i] = -1
	}
}

// fill fills a piece of a batch. order is nil for the split's own.
func (l *Loader) fill(p piece, epoch int, order []int) {
	b := p.batch
	size := len(b.X) / l.opt.Batch
	for i := p.from; i < p.to; i++ {
		k := b.step*l.opt.Batch + i
		if order != nil {
			k = order[k]
		}
		label, err := l.image(b.X[i*size:(i+1)*size], epoch, k)
		if b.Y[i] = label; err != nil {
			b.fail(i, err)
		}
	}
}

// fail notes that image i could not be read.
func (b *Batch) fail(i int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil || i < b.errAt {
		b.err, b.errAt = err, i
	}
}

// image writes image k of the split, changed and normalized, and returns its label.
func (l *Loader) image(dst []float32, epoch, k int) (label int32, err error) {
	a := l.opt.Augment
	if l.split.Values != nil {
		l.of.values(dst, l.split.Values[k*len(dst):(k+1)*len(dst)], a.draw(l.opt.Seed, epoch, k))
		return l.split.Labels[k], nil
	}
	if l.split.Images == nil && !a.ResizedCrop.on() && !a.Jitter.on() {
		l.table.image(dst, l.split.Pixels[k*len(dst):(k+1)*len(dst)], l.h, l.w, l.depth, a.draw(l.opt.Seed, epoch, k))
		return l.split.Labels[k], nil
	}
	own := k
	im, err := l.read(k)
	for next := k; err != nil; im, err = l.read(k) {
		if err := l.bad.add(l.split.Images.Name(k), err); err != nil {
			return -1, err
		}
		if k = (k + 1) % l.split.Len(); !l.opt.Shuffle || k == next {
			clear(dst)
			return -1, nil
		}
	}
	pixels, g := im.Pixels, more(l.opt.Seed, epoch, own)
	switch {
	case a.ResizedCrop.on():
		pixels = resizedPart(l.fit.filter(), im, a.ResizedCrop.draw(g, im.Height, im.Width), l.depth, l.h, l.w)
	case l.split.Images != nil:
		pixels = l.fit.apply(im, l.depth, l.h, l.w)
	}
	if a.Jitter.on() {
		if !a.ResizedCrop.on() {
			pixels = slices.Clone(pixels)
		}
		a.Jitter.apply(g, pixels)
	}
	l.table.image(dst, pixels, l.h, l.w, l.depth, a.draw(l.opt.Seed, epoch, own))
	return l.split.Labels[k], nil
}

// read is image k as it is stored.
func (l *Loader) read(k int) (Image, error) {
	if l.split.Images == nil {
		size := l.h * l.w * l.depth
		return Image{l.h, l.w, l.split.Pixels[k*size : (k+1)*size]}, nil
	}
	return l.split.Images.Image(k)
}

// takeSpare returns a batch of an earlier iterator, or a new one.
func (l *Loader) takeSpare() *Batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.spare); n > 0 {
		b := l.spare[n-1]
		l.spare = l.spare[:n-1]
		return b
	}
	return &Batch{
		X:       make([]float32, l.opt.Batch*l.h*l.w*l.depth),
		Y:       make([]int32, l.opt.Batch),
		filling: &filling{ready: make(chan struct{}, 1)},
	}
}

func (l *Loader) giveSpare(b *Batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spare = append(l.spare, b)
}
