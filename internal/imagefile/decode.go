// Package imagefile decodes files of images to red, green and blue as Pillow's loader of torchvision does
// (Image.open(file).convert("RGB")): JPEG, PNG, GIF's first frame, BMP and WebP, whatever the file's name says.
package imagefile

import (
	"bytes"
	"fmt"
	"image"
	_ "image/gif" // registers formats that Decode takes
	_ "image/jpeg"
	_ "image/png"

	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/webp"
)

// MaxPixels is the largest number of pixels that an image may have: that of an 8K screen, and a bound for the memory that a
// small file can ask for.
const MaxPixels = 1 << 25

// MaxBytes is the size of the largest image's file: uncompressed it has four channels of 16 bits, and a MiB is for what is
// not pixels.
const MaxBytes = 8*MaxPixels + 1<<20

// Image is (Height, Width, 3) bytes of red, green and blue.
type Image struct {
	Height, Width int
	Pixels        []uint8
}

// Formats are the names of what Decode takes, for messages.
const Formats = "JPEG, PNG, GIF, BMP or WebP"

// Decode decodes a file's content. Gray is that gray in all channels, an opacity is left out, of 16 bits the upper 8 are
// taken, and CMYK, which JPEG files hold inverted, becomes (255-K)(255-C)/255 and so on. turn turns an image upright that
// has an orientation tag (EXIF); Pillow's loader leaves it as it lies. An image of more than [MaxPixels], or a JPEG image
// whose scans together pass over more than 16 times as many, is an error before any of it is decoded, and so is a file that
// ends too early.
func Decode(data []byte, turn bool) (Image, error) {
	cfg, format, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return Image{}, fmt.Errorf("not a %s image: %w", Formats, err)
	}
	if cfg.Width < 1 || cfg.Height < 1 || cfg.Width > MaxPixels/cfg.Height {
		return Image{}, fmt.Errorf("the %s image has %dx%d pixels, want 1 to %d; make it smaller first", format, cfg.Width, cfg.Height, MaxPixels)
	}
	if format == "jpeg" {
		if err := checkScans(data, cfg.Width*cfg.Height); err != nil {
			return Image{}, err
		}
	}
	src, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return Image{}, fmt.Errorf("damaged %s image: %w", format, err)
	}
	im := rgb(src, cfg.Width, cfg.Height, format)
	if turn {
		im = upright(im, orientation(data))
	}
	return im, nil
}

// rgb converts an image that lies on a canvas of this size; GIF's frames may be smaller, the rest is black.
func rgb(src image.Image, width, height int, format string) Image {
	b := src.Bounds()
	im := Image{height, width, make([]uint8, 3*width*height)}
	if format == "webp" {
		switch src := src.(type) {
		case *image.YCbCr:
			webp(im, src)
			return im
		case *image.NYCbCrA:
			webp(im, &src.YCbCr)
			return im
		}
	}
	if b != image.Rect(0, 0, width, height) {
		part := Image{b.Dy(), b.Dx(), make([]uint8, 3*b.Dx()*b.Dy())}
		convert(part, src)
		for y := max(b.Min.Y, 0); y < min(b.Max.Y, height); y++ {
			from, to := max(b.Min.X, 0), min(b.Max.X, width)
			if from < to {
				copy(im.Pixels[3*(y*width+from):3*(y*width+to)], part.Pixels[3*((y-b.Min.Y)*part.Width+from-b.Min.X):])
			}
		}
		return im
	}
	convert(im, src)
	return im
}

// convert writes an image of dst's size to it.
func convert(dst Image, src image.Image) {
	b := src.Bounds()
	switch src := src.(type) {
	case *image.YCbCr:
		ycc(dst, src)
		return
	case *image.Gray:
		for y := range dst.Height {
			row := src.Pix[y*src.Stride:][:dst.Width]
			for x, v := range row {
				p := dst.Pixels[3*(y*dst.Width+x):][:3]
				p[0], p[1], p[2] = v, v, v
			}
		}
		return
	case *image.CMYK:
		for y := range dst.Height {
			for x := range dst.Width {
				in := src.Pix[y*src.Stride+4*x:][:4]
				p := dst.Pixels[3*(y*dst.Width+x):][:3]
				light := 255 - int(in[3])
				for c := range p {
					t := int(in[c])*light + 128
					p[c] = uint8(max(light-((t>>8)+t)>>8, 0))
				}
			}
		}
		return
	}
	at := straight(src)
	for y := range dst.Height {
		for x := range dst.Width {
			p := dst.Pixels[3*(y*dst.Width+x):][:3]
			p[0], p[1], p[2] = at(b.Min.X+x, b.Min.Y+y)
		}
	}
}

// straight reads colors that opacity did not change.
func straight(src image.Image) func(x, y int) (r, g, b uint8) {
	switch src := src.(type) {
	case *image.NRGBA:
		return func(x, y int) (r, g, b uint8) { c := src.NRGBAAt(x, y); return c.R, c.G, c.B }
	case *image.NRGBA64:
		return func(x, y int) (r, g, b uint8) {
			c := src.NRGBA64At(x, y)
			return uint8(c.R >> 8), uint8(c.G >> 8), uint8(c.B >> 8)
		}
	case *image.RGBA:
		return func(x, y int) (r, g, b uint8) { c := src.RGBAAt(x, y); return c.R, c.G, c.B }
	case *image.Paletted:
		var table [256][3]uint8
		for i, c := range src.Palette {
			table[i] = plain(c)
		}
		return func(x, y int) (r, g, b uint8) { t := table[src.ColorIndexAt(x, y)]; return t[0], t[1], t[2] }
	}
	return func(x, y int) (r, g, b uint8) { t := plain(src.At(x, y)); return t[0], t[1], t[2] }
}
