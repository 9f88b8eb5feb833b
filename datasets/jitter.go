package datasets

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Jitter changes the colors of training images at random, as torchvision's ColorJitter does with Pillow: factors of brightness,
// contrast and saturation are uniform in [max(0, 1-v), 1+v], the hue turns by a share of the circle that is uniform in [-v, v],
// in an order that is drawn for each image. Zeros change nothing.
type Jitter struct {
	Brightness, Contrast, Saturation float64 // 0 or more
	Hue                              float64 // 0 to 1/2
}

func (j Jitter) on() bool { return j != Jitter{} }

func (j Jitter) check() error {
	for _, v := range []float64{j.Brightness, j.Contrast, j.Saturation} {
		if !(v >= 0 && v <= 1000) {
			return fmt.Errorf("want jitters of 0 to 1000, found %v", v)
		}
	}
	if !(j.Hue >= 0 && j.Hue <= 0.5) {
		return fmt.Errorf("want a jitter of the hue of 0 to 0.5, found %v", j.Hue)
	}
	return nil
}

// apply draws and changes (H, W, 3) pixels.
func (j Jitter) apply(g *rand.Rand, pixels []uint8) {
	order := g.Perm(4)
	factor := func(v float64) float64 {
		lo := max(0, 1-v)
		return lo + (1+v-lo)*g.Float64()
	}
	brightness, contrast, saturation := factor(j.Brightness), factor(j.Contrast), factor(j.Saturation)
	hue := j.Hue * (2*g.Float64() - 1)
	for _, k := range order {
		switch {
		case k == 0 && j.Brightness > 0:
			adjustBrightness(pixels, brightness)
		case k == 1 && j.Contrast > 0:
			adjustContrast(pixels, contrast)
		case k == 2 && j.Saturation > 0:
			adjustSaturation(pixels, saturation)
		case k == 3 && j.Hue > 0:
			adjustHue(pixels, hue)
		}
	}
}

// blend is base + factor*(v - base), cut off to a whole level (Pillow's Blend.c).
func blend(base, v uint8, factor float32) uint8 {
	return uint8(min(max(float32(base)+float32(factor*float32(int(v)-int(base))), 0), 255))
}

// gray is the luma of a pixel (ITU-R BT.601) in 16 bits (Pillow's Convert.c).
func gray(p []uint8) uint8 {
	return uint8((int(p[0])*19595 + int(p[1])*38470 + int(p[2])*7471 + 1<<15) >> 16)
}

func adjustBrightness(pixels []uint8, factor float64) {
	for i, v := range pixels {
		pixels[i] = blend(0, v, float32(factor))
	}
}

func adjustContrast(pixels []uint8, factor float64) {
	sum := 0
	for i := 0; i < len(pixels); i += 3 {
		sum += int(gray(pixels[i : i+3]))
	}
	mean := uint8(float64(sum)/float64(len(pixels)/3) + 0.5)
	for i, v := range pixels {
		pixels[i] = blend(mean, v, float32(factor))
	}
}

func adjustSaturation(pixels []uint8, factor float64) {
	for i := 0; i < len(pixels); i += 3 {
		p := pixels[i : i+3]
		l := gray(p)
		for c, v := range p {
			p[c] = blend(l, v, float32(factor))
		}
	}
}

// adjustHue turns the hue, of 256 steps, by so many of them, toward 0.
func adjustHue(pixels []uint8, hue float64) {
	turn := uint8(int(hue * 255))
	for i := 0; i < len(pixels); i += 3 {
		p := pixels[i : i+3]
		h, s, v := hsv(p[0], p[1], p[2])
		p[0], p[1], p[2] = rgbOf(h+turn, s, v)
	}
}

// hsv is hue, saturation and value in bytes (Smith 1978; Pillow's Convert.c, in its float32).
func hsv(r, g, b uint8) (h, s, v uint8) {
	most, least := max(r, g, b), min(r, g, b)
	if most == least {
		return 0, 0, most
	}
	span := float32(most - least)
	rc, gc, bc := float32(most-r)/span, float32(most-g)/span, float32(most-b)/span
	var hue float32
	switch most {
	case r:
		hue = bc - gc
	case g:
		hue = float32(2 + float64(rc) - float64(bc))
	default:
		hue = float32(4 + float64(gc) - float64(rc))
	}
	hue = float32(math.Mod(float64(hue)/6+1, 1))
	return uint8(float64(hue) * 255), uint8(float64(span/float32(most)) * 255), most
}

func rgbOf(h, s, v uint8) (r, g, b uint8) {
	if s == 0 {
		return v, v, v
	}
	at := float64(h) * 6 / 255
	sector := math.Floor(at)
	f, fs := float64(float32(at-sector)), float64(float32(float64(s)/255))
	level := func(x float64) uint8 { return uint8(min(max(math.Round(float64(v)*x), 0), 255)) }
	p, q, t := level(1-fs), level(1-float64(fs*f)), level(1-float64(fs*float64(1-f)))
	switch int(sector) % 6 {
	case 0:
		return v, t, p
	case 1:
		return q, v, p
	case 2:
		return p, v, t
	case 3:
		return p, q, v
	case 4:
		return t, p, v
	}
	return v, p, q
}
