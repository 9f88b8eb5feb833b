package datasets

import (
	"fmt"
	"image"
	"math"
	"math/rand/v2"

	"github.com/qat-go/qat/internal/resize"
)

// Fit says how images of any size become those of a data set, in evaluation and where training crops nothing at random: the
// shorter side is resized to ShorterSide, the longer in proportion (rounded down), and the middle is cut out, as torchvision's
// Resize and CenterCrop do. Where the middle is larger than the image, the rest is black.
type Fit struct {
	ShorterSide int    // 0: the larger of the data set's height and width
	Filter      string // "bilinear" (the default) or "bicubic", as Pillow's resize
	Turn        bool   // images by their orientation tags (EXIF), which Pillow's loader ignores
}

// ResizedCrop cuts a part out of a training image and resizes it to the data set's size (Szegedy et al. 2015,
// https://arxiv.org/abs/1409.4842, section 6; torchvision's RandomResizedCrop): its share of the area is uniform in Scale, its
// width over its height log-uniform in Ratio. Of ten tries the first that fits is taken, else the largest part in the middle
// whose proportions are in Ratio. The zero value is off.
type ResizedCrop struct {
	Scale [2]float64 // in (0, 1]
	Ratio [2]float64 // above 0
}

func (r ResizedCrop) on() bool { return r != ResizedCrop{} }

func (r ResizedCrop) check() error {
	switch {
	case !r.on():
		return nil
	case !(r.Scale[0] > 0 && r.Scale[0] <= r.Scale[1] && r.Scale[1] <= 1):
		return fmt.Errorf("want a scale of two shares of the area, 0 < least <= most <= 1, found %v", r.Scale)
	case !(r.Ratio[0] > 0 && r.Ratio[0] <= r.Ratio[1] && r.Ratio[1] <= 1000):
		return fmt.Errorf("want a ratio of two proportions, 0 < least <= most <= 1000, found %v", r.Ratio)
	}
	return nil
}

// draw chooses the part of an image. Roundings are Python's: halves go to the even number.
func (r ResizedCrop) draw(g *rand.Rand, height, width int) image.Rectangle {
	at := func(x, y, w, h int) image.Rectangle { return image.Rect(x, y, x+w, y+h) }
	between := func(b [2]float64) float64 { return b[0] + (b[1]-b[0])*g.Float64() }
	logs := [2]float64{math.Log(r.Ratio[0]), math.Log(r.Ratio[1])}
	for range 10 {
		area := float64(height*width) * between(r.Scale)
		ratio := math.Exp(between(logs))
		w, h := int(math.RoundToEven(math.Sqrt(area*ratio))), int(math.RoundToEven(math.Sqrt(area/ratio)))
		if 0 < w && w <= width && 0 < h && h <= height {
			y := g.IntN(height - h + 1)
			return at(g.IntN(width-w+1), y, w, h)
		}
	}
	w, h := width, height
	switch ratio := float64(width) / float64(height); {
	case ratio < r.Ratio[0]:
		h = min(max(int(math.RoundToEven(float64(w)/r.Ratio[0])), 1), height)
	case ratio > r.Ratio[1]:
		w = min(max(int(math.RoundToEven(float64(h)*r.Ratio[1])), 1), width)
	}
	return at((width-w)/2, (height-h)/2, w, h)
}

// resizedPart cuts a part out and resizes it.
func resizedPart(f resize.Filter, im Image, part image.Rectangle, channels, height, width int) []uint8 {
	from := im.Pixels[(part.Min.Y*im.Width+part.Min.X)*channels:]
	return resize.Window(f, from, im.Width*channels, part.Dy(), part.Dx(), channels, height, width, image.Rect(0, 0, width, height))
}

// filter is that of the fit.
func (f Fit) filter() resize.Filter {
	if f.Filter == "" {
		return resize.Bilinear
	}
	return resize.Filter(f.Filter)
}

func (f Fit) check() error {
	if f.ShorterSide < 0 {
		return fmt.Errorf("want a shorter side of 0 or more pixels, found %d", f.ShorterSide)
	}
	_, err := resize.Parse(string(f.filter()))
	return err
}

// shorter gives an image's size once its shorter side has n pixels (torchvision's _compute_resized_output_size).
func shorter(n, height, width int) (toHeight, toWidth int) {
	if height <= width {
		return n, max(n*width/height, 1)
	}
	return max(n*height/width, 1), n
}

// apply resizes an image and cuts its middle out, which is padded with black first where the image is too small (torchvision's
// center_crop): half of what is over, rounded to the even number, is left out above and to the left; where something is
// missing, the smaller half is above and to the left.
func (f Fit) apply(im Image, channels, height, width int) []uint8 {
	n := f.ShorterSide
	if n == 0 {
		n = max(height, width)
	}
	h, w := im.Height, im.Width
	if min(h, w) != n {
		h, w = shorter(n, h, w)
	}
	offset := func(have, want int) int {
		if have < want {
			return -((want - have) / 2)
		}
		return int(math.RoundToEven(float64(have-want) / 2))
	}
	top, left := offset(h, height), offset(w, width)
	middle := image.Rect(left, top, left+width, top+height).Intersect(image.Rect(0, 0, w, h))
	pixels := resize.Window(f.filter(), im.Pixels, im.Width*channels, im.Height, im.Width, channels, h, w, middle)
	if middle.Dx() == width && middle.Dy() == height {
		return pixels
	}
	dst, row := make([]uint8, height*width*channels), middle.Dx()*channels
	for y := range middle.Dy() {
		copy(dst[((middle.Min.Y+y-top)*width+middle.Min.X-left)*channels:], pixels[y*row:(y+1)*row])
	}
	return dst
}
