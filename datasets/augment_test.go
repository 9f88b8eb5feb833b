package datasets

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// slowImage is change's definition, pixel by pixel: pad, cut out, mirror.
func slowImage(d *Dataset, src []uint8, c change, crop int) []float32 {
	h, w := d.Height, d.Width
	padded := make([][]float32, (h+2*crop)*(w+2*crop))
	for i := range padded {
		y, x := i/(w+2*crop)-crop, i%(w+2*crop)-crop
		padded[i] = make([]float32, d.Channels)
		for ch := range padded[i] {
			if y >= 0 && y < h && x >= 0 && x < w {
				padded[i][ch] = (float32(src[d.Channels*(y*w+x)+ch])/255 - d.Mean[ch]) / d.Std[ch]
			}
		}
	}
	var out []float32
	for y := range h {
		for x := range w {
			if c.flip {
				x = w - 1 - x
			}
			out = append(out, padded[(y+crop+c.dy)*(w+2*crop)+x+crop+c.dx]...)
		}
	}
	return out
}

func TestImage(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, size := range [][3]int{{32, 32, 3}, {1, 1, 3}, {3, 7, 3}, {5, 2, 3}, {5, 9, 1}, {4, 6, 2}} {
		d := cifarSource(Source{}, cifar10Classes).describe()
		d.Height, d.Width, d.Channels = size[0], size[1], size[2]
		src := make([]uint8, d.Height*d.Width*d.Channels)
		for i := range src {
			src[i] = uint8(r.Uint32())
		}
		const crop = 4 // more than some of the images, so nothing of them is left
		for range 200 {
			c := change{r.IntN(2*crop+1) - crop, r.IntN(2*crop+1) - crop, r.IntN(2) == 1}
			if d.Height <= crop || d.Width <= crop {
				c.dy, c.dx = c.dy%d.Height, c.dx%d.Width
			}
			got := make([]float32, len(src))
			for i := range got {
				got[i] = float32(math.NaN()) // a buffer is not clean
			}
			d.table().image(got, src, d.Height, d.Width, d.Channels, c)
			if want := slowImage(d, src, c, crop); !slices.Equal(got, want) {
				t.Fatalf("%dx%d %+v:\ngot  %v\nwant %v", d.Height, d.Width, c, got, want)
			}
		}
	}
}

// The golden values are (p/255 - mean) / std in Python, each operation rounded
// to float32 with struct.pack.
func TestNormalization(t *testing.T) {
	d := cifarSource(Source{}, cifar10Classes).describe()
	for _, g := range []struct {
		channel, pixel int
		want           uint32
	}{{0, 0, 0xc0078bbd}, {0, 255, 0x400fee1d}, {1, 0, 0xc0024924}, {1, 117, 0x3c4e856b}, {2, 128, 0x3eda5d3c}, {2, 255, 0x4028f5c3}} {
		if got := math.Float32bits(d.table()[g.channel][g.pixel]); got != g.want {
			t.Errorf("channel %d, pixel %d: %#08x, want %#08x", g.channel, g.pixel, got, g.want)
		}
	}
	lo, hi := d.InputRange()
	if math.Float32bits(lo) != 0xc0078bbd || math.Float32bits(hi) != 0x4028f5c3 { // of red and of blue
		t.Errorf("input range %v to %v", lo, hi)
	}
}

// Over images and over epochs alike, every offset and flip is as likely as
// any other: chi-squared with 161 degrees of freedom stays below 240 (p = 5e-5).
func TestDrawIsUniform(t *testing.T) {
	a := Augment{Crop: 4, Flip: true}
	const n = 162 * 500
	for name, draw := range map[string]func(i int) change{
		"images": func(i int) change { return a.draw(0, 0, i) },
		"epochs": func(i int) change { return a.draw(0, i, 0) },
		"seeds":  func(i int) change { return a.draw(uint64(i), 3, 7) },
		"pairs": func(i int) change { // an image against its neighbour
			c, next := a.draw(1, 0, i), a.draw(1, 0, i+1)
			return change{c.dy, next.dx, c.flip != next.flip}
		},
	} {
		counts := map[change]int{}
		for i := range n {
			counts[draw(i)]++
		}
		chi2 := 0.0
		for dy := -4; dy <= 4; dy++ {
			for dx := -4; dx <= 4; dx++ {
				for _, flip := range []bool{false, true} {
					e := float64(counts[change{dy, dx, flip}]) - 500
					chi2 += e * e / 500
				}
			}
		}
		if chi2 > 240 {
			t.Errorf("%s: chi-squared %.0f", name, chi2)
		}
	}
}

// A change of these values, which are of this code, changes every result.
func TestDrawGolden(t *testing.T) {
	a := Augment{Crop: 4, Flip: true}
	got := []change{a.draw(1, 2, 3), a.draw(1, 2, 4), a.draw(1, 3, 3), a.draw(2, 2, 3)}
	if want := []change{{-4, -4, false}, {4, -4, true}, {2, -2, true}, {4, -3, true}}; !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := shuffled(1, 2, 8), []int{3, 1, 0, 6, 2, 4, 5, 7}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
	if c := (Augment{Flip: true}).draw(1, 2, 3); c.dy != 0 || c.dx != 0 {
		t.Errorf("without a crop: %+v", c)
	}
	for i := range 100 {
		if (Augment{Crop: 4}).draw(1, 2, i).flip {
			t.Fatal("flips without being asked")
		}
	}
}
