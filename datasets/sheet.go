package datasets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"

	"github.com/qat-go/qat/internal/resize"
)

const (
	sheetImages  = 10
	sheetColumns = 5
	sheetSide    = 128 // pixels of an image's cell
	sheetGap     = 4
)

// ContactSheet draws ten training images, of as many classes as there are, five in a row, as a PNG file: each fits into 128x128
// pixels.
func ContactSheet(ctx context.Context, w io.Writer, name string, o Options) error {
	ctx = cmp.Or(ctx, context.Background())
	if w == nil {
		return errors.New("there is nothing to write the sheet to; want a writer")
	}
	d, err := Open(name, o)
	if err != nil {
		return err
	}
	if d.Real {
		return fmt.Errorf("contact sheet: %s is of numbers, which are no images", name)
	}
	step := sheetSide + sheetGap
	rows := sheetImages / sheetColumns
	sheet := image.NewRGBA(image.Rect(0, 0, sheetColumns*step+sheetGap, rows*step+sheetGap))
	for i := range sheet.Pix {
		sheet.Pix[i] = 255
	}
	for i, k := range spread(d.Train.Labels, len(d.Classes), sheetImages) {
		if err := ctx.Err(); err != nil {
			return err
		}
		im, err := d.image(d.Train, k)
		if err != nil {
			return err
		}
		h, width := sheetSide, max(sheetSide*im.Width/im.Height, 1)
		if im.Height < im.Width {
			h, width = max(sheetSide*im.Height/im.Width, 1), sheetSide
		}
		pixels := resize.Scale(resize.Bilinear, im.Pixels, im.Height, im.Width, d.Channels, h, width)
		x0, y0 := sheetGap+i%sheetColumns*step+(sheetSide-width)/2, sheetGap+i/sheetColumns*step+(sheetSide-h)/2
		for y := range h {
			for x := range width {
				p := pixels[(y*width+x)*d.Channels:]
				c := color.RGBA{p[0], p[0], p[0], 255}
				if d.Channels == 3 {
					c = color.RGBA{p[0], p[1], p[2], 255}
				}
				sheet.SetRGBA(x0+x, y0+y, c)
			}
		}
	}
	if err := png.Encode(w, sheet); err != nil {
		return fmt.Errorf("contact sheet: %w", err)
	}
	return nil
}

// spread chooses up to n images of as many classes as there are: the first of each class, in steps over the classes, then the
// second.
func spread(labels []int32, classes, n int) (index []int) {
	first := make([][]int, classes)
	for i, l := range labels {
		if len(first[l]) < n {
			first[l] = append(first[l], i)
		}
	}
	every := max(classes/n, 1)
	for round := 0; len(index) < n && round < n; round++ {
		for c := 0; c < classes && len(index) < n; c += every {
			if round < len(first[c]) {
				index = append(index, first[c][round])
			}
		}
	}
	return index
}

// image is one image of a split as it is stored.
func (d *Dataset) image(s Split, i int) (Image, error) {
	if s.Images != nil {
		return s.Images.Image(i)
	}
	size := d.Height * d.Width * d.Channels
	return Image{d.Height, d.Width, s.Pixels[i*size : (i+1)*size]}, nil
}
