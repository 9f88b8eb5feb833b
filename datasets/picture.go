package datasets

import (
	"bytes"
	"fmt"
	"image"
	_ "image/jpeg" // registers the formats that ReadPicture takes
	_ "image/png"
	"io"

	"golang.org/x/image/draw"

	"github.com/qat-go/qat/internal/regular"
)

// maxPicture is the largest number of pixels that a picture may have: that of an 8K
// screen, and a bound for the memory that a small file can ask for.
const maxPicture = 1 << 25

// maxPictureFile is the size of the largest picture's file, in bytes: uncompressed it has four channels of 16 bits, and
// a MiB is for what is not pixels.
const maxPictureFile = 8*maxPicture + 1<<20

// ReadPicture reads a JPEG or PNG file as ReadPictureFrom does.
func ReadPicture(path string, height, width int) ([]uint8, error) {
	data, err := regular.Read(path, maxPictureFile)
	if err != nil {
		return nil, err
	}
	p, err := decodePicture(data, height, width)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// ReadPictureFrom decodes a JPEG or PNG picture into bytes (height, width, 3) of red,
// green and blue. Of a picture of another size it takes the largest rectangle in the
// middle with the proportions of height and width, and resamples it by Catmull and
// Rom's cubic filter; a picture of that size stays as it is, byte for byte. What is
// transparent is black. A picture with an orientation tag (EXIF) is turned upright first. A
// picture of more than 2^25 pixels, or a JPEG picture whose scans together pass over more
// than 16 times as many, is an error before any of it is decoded.
func ReadPictureFrom(r io.Reader, height, width int) ([]uint8, error) {
	if r == nil {
		return nil, fmt.Errorf("there is no picture to read; want a reader")
	}
	data, err := io.ReadAll(io.LimitReader(r, maxPictureFile+1))
	if err == nil && len(data) > maxPictureFile {
		err = fmt.Errorf("more than %d bytes, so not a picture", maxPictureFile)
	}
	if err != nil {
		return nil, err
	}
	return decodePicture(data, height, width)
}

func decodePicture(data []byte, height, width int) ([]uint8, error) {
	cfg, format, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("not a JPEG or PNG picture: %w", err)
	}
	if cfg.Width < 1 || cfg.Height < 1 || cfg.Width > maxPicture/cfg.Height {
		return nil, fmt.Errorf("the %s picture has %dx%d pixels, want 1 to %d; make it smaller first", format, cfg.Width, cfg.Height, maxPicture)
	}
	if format == "jpeg" {
		if err := checkScans(data, cfg.Width*cfg.Height); err != nil {
			return nil, err
		}
	}
	src, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("damaged %s picture: %w", format, err)
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
