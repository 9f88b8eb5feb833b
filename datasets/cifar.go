package datasets

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/qat-go/qat/internal/regular"
)

// The binary versions of CIFAR: https://www.cs.toronto.edu/~kriz/cifar.html. A
// record is a byte for each of its labels and 3,072 pixel bytes: the red, green and
// blue planes, each row-major.
const (
	cifarSide     = 32
	cifarPlane    = cifarSide * cifarSide
	cifarChannels = 3
	cifarPixels   = cifarPlane * cifarChannels

	// The whole set has 60,000 records. More in one file is another file's size.
	cifarMaxRecords = 60000
)

// cifar is one of the data sets, with one of its labels.
type cifar struct {
	archive archive
	files   []string // of the archive's folder; the last is the test split
	labels  int      // bytes ahead of the pixels
	label   int      // the one that counts
	classes []string
}

// newCIFAR completes the archive.
func newCIFAR(c cifar) cifar {
	c.archive.marker, c.archive.check = c.files[0], c.check
	return c
}

// record is the bytes of one.
func (c cifar) record() int { return c.labels + cifarPixels }

// source is the data set of images of that many classes. Mean and Std are ImageNet's, as in the CIFAR ResNets' reference
// implementations, so their pretrained weights see the inputs they were trained on.
func (c cifar) source(s Source) Source {
	s.Train, s.Test = 50000, 10000
	s.Open, s.locate, s.download, s.files, s.images = c.open, c.archive.locate, c.archive.install, c.info, c.images
	return cifarSource(s, c.classes)
}

// cifarSource gives a data set CIFAR's shape.
func cifarSource(s Source, classes []string) Source {
	s.Classes = classes
	s.Height, s.Width = cifarSide, cifarSide
	s.Mean, s.Std = imagenetMean, imagenetStd
	return s
}

// cifarSplit has room for n images.
func cifarSplit(n int) Split {
	return Split{Pixels: make([]uint8, n*cifarPixels), Labels: make([]int32, n)}
}

func (c cifar) open(dir string) (train, test Split, err error) {
	folder, counts, err := c.find(dir)
	if err != nil {
		return Split{}, Split{}, err
	}
	last := len(counts) - 1
	sum := 0
	for _, n := range counts[:last] {
		sum += n
	}
	train, test = cifarSplit(sum), cifarSplit(counts[last])

	errs := make([]error, len(counts))
	var wg sync.WaitGroup
	split, first := train, 0
	for i, n := range counts {
		if i == last {
			split, first = test, 0
		}
		pixels, labels := split.Pixels[first*cifarPixels:(first+n)*cifarPixels], split.Labels[first:first+n]
		wg.Go(func() { errs[i] = c.readFile(filepath.Join(folder, c.files[i]), pixels, labels) })
		first += n
	}
	wg.Wait()
	return train, test, errors.Join(errs...)
}

// find returns the data set's folder and the numbers of records of its
// files; dir is where locate looks for it.
func (c cifar) find(dir string) (folder string, counts []int, err error) {
	if folder, err = c.archive.locate(dir); err != nil {
		return "", nil, err
	}
	counts, err = c.records(folder)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w; move %s away and run \"qat data get %s --data %s\"", err, folder, c.archive.dataset, dir)
	}
	return folder, counts, err
}

// records returns the number of records of each of the files.
func (c cifar) records(folder string) ([]int, error) {
	counts := make([]int, len(c.files))
	for i, name := range c.files {
		n, err := c.count(filepath.Join(folder, name))
		if err != nil {
			return nil, err
		}
		counts[i] = n
	}
	return counts, nil
}

// check is records for archives.
func (c cifar) check(folder string) error {
	_, err := c.records(folder)
	return err
}

// count returns the number of records that the file's size stands for.
func (c cifar) count(path string) (int, error) {
	f, size, err := regular.Open(path)
	if err != nil {
		return 0, err
	}
	f.Close()
	return c.recordsIn(path, size)
}

func (c cifar) recordsIn(path string, size int64) (int, error) {
	n, over := size/int64(c.record()), size%int64(c.record())
	if n == 0 || over != 0 || n > cifarMaxRecords {
		return 0, fmt.Errorf("%s: want 1 to %d whole records of %d bytes, found %d bytes (%d records and %d bytes over); "+
			"the file is cut off or of another format: delete it and download again", path, cifarMaxRecords, c.record(), size, n, over)
	}
	return int(n), nil
}

func (c cifar) readFile(path string, pixels []uint8, labels []int32) error {
	f, _, err := regular.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return c.readRecords(f, path, pixels, labels)
}

// readRecords reads len(labels) records and turns planes into (H, W, C)
// images. Done here, once, this costs less than the read itself and leaves
// the loader one contiguous row to copy where it would gather from three.
func (c cifar) readRecords(r io.Reader, path string, pixels []uint8, labels []int32) error {
	size := c.record()
	buf := make([]byte, 64*size)
	for done := 0; done < len(labels); {
		chunk := buf[:min(64, len(labels)-done)*size]
		if n, err := io.ReadFull(r, chunk); err != nil {
			return fmt.Errorf("%s: record %d of %d: %w; did the file change while it was read?", path, done+n/size, len(labels), err)
		}
		for ; len(chunk) > 0; chunk = chunk[size:] {
			label := chunk[c.label]
			if int(label) >= len(c.classes) {
				return fmt.Errorf("%s: record %d of %d: want a label of 0 to %d, found %d; "+
					"the file is damaged or of another format: delete it and download again", path, done, len(labels), len(c.classes)-1, label)
			}
			labels[done] = int32(label)
			interleave(pixels[done*cifarPixels:(done+1)*cifarPixels], chunk[c.labels:size])
			done++
		}
	}
	return nil
}

// interleave turns (C, H, W) planes into an (H, W, C) image.
func interleave(dst, src []uint8) {
	r, g, b := src[:cifarPlane], src[cifarPlane:2*cifarPlane], src[2*cifarPlane:cifarPixels]
	dst = dst[:cifarPixels]
	for i := range cifarPlane {
		p := dst[3*i : 3*i+3 : 3*i+3]
		p[0], p[1], p[2] = r[i], g[i], b[i]
	}
}

func (c cifar) images(dir string) (n int, err error) {
	_, counts, err := c.find(dir)
	for _, in := range counts {
		n += in
	}
	return n, err
}

func (c cifar) info(dir string) ([]File, error) {
	folder, counts, err := c.find(dir)
	if err != nil {
		return nil, err
	}
	files := make([]File, len(c.files))
	for i, name := range c.files {
		path := filepath.Join(folder, name)
		sum, err := fileSHA256(path)
		if err != nil {
			return nil, err
		}
		files[i] = File{path, "train", counts[i], int64(counts[i]) * int64(c.record()), sum}
	}
	files[len(files)-1].Split = "test"
	return files, nil
}
