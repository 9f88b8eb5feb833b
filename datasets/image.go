package datasets

import (
	"fmt"
	"image"
	"io"

	"github.com/qat-go/qat/internal/imagefile"
	"github.com/qat-go/qat/internal/regular"
	"github.com/qat-go/qat/internal/resize"
)

// ReadImage reads an image file as ReadImageFrom does.
func ReadImage(path string, height, width int) ([]uint8, error) {
	data, err := regular.Read(path, imagefile.MaxBytes)
	if err != nil {
		return nil, err
	}
	p, err := decodeImage(data, height, width)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// ReadImageFrom decodes a JPEG, PNG, GIF, BMP or WebP image into bytes (height, width, 3)
// of red, green and blue. Of an image of another size it takes the largest rectangle in the
// middle with the proportions of height and width, and resizes it as Pillow does with its
// bicubic filter; an image of that size stays as it is, byte for byte. Opacity is left out.
// An image with an orientation tag (EXIF) is turned upright first. An
// image of more than 2^25 pixels, or a JPEG image whose scans together pass over more
// than 16 times as many, is an error before any of it is decoded.
func ReadImageFrom(r io.Reader, height, width int) ([]uint8, error) {
	if r == nil {
		return nil, fmt.Errorf("there is no image to read; want a reader")
	}
	data, err := io.ReadAll(io.LimitReader(r, imagefile.MaxBytes+1))
	if err == nil && len(data) > imagefile.MaxBytes {
		err = fmt.Errorf("more than %d bytes, so not an image", imagefile.MaxBytes)
	}
	if err != nil {
		return nil, err
	}
	return decodeImage(data, height, width)
}

func decodeImage(data []byte, height, width int) ([]uint8, error) {
	im, err := imagefile.Decode(data, true)
	if err != nil {
		return nil, err
	}
	from := crop(image.Rect(0, 0, im.Width, im.Height), height, width)
	return resizedPart(resize.Bicubic, Image(im), from, 3, height, width), nil
}

// ReadFitted reads an image file as data sets of files do: into bytes (height, width, 3) by a fit.
func ReadFitted(path string, height, width int, f Fit) ([]uint8, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	im, err := readImage(path, f.Turn)
	if err != nil {
		return nil, err
	}
	return f.apply(im, 3, height, width), nil
}

// readImage decodes a file as it is stored.
func readImage(path string, turn bool) (Image, error) {
	data, err := regular.Read(path, imagefile.MaxBytes)
	if err != nil {
		return Image{}, err
	}
	im, err := imagefile.Decode(data, turn)
	if err != nil {
		return Image{}, fmt.Errorf("%s: %w", path, err)
	}
	return Image(im), nil
}

// crop is the largest rectangle in the middle of b with the proportions of height and
// width, 1 pixel or more on each side.
func crop(b image.Rectangle, height, width int) image.Rectangle {
	w, h := b.Dx(), b.Dy()
	if w*height > h*width {
		w = max(h*width/height, 1)
	} else {
		h = max(w*height/width, 1)
	}
	at := b.Min.Add(image.Pt((b.Dx()-w)/2, (b.Dy()-h)/2))
	return image.Rectangle{at, at.Add(image.Pt(w, h))}
}
