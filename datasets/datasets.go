// Package datasets reads image classification data for training and testing.
//
// Most callers want [Open], which reads a data set into memory, and
// [NewLoader], which turns one of its splits into batches of normalized
// float32 pictures. [Download] fetches what is missing, [Info] describes what
// is there.
//
// Pictures are (H, W, C) with 8 bits a channel, in RGB order; a split keeps
// them back to back, (N, H, W, C), once. What a loader delivers is a pure
// function of the split, its options, the epoch and the step: neither the
// number of workers nor a resumed run changes a bit.
package datasets

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
)

// Dataset is a data set in memory.
type Dataset struct {
	Name    string
	Classes []string // Classes[label] is the label's name

	Height, Width, Channels int // of every picture

	// A pixel p of channel c enters the network as (p/255 - Mean[c]) / Std[c].
	Mean, Std [3]float32

	Train      Split
	Validation Split // held out of Train; empty unless Options.Validation asks for it
	Test       Split
}

// Split is one part of a data set.
type Split struct {
	Name   string  // "train", "validation" or "test"
	Pixels []uint8 // (N, H, W, C)
	Labels []int32 // (N)
}

// Len returns N, the number of pictures.
func (s Split) Len() int { return len(s.Labels) }

// Head returns the first n pictures, or all of them if there are fewer.
func (s Split) Head(n int) Split {
	if n = max(n, 0); n >= s.Len() {
		return s
	}
	end := len(s.Pixels) / s.Len() * n
	return Split{s.Name, s.Pixels[:end:end], s.Labels[:n:n]}
}

// Checksum returns the SHA-256 of the labels followed by the pixels, in hex.
// It names the content, wherever it was read from. A label takes one byte if all
// are below 256, else four, the lowest first.
func (s Split) Checksum() string {
	h := sha256.New()
	wide := slices.ContainsFunc(s.Labels, func(label int32) bool { return label>>8 != 0 })
	var labels []byte
	for _, label := range s.Labels {
		if wide {
			labels = binary.LittleEndian.AppendUint32(labels, uint32(label))
		} else {
			labels = append(labels, byte(label))
		}
	}
	h.Write(labels)
	h.Write(s.Pixels)
	return hex.EncodeToString(h.Sum(nil))
}

// Options says how Open reads a data set.
type Options struct {
	// Dir holds the data under the names that the official archives unpack to
	// (cifar-10-batches-bin/). An embedded data set ignores it.
	Dir string

	// Validation is the number of pictures to move from Train to Validation,
	// the same number of every class (the first Validation mod C classes give
	// one more). Every class must keep a training picture.
	Validation int

	// Seed picks the pictures of Validation.
	Seed uint64
}

const (
	cifar10     = "cifar10"
	cifar10Mini = "cifar10-mini"
)

// Open reads the data set of the given name:
//
//	cifar10       CIFAR-10, binary version (Krizhevsky 2009), from Options.Dir
//	cifar10-mini  5,000 training and 1,000 test pictures of CIFAR-10 after
//	              lossy JPEG, balanced over the classes; embedded, needs no file
//
// The error of a data set that is not there wraps [io/fs.ErrNotExist].
func Open(name string, o Options) (*Dataset, error) {
	var d *Dataset
	var err error
	switch name {
	case cifar10:
		d, err = openCIFAR10(o.Dir)
	case cifar10Mini:
		d, err = openMini()
	default:
		err = unknown(name)
	}
	if err == nil {
		err = d.holdOut(o.Validation, o.Seed)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Describe returns the data set of the given name without its pictures: classes,
// sizes and normalization. It reads nothing.
func Describe(name string) (*Dataset, error) {
	if name != cifar10 && name != cifar10Mini {
		return nil, unknown(name)
	}
	return newCIFAR10(name, 0, 0), nil
}

// TrainLen returns how many training pictures the data set of the given name has, before any are held out. It reads nothing.
func TrainLen(name string) (int, error) {
	switch name {
	case cifar10:
		return cifarTrain, nil
	case cifar10Mini:
		return miniTrain, nil
	}
	return 0, unknown(name)
}

func unknown(name string) error {
	return fmt.Errorf("unknown data set %q; expected one of %q, %q", name, cifar10, cifar10Mini)
}

// newCIFAR10 is a data set with CIFAR-10's shape and no pictures. Mean and Std
// are ImageNet's, as in the CIFAR ResNets' reference implementations, so their
// pretrained weights see the inputs they were trained on.
func newCIFAR10(name string, train, test int) *Dataset {
	return &Dataset{
		Name:       name,
		Classes:    slices.Clone(cifar10Classes),
		Height:     cifarSide,
		Width:      cifarSide,
		Channels:   cifarChannels,
		Mean:       [3]float32{.485, .456, .406},
		Std:        [3]float32{.229, .224, .225},
		Train:      newSplit("train", train),
		Validation: newSplit("validation", 0),
		Test:       newSplit("test", test),
	}
}

func newSplit(name string, n int) Split {
	return Split{name, make([]uint8, n*cifarPixels), make([]int32, n)}
}
