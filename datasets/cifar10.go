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

// CIFAR-10, binary version: https://www.cs.toronto.edu/~kriz/cifar.html. A
// record is 1 label byte and 3,072 pixel bytes: the red, green and blue planes,
// each row-major.
const (
	cifarSide     = 32
	cifarPlane    = cifarSide * cifarSide
	cifarChannels = 3
	cifarPixels   = cifarPlane * cifarChannels
	cifarRecord   = 1 + cifarPixels

	// The whole set has 60,000 records. More in one file is another file's size.
	cifarMaxRecords = 60000
)

var cifar10Classes = []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}

var _ = Register(cifarSource(Source{
	Name:     "cifar10",
	Train:    50000,
	Test:     10000,
	Open:     openCIFAR10,
	locate:   cifar10Archive.locate,
	download: cifar10Archive.install,
	files:    cifar10Info,
	images:   cifar10Images,
}))

// cifarSource gives a data set CIFAR-10's classes and shape. Mean and Std are ImageNet's, as in the CIFAR ResNets' reference
// implementations, so their pretrained weights see the inputs they were trained on.
func cifarSource(s Source) Source {
	s.Classes = cifar10Classes
	s.Height, s.Width = cifarSide, cifarSide
	s.Mean, s.Std = [3]float32{.485, .456, .406}, [3]float32{.229, .224, .225}
	return s
}

// cifarSplit has room for n images.
func cifarSplit(n int) Split {
	return Split{Pixels: make([]uint8, n*cifarPixels), Labels: make([]int32, n)}
}

const cifar10Folder = "cifar-10-batches-bin"

// cifar10Files are the files of cifar10Folder; the last is the test split.
var cifar10Files = []string{
	"data_batch_1.bin",
	"data_batch_2.bin",
	"data_batch_3.bin",
	"data_batch_4.bin",
	"data_batch_5.bin",
	"test_batch.bin",
}

func openCIFAR10(dir string) (train, test Split, err error) {
	folder, counts, err := findCIFAR10(dir)
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
		wg.Go(func() { errs[i] = readFile(filepath.Join(folder, cifar10Files[i]), pixels, labels) })
		first += n
	}
	wg.Wait()
	return train, test, errors.Join(errs...)
}

// findCIFAR10 returns the data set's folder and the numbers of records of its
// files; dir is where locate looks for it.
func findCIFAR10(dir string) (folder string, counts []int, err error) {
	if folder, err = cifar10Archive.locate(dir); err != nil {
		return "", nil, err
	}
	counts, err = cifar10Records(folder)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w; move %s away and run \"qat data get cifar10 --data %s\"", err, folder, dir)
	}
	return folder, counts, err
}

// cifar10Records returns the number of records of each of cifar10Files.
func cifar10Records(folder string) ([]int, error) {
	counts := make([]int, len(cifar10Files))
	for i, name := range cifar10Files {
		n, err := countRecords(filepath.Join(folder, name))
		if err != nil {
			return nil, err
		}
		counts[i] = n
	}
	return counts, nil
}

// countRecords returns the number of records that the file's size stands for.
func countRecords(path string) (int, error) {
	f, size, err := regular.Open(path)
	if err != nil {
		return 0, err
	}
	f.Close()
	return recordsIn(path, size)
}

func recordsIn(path string, size int64) (int, error) {
	n, over := size/cifarRecord, size%cifarRecord
	if n == 0 || over != 0 || n > cifarMaxRecords {
		return 0, fmt.Errorf("%s: want 1 to %d whole records of %d bytes, found %d bytes (%d records and %d bytes over); "+
			"the file is cut off or of another format: delete it and download again", path, cifarMaxRecords, cifarRecord, size, n, over)
	}
	return int(n), nil
}

func readFile(path string, pixels []uint8, labels []int32) error {
	f, _, err := regular.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return readRecords(f, path, pixels, labels)
}

// readRecords reads len(labels) records and turns planes into (H, W, C)
// images. Done here, once, this costs less than the read itself and leaves
// the loader one contiguous row to copy where it would gather from three.
func readRecords(r io.Reader, path string, pixels []uint8, labels []int32) error {
	buf := make([]byte, 64*cifarRecord)
	for done := 0; done < len(labels); {
		chunk := buf[:min(64, len(labels)-done)*cifarRecord]
		if n, err := io.ReadFull(r, chunk); err != nil {
			return fmt.Errorf("%s: record %d of %d: %w; did the file change while it was read?", path, done+n/cifarRecord, len(labels), err)
		}
		for ; len(chunk) > 0; chunk = chunk[cifarRecord:] {
			label := chunk[0]
			if int(label) >= len(cifar10Classes) {
				return fmt.Errorf("%s: record %d of %d: want a label of 0 to %d, found %d; "+
					"the file is damaged or of another format: delete it and download again", path, done, len(labels), len(cifar10Classes)-1, label)
			}
			labels[done] = int32(label)
			interleave(pixels[done*cifarPixels:(done+1)*cifarPixels], chunk[1:cifarRecord])
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
