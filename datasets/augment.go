package datasets

import "math/rand/v2"

// Augment changes training images at random, the way He et al. 2015
// (https://arxiv.org/abs/1512.03385, section 4.2) train on CIFAR-10. The zero
// value changes nothing.
type Augment struct {
	// Crop pads every side with this many pixels of 0, after normalization,
	// and cuts an image of the old size out of the result.
	Crop int

	// Flip mirrors left and right with probability 1/2, after the crop.
	Flip bool

	ResizedCrop ResizedCrop // before Crop
	Jitter      Jitter      // before Crop
}

// change is what happens to one image: output row y, column x shows input
// row y+dy, column x+dx, or 0 outside; flip then mirrors the columns.
type change struct {
	dy, dx int // in [-Crop, Crop]
	flip   bool
}

// draw is a pure function of its arguments. image counts within the split.
func (a Augment) draw(seed uint64, epoch, image int) change {
	if a.Crop == 0 && !a.Flip {
		return change{}
	}
	var g rand.PCG
	g.Seed(seed, stream(epoch, uint32(image)))
	u := g.Uint64()
	span := uint64(2*a.Crop + 1)
	return change{
		dy:   int((u>>32)*span>>32) - a.Crop,
		dx:   int((u&0xffffffff)*span>>32) - a.Crop,
		flip: a.Flip && g.Uint64()>>63 == 1,
	}
}

// stream numbers the generators of a seed: one for each image of an epoch,
// and for its order the one that no image has.
func stream(epoch int, image uint32) uint64 {
	return uint64(epoch)<<32 | uint64(image)
}

// more draws what Crop and Flip do not: from a generator of its own, so that these stay the same.
func more(seed uint64, epoch, image int) *rand.Rand {
	return rand.New(rand.NewPCG(seed^0x9e3779b97f4a7c15, stream(epoch, uint32(image))))
}

const orderStream = 1<<32 - 1

// shuffled returns the order of an epoch's n images.
func shuffled(seed uint64, epoch, n int) []int {
	return rand.New(rand.NewPCG(seed, stream(epoch, orderStream))).Perm(n)
}

// table holds the normalized value of every pixel value of every channel.
type table [][256]float32

func (d *Dataset) table() table {
	t := make(table, d.Channels)
	for c := range t {
		for p := range t[c] {
			t[c][p] = (float32(p)/255 - d.Mean[c]) / d.Std[c]
		}
	}
	return t
}

// InputRange returns the smallest and the largest value that a pixel of any
// channel has after normalization; of real numbers, Lo and Hi.
func (d *Dataset) InputRange() (lo, hi float32) {
	switch {
	case d == nil || d.checkShape() != nil:
		return 0, 0
	case d.Real:
		return d.Lo, d.Hi
	}
	t := d.table()
	lo, hi = t[0][0], t[0][255]
	for c := range d.Channels {
		lo, hi = min(lo, t[c][0]), max(hi, t[c][255])
	}
	return lo, hi
}

// image writes the changed, normalized image src to dst; both are (h, w, depth).
func (t table) image(dst []float32, src []uint8, h, w, depth int, c change) {
	changed(dst, src, h, w, depth, c, func(row []float32, in []uint8) {
		switch {
		case depth != 3:
			t.pixels(row, in, depth, c.flip)
		case c.flip:
			t.mirrored(row, in)
		default:
			t.row(row, in)
		}
	})
}

// changed writes the changed image src to dst; both are (h, w, depth). normalize writes a part of a row, mirrored if the image is.
func changed[T any](dst []float32, src []T, h, w, depth int, c change, normalize func(row []float32, in []T)) {
	left, right := max(0, -c.dx), min(w, w-c.dx) // columns of dst, before the flip, that src covers
	for y := range h {
		row := dst[depth*w*y : depth*w*(y+1)]
		sy := y + c.dy
		if sy < 0 || sy >= h {
			clear(row)
			continue
		}
		in := src[depth*(w*sy+left+c.dx) : depth*(w*sy+right+c.dx)]
		from, to := left, right
		if c.flip {
			from, to = w-right, w-left
		}
		clear(row[:depth*from])
		clear(row[depth*to:])
		normalize(row[depth*from:depth*to], in)
	}
}

// values is image of real numbers.
func (d *Dataset) values(dst, src []float32, c change) {
	changed(dst, src, d.Height, d.Width, d.Channels, c, func(row, in []float32) {
		n := len(row) / d.Channels
		for x := range n {
			to := x
			if c.flip {
				to = n - 1 - x
			}
			for i := range d.Channels {
				row[to*d.Channels+i] = (in[x*d.Channels+i] - d.Mean[i]) / d.Std[i]
			}
		}
	})
}

// pixels is row, or mirrored, of any number of channels.
func (t table) pixels(dst []float32, src []uint8, depth int, flip bool) {
	n := len(dst) / depth
	for x := range n {
		to := x
		if flip {
			to = n - 1 - x
		}
		for c := range depth {
			dst[to*depth+c] = t[c][src[x*depth+c]]
		}
	}
}

func (t table) row(dst []float32, src []uint8) {
	r, g, b := &t[0], &t[1], &t[2]
	for len(src) >= 3 && len(dst) >= 3 {
		dst[0], dst[1], dst[2] = r[src[0]], g[src[1]], b[src[2]]
		dst, src = dst[3:], src[3:]
	}
}

func (t table) mirrored(dst []float32, src []uint8) {
	r, g, b := &t[0], &t[1], &t[2]
	for n := len(dst); len(src) >= 3 && n >= 3; n -= 3 {
		p := dst[n-3 : n]
		p[0], p[1], p[2] = r[src[0]], g[src[1]], b[src[2]]
		src = src[3:]
	}
}
