package datasets

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"sync"
)

// Image is (Height, Width, 3) bytes of red, green and blue.
type Image struct {
	Height, Width int
	Pixels        []uint8
}

// Images are the images of a split that stay where they are until they are needed, of any sizes. All methods may be called by
// several goroutines at once.
type Images interface {
	Len() int

	// Image reads image i. The pixels are the caller's.
	Image(i int) (Image, error)

	// Name says which image i is, for messages: its file.
	Name(i int) string

	// Fingerprint writes what tells these images from others, cheaply: names and sizes of files, or checksums that are kept.
	Fingerprint(h hash.Hash)
}

// subset is some of a split's images, in their order.
type subset struct {
	of    Images
	index []int32
}

func (s subset) Len() int                   { return len(s.index) }
func (s subset) Image(i int) (Image, error) { return s.of.Image(int(s.index[i])) }
func (s subset) Name(i int) string          { return s.of.Name(int(s.index[i])) }

func (s subset) Fingerprint(h hash.Hash) {
	s.of.Fingerprint(h)
	fmt.Fprintln(h, s.index)
}

func (s subset) part(i int) (name, content string, alone bool) {
	if p, ok := s.of.(parted); ok {
		return p.part(int(s.index[i]))
	}
	return s.Name(i), "an image", true
}

// pick is some of a split's images, by their numbers.
func (s Split) pick(index []int32) Split {
	p := Split{Name: s.Name, Labels: make([]int32, len(index))}
	for i, k := range index {
		p.Labels[i] = s.Labels[k]
	}
	p.Images = subset{s.Images, index}
	return p
}

// fingerprint is the SHA-256 of the labels and of what tells the images from others.
func (s Split) fingerprint() []byte {
	h := sha256.New()
	h.Write(labelBytes(s.Labels))
	s.Images.Fingerprint(h)
	return h.Sum(nil)
}

// Broken counts the images of a data set that cannot be read. The zero value allows none.
type Broken struct {
	Max int // more are an error

	mu    sync.Mutex
	names map[string]error
	order []string
}

// add notes an image, and is an error if there are too many.
func (b *Broken) add(name string, err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.names[name]; !known {
		if b.names == nil {
			b.names = map[string]error{}
		}
		b.names[name] = err
		b.order = append(b.order, name)
	}
	if len(b.order) <= b.Max {
		return nil
	}
	return fmt.Errorf("%w; %d images cannot be read, and data.max_broken is %d: mend or remove them (\"qat data verify\" finds all), or raise it to skip them", err, len(b.order), b.Max)
}

// List returns the errors of all images that could not be read, each once, in the order in which they were met. Each names its
// file.
func (b *Broken) List() (errs []error) {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, name := range b.order {
		errs = append(errs, b.names[name])
	}
	return errs
}
