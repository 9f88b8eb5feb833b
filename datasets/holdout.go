package datasets

import (
	"fmt"
	"math/rand/v2"
)

// holdOut moves n images from Train to Validation. Both keep the order they
// had, and share the memory that Train had alone.
func (d *Dataset) holdOut(n int, seed uint64) error {
	if n < 0 {
		return fmt.Errorf("%s: want a validation size of 0 or more, found %d", d.Name, n)
	}
	if n == 0 {
		return nil
	}
	held, err := d.pick(n, seed)
	if err != nil {
		return err
	}
	if d.Train.Images != nil {
		var kept, out []int32
		for i, h := range held {
			if h {
				out = append(out, int32(i))
			} else {
				kept = append(kept, int32(i))
			}
		}
		d.Train, d.Validation = d.Train.pick(kept), d.Train.pick(out)
		d.Validation.Name = "validation"
		return nil
	}
	size := d.Height * d.Width * d.Channels
	all := d.Train
	pixels, labels := make([]uint8, 0, n*size), make([]int32, 0, n)
	kept := 0
	for i, label := range all.Labels {
		image := all.Pixels[i*size : (i+1)*size]
		if held[i] {
			pixels, labels = append(pixels, image...), append(labels, label)
			continue
		}
		copy(all.Pixels[kept*size:], image)
		all.Labels[kept] = label
		kept++
	}
	copy(all.Pixels[kept*size:], pixels)
	copy(all.Labels[kept:], labels)
	d.Train = Split{Name: "train", Pixels: all.Pixels[: kept*size : kept*size], Labels: all.Labels[:kept:kept]}
	d.Validation = Split{Name: "validation", Pixels: all.Pixels[kept*size:], Labels: all.Labels[kept:]}
	return nil
}

// pick marks n training images, the same number of every class.
func (d *Dataset) pick(n int, seed uint64) ([]bool, error) {
	members := make([][]int, len(d.Classes))
	for i, label := range d.Train.Labels {
		members[label] = append(members[label], i)
	}
	held := make([]bool, d.Train.Len())
	for c, m := range members {
		want := n / len(members)
		if c < n%len(members) {
			want++
		}
		if want > 0 && want >= len(m) {
			return nil, fmt.Errorf("%s: a validation split of %d takes %d images of class %q, which has %d training images and must keep one; hold out fewer",
				d.Name, n, want, d.Classes[c], len(m))
		}
		r := rand.New(rand.NewPCG(seed, uint64(c)))
		r.Shuffle(len(m), func(i, j int) { m[i], m[j] = m[j], m[i] })
		for _, i := range m[:want] {
			held[i] = true
		}
	}
	return held, nil
}
