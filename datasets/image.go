package datasets

import (
	"bytes"
	"fmt"
	"image"
	_ "image/jpeg" // registers the formats that ReadImage takes
	_ "image/png"
	"io"

	"golang.org/x/image/draw"

	"github.com/qat-go/qat/internal/regular"
)

// maxImage is the largest number of pixels that an image may have: that of an 8K
// screen, and a bound for the memory that a small file can ask for.
const maxImage = 1 << 25

// maxImageFile is the size of the largest image's file, in bytes: uncompressed it has four channels of 16 bits, and
// a MiB is for what is not pixels.
const maxImageFile = 8*maxImage + 1<<20

// ReadImage reads a JPEG or PNG file as ReadImageFrom does.
func ReadImage(path string, height, width int) ([]uint8, error) {
	data, err := regular.Read(path, maxImageFile)
	if err != nil {
		return nil, err
	}
	p, err := decodeImage(data, height, width)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// ReadImageFrom decodes a JPEG or PNG image into bytes (height, width, 3) of red,
// green and blue. Of an image of another size it takes the largest rectangle in the
// middle with the proportions of height and width, and resamples it by Catmull and
// Rom's cubic filter; an image of that size stays as it is, byte for byte. What is
// transparent is black. An image with an orientation tag (EXIF) is turned upright first. A
// image of more than 2^25 pixels, or a JPEG image whose scans together pass over more
// than 16 times as many, is an error before any of it is decoded.
func ReadImageFrom(r io.Reader, height, width int) ([]uint8, error) {
	if r == nil {
		return nil, fmt.Errorf("there is no image to read; want a reader")
	}
	data, err := io.ReadAll(io.LimitReader(r, maxImageFile+1))
	if err == nil && len(data) > maxImageFile {
		err = fmt.Errorf("more than %d bytes, so not an image", maxImageFile)
	}
	if err != nil {
		return nil, err
	}
	return decodeImage(data, height, width)
}

func decodeImage(data []byte, height, width int) ([]uint8, error) {
	cfg, format, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("not a JPEG or PNG image: %w", err)
	}
	if cfg.Width < 1 || cfg.Height < 1 || cfg.Width > maxImage/cfg.Height {
		return nil, fmt.Errorf("the %s image has %dx%d pixels, want 1 to %d; make it smaller first", format, cfg.Width, cfg.Height, maxImage)
	}
	if format == "jpeg" {
		if err := checkScans(data, cfg.Width*cfg.Height); err != nil {
			return nil, err
		}
	}
	src, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("damaged %s image: %w", format, err)
	}
	src = upright(src, orientation(data))
	dst := image.NewRGBA(image.Rect(0, 0, width, height))
	if from := crop(src.Bounds(), height, width); from.Size() == dst.Rect.Size() {
		draw.Draw(dst, dst.Rect, src, from.Min, draw.Src)
	} else {
		draw.CatmullRom.Scale(dst, dst.Rect, src, from, draw.Src, nil)
	}
	pixels := make([]uint8, 0, height*width*3)
	for i := 0; i < len(dst.Pix); i += 4 {
		pixels = append(pixels, dst.Pix[i:i+3]...)
	}
	return pixels, nil
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
