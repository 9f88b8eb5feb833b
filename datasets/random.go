package datasets

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
)

// Random says what the data set "random" is: images of random pixels, drawn from Seed, whose labels go round the classes. It
// feeds a network of any input; there is nothing to learn in it but the images themselves.
type Random struct {
	Height, Width, Channels int
	Classes                 int
	Names                   []string // of the classes; nil: class_0, class_1, ...
	Train, Test             int      // images
	Seed                    uint64
}

// randomDefault is what "random" is if nothing is said.
var randomDefault = Random{Height: 32, Width: 32, Channels: 3, Classes: 10, Train: 1024, Test: 256}

var _ = Register(withRandom(Options{}))

// withRandom is the data set that the options describe.
func withRandom(o Options) Source {
	r := o.Random
	if r.Height == 0 && r.Classes == 0 {
		r = randomDefault
	}
	s := Source{
		Name: "random", Height: r.Height, Width: r.Width, Channels: r.Channels, Mean: slices.Repeat([]float32{.5}, max(r.Channels, 3)), Std: slices.Repeat([]float32{.25}, max(r.Channels, 3)),
		Train: r.Train, Test: r.Test, with: withRandom,
		Open: func(string) (train, test Split, err error) { return r.split(r.Train, 0), r.split(r.Test, 1), nil },
	}
	if s.Classes = r.Names; len(s.Classes) != r.Classes {
		s.Classes = placeholders(r.Classes)
	}
	return s
}

// split draws n images from a stream of the seed.
func (r Random) split(n int, stream uint64) Split {
	s := Split{Pixels: make([]uint8, n*r.Height*r.Width*r.Channels), Labels: make([]int32, n)}
	draw := rand.NewPCG(r.Seed, stream)
	rest := s.Pixels
	for ; len(rest) >= 8; rest = rest[8:] {
		binary.LittleEndian.PutUint64(rest, draw.Uint64())
	}
	var last [8]byte
	binary.LittleEndian.PutUint64(last[:], draw.Uint64())
	copy(rest, last[:])
	for i := range s.Labels {
		s.Labels[i] = int32(i % r.Classes)
	}
	return s
}
