// Package datasets reads image classification data for training and testing.
//
// Most callers want [Open], which reads a data set into memory, and
// [NewLoader], which turns one of its splits into batches of normalized
// float32 images. [Download] fetches what is missing, [Info] describes what
// is there.
//
// Images are (H, W, C) with 8 bits a channel, in RGB order; a split in memory keeps
// them back to back, (N, H, W, C), once; one of files reads each when it is needed
// ([Images]), of any size, and [Fit] or [ResizedCrop] makes it (H, W, C). What a loader delivers is a pure
// function of the split, its options, the epoch and the step: neither the
// number of workers nor a resumed run changes a bit.
package datasets

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"math"
	"slices"
)

// Dataset is a data set in memory.
type Dataset struct {
	Name    string
	Classes []string // Classes[label] is the label's name

	Height, Width, Channels int // of every image

	// A pixel p of channel c enters the network as (p/255 - Mean[c]) / Std[c], a real number v as (v - Mean[c]) / Std[c].
	Mean, Std []float32

	// Real says that the splits have Values, no pixels. The network's first quantizer covers those that Lo and Hi are the least
	// and the greatest of, normalized; it clips what is beyond.
	Real   bool
	Lo, Hi float32

	// Fit makes images of other sizes those of the data set.
	Fit Fit

	// Broken counts images that cannot be read: training takes the next one in their place, evaluation leaves them out.
	Broken *Broken

	Train      Split
	Validation Split // held out of Train; empty unless Options.Validation asks for it
	Test       Split
}

// Split is one part of a data set.
type Split struct {
	Name   string    // "train", "validation" or "test"
	Pixels []uint8   // (N, H, W, C); nil if there are Images or Values
	Values []float32 // (N, H, W, C), finite: those of a [Dataset] that is Real
	Labels []int32   // (N)
	Images Images    // those that are not in memory
}

// Len returns N, the number of images.
func (s Split) Len() int { return len(s.Labels) }

// Head returns the first n images, or all of them if there are fewer.
func (s Split) Head(n int) Split {
	if n = max(n, 0); n >= s.Len() {
		return s
	}
	if s.Images != nil {
		index := make([]int32, n)
		for i := range index {
			index[i] = int32(i)
		}
		return s.pick(index)
	}
	end, last := len(s.Pixels)/s.Len()*n, len(s.Values)/s.Len()*n
	return Split{Name: s.Name, Pixels: s.Pixels[:end:end], Values: s.Values[:last:last], Labels: s.Labels[:n:n]}
}

// Checksum returns the SHA-256 of the labels followed by the pixels or the values, in hex.
// It names the content, wherever it was read from. A label takes one byte if all
// are below 256, else four, the lowest first. Of images that are not in memory it is
// the SHA-256 of the labels and of [Images.Fingerprint]: reading them all takes long.
func (s Split) Checksum() string {
	if s.Images != nil {
		return hex.EncodeToString(s.fingerprint())
	}
	h := sha256.New()
	h.Write(labelBytes(s.Labels))
	h.Write(s.Pixels)
	writeValues(h, s.Values)
	return hex.EncodeToString(h.Sum(nil))
}

// writeValues writes the bytes of numbers, the lowest first.
func writeValues(w io.Writer, values []float32) {
	var b []byte
	for len(values) > 0 {
		n := min(len(values), 4096)
		b = b[:0]
		for _, v := range values[:n] {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		w.Write(b) // a hash, which fails never
		values = values[n:]
	}
}

func labelBytes(labels []int32) (b []byte) {
	wide := slices.ContainsFunc(labels, func(label int32) bool { return label>>8 != 0 })
	for _, label := range labels {
		if wide {
			b = binary.LittleEndian.AppendUint32(b, uint32(label))
		} else {
			b = append(b, byte(label))
		}
	}
	return b
}

// Options says how Open reads a data set.
type Options struct {
	// Dir holds the data under the names that the official archives unpack to
	// (cifar-10-batches-bin/). An embedded data set ignores it.
	Dir string

	// Validation is the number of images to move from Train to Validation,
	// the same number of every class (the first Validation mod C classes give
	// one more). Every class must keep a training image.
	Validation int

	// Seed picks the images of Validation.
	Seed uint64

	// Random is what the data set "random" is; the zero value is 1,024 training and 256 test images of 32x32 pixels, 3
	// channels and 10 classes.
	Random Random

	// Folder is what images in folders become.
	Folder Folder

	// Arrays says how NumPy arrays are read.
	Arrays Arrays

	// Labels chooses the labels of a data set that has several: cifar100's are "fine" (the default) or "coarse".
	Labels string

	// Mean and Std, unless nil, take the place of the data set's own: one for each channel, or one for all. Range is the least and
	// the greatest number, normalized, of a data set that is Real.
	Mean, Std, Range []float32

	// MaxBroken is how many images of a data set of files may be unreadable.
	MaxBroken int
}

// Open reads the data set of the given name:
//
//	cifar10       CIFAR-10, binary version (Krizhevsky 2009), from Options.Dir
//	cifar10-mini  5,000 training and 1,000 test images of CIFAR-10 after
//	              lossy JPEG, balanced over the classes; embedded, needs no file
//	cifar100      CIFAR-100, binary version (Krizhevsky 2009), from Options.Dir
//	random        images of random pixels: see Options.Random
//	arrays        NumPy arrays: see Arrays
//	folder        images in folders, a folder a class: see Folder
//	imagenet      ILSVRC 2012 in the same folders
//
// and those that a program has registered. The error of a data set that is not there
// wraps [io/fs.ErrNotExist].
func Open(name string, o Options) (*Dataset, error) {
	s, err := sourceOf(name, o)
	if err != nil {
		return nil, err
	}
	d, err := s.open(o)
	if err == nil {
		err = d.holdOut(o.Validation, o.Seed)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Describe returns the data set of the given name without its images: classes,
// sizes and normalization. It reads nothing.
func Describe(name string, o Options) (*Dataset, error) {
	s, err := sourceOf(name, o)
	if err != nil {
		return nil, err
	}
	return s.describe(), nil
}

// TrainLen returns how many training images the data set of the given name has, before any are held out. It reads nothing; 0
// says that only [Open] tells, as of images in files.
func TrainLen(name string, o Options) (int, error) {
	s, err := sourceOf(name, o)
	if s.counts != nil {
		return 0, nil
	}
	if err != nil || s.layout != nil {
		return 0, err
	}
	return s.Train, nil
}
