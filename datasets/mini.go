package datasets

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"runtime"
	"sync"
)

// cifar10-mini.bin holds JPEG files. All begin with the same bytes (their
// quantization and Huffman tables), two thirds of each, so those are kept once:
//
//	uint16 n (little-endian), n bytes that begin every JPEG file
//	then 5,000 training and 1,000 test images, each
//	uint8 label, uint16 n, n bytes: the rest of the JPEG file
//
// Image i of a split has class i mod 10, so any prefix is balanced within one.
// go run ./datasets/gen writes it and says which images it takes.
//
//go:embed cifar10-mini.bin
var miniFile []byte

const miniTrain, miniTest = 5000, 1000

var _ = Register(cifarSource(Source{
	Name:  "cifar10-mini",
	Train: miniTrain,
	Test:  miniTest,
	Open:  openMini,

	locate:  locateMini,
	files:   miniInfo,
	builtIn: true,
}, cifar10Classes))

// locateMini finds nothing, for nothing is looked for; but a directory that was named is there.
func locateMini(dir string) (string, error) {
	if _, err := os.Stat(dir); dir != "" && err != nil {
		return "", &MissingError{dir, fmt.Sprintf("data directory %s does not exist; cifar10-mini is embedded and needs none", dir)}
	}
	return "", nil
}

func openMini(string) (train, test Split, err error) {
	train, test = cifarSplit(miniTrain), cifarSplit(miniTest)
	if err := decodeMini(miniFile, train, test); err != nil {
		return Split{}, Split{}, fmt.Errorf("cifar10-mini: embedded file: %w", err)
	}
	return train, test, nil
}

// decodeMini fills the splits from a file in the format above.
func decodeMini(file []byte, train, test Split) error {
	head, file, ok := cutBlock(file)
	if !ok {
		return errCut
	}
	var bodies [][]byte
	for _, labels := range [][]int32{train.Labels, test.Labels} {
		for i := range labels {
			if len(file) == 0 || int(file[0]) >= len(cifar10Classes) {
				return errCut
			}
			labels[i] = int32(file[0])
			var body []byte
			if body, file, ok = cutBlock(file[1:]); !ok {
				return errCut
			}
			bodies = append(bodies, body)
		}
	}
	if len(file) > 0 {
		return errCut
	}

	// The pixels are a pure function of the file, so the workers' number, one
	// for each CPU, changes nothing.
	workers := runtime.GOMAXPROCS(0)
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(bodies) && errs[w] == nil; i += workers {
				s, name, k := train, "train", i
				if i >= train.Len() {
					s, name, k = test, "test", i-train.Len()
				}
				if err := decodeJPEG(s.Pixels[k*cifarPixels:(k+1)*cifarPixels], head, bodies[i]); err != nil {
					errs[w] = fmt.Errorf("%s image %d: %w", name, k, err)
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

var errCut = errors.New("not a whole number of labelled images; build from an unmodified source tree")

// cutBlock takes a uint16 n and n bytes off the front of b.
func cutBlock(b []byte) (block, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.LittleEndian.Uint16(b))
	if b = b[2:]; len(b) < n {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

// decodeJPEG decodes head+body to an (H, W, C) image.
func decodeJPEG(dst []uint8, head, body []byte) error {
	file := make([]byte, 0, len(head)+len(body))
	im, err := jpeg.Decode(bytes.NewReader(append(append(file, head...), body...)))
	if err != nil {
		return err
	}
	ycc, ok := im.(*image.YCbCr)
	if size := im.Bounds().Size(); !ok || size.X != cifarSide || size.Y != cifarSide {
		return fmt.Errorf("want a %dx%d YCbCr image, found %dx%d %T", cifarSide, cifarSide, size.X, size.Y, im)
	}
	for y := range cifarSide {
		for x := range cifarSide {
			luma, chroma := ycc.YOffset(x, y), ycc.COffset(x, y)
			p := dst[3*(y*cifarSide+x):][:3]
			p[0], p[1], p[2] = color.YCbCrToRGB(ycc.Y[luma], ycc.Cb[chroma], ycc.Cr[chroma])
		}
	}
	return nil
}
