package datasets

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
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
	d.Train.Labels, d.Validation.Labels = divided(d.Train.Labels, held)
	d.Train.Pixels, d.Validation.Pixels = divided(d.Train.Pixels, held)
	d.Train.Values, d.Validation.Values = divided(d.Train.Values, held)
	return nil
}

// divided brings what is held behind what is kept, each in the order it had, in the memory of all. An image, or its label, takes
// as many elements as any other.
func divided[T any](all []T, held []bool) (kept, out []T) {
	size, n := len(all)/len(held), 0
	for i, h := range held {
		part := all[i*size : (i+1)*size]
		if h {
			out = append(out, part...)
			continue
		}
		n += copy(all[n:], part)
	}
	copy(all[n:], out)
	return all[:n:n], all[n:]
}

// shareOf divides the images of dir, by their labels: a share of each class, chosen by a seed, is the test set. Both keep the
// order of all.
func shareOf(dir string, labels []int32, classes []string, share float64, seed uint64) (train, test []int32, err error) {
	members := make([][]int32, len(classes))
	for i, label := range labels {
		members[label] = append(members[label], int32(i))
	}
	for c, m := range members {
		n := int(math.Round(share * float64(len(m))))
		if n > 0 && n >= len(m) {
			return nil, nil, fmt.Errorf("%s: class %q has %d images, too few to take a share of %v for testing; add images, or lower data.test_share", dir, classes[c], len(m), share)
		}
		r := rand.New(rand.NewPCG(seed, uint64(c)))
		r.Shuffle(len(m), func(i, j int) { m[i], m[j] = m[j], m[i] })
		test, train = append(test, m[:n]...), append(train, m[n:]...)
	}
	slices.Sort(train)
	slices.Sort(test)
	return train, test, nil
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
