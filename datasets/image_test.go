package datasets

import (
	"bytes"
	"encoding/json"
	"image"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/internal/imagefile/imagefiletest"
	"github.com/qat-go/qat/internal/mutation"
)

func TestReadImage(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	exact := image.NewNRGBA(image.Rect(0, 0, 5, 3))
	var want []uint8
	for i := range exact.Pix {
		exact.Pix[i] = uint8(rng.UintN(256))
		if i%4 == 3 {
			exact.Pix[i] = 255
		} else {
			want = append(want, exact.Pix[i])
		}
	}
	got, err := ReadImageFrom(bytes.NewReader(imagefiletest.Encoded(t, exact, false)), 3, 5)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("an image of the size wanted: %v, %v, want %v", got, err, want)
	}
	// The middle third of a wide image is green, whatever it is scaled to.
	for _, jpg := range []bool{false, true} {
		for _, size := range []int{1, 8, 30, 64} {
			got, err := ReadImageFrom(bytes.NewReader(imagefiletest.Encoded(t, imagefiletest.Striped(96, 32, 32, 64), jpg)), size, size)
			if err != nil || len(got) != size*size*3 {
				t.Fatalf("%d values, error %v", len(got), err)
			}
			for i := 0; i < len(got); i += 3 {
				if x := i / 3 % size; got[i] > 3 || got[i+1] < 250 || got[i+2] > 3 {
					if jpg && (x*32/size < 2 || (size-1-x)*32/size < 2) {
						continue // JPEG mixes colors across the edges
					}
					t.Fatalf("JPEG %v, size %d: pixel %d is %v, want green", jpg, size, i/3, got[i:i+3])
				}
			}
		}
	}
	gray := image.NewGray16(image.Rect(0, 0, 4, 4))
	for i := range gray.Pix {
		gray.Pix[i] = 0x80
	}
	if got, err := ReadImageFrom(bytes.NewReader(imagefiletest.Encoded(t, gray, false)), 2, 2); err != nil || !slices.Equal(got, bytes.Repeat([]byte{0x80}, 12)) {
		t.Errorf("gray of 16 bits: %v, %v", got, err)
	}
	if got, err := ReadImageFrom(bytes.NewReader(imagefiletest.Encoded(t, image.NewNRGBA(image.Rect(0, 0, 2, 2)), false)), 2, 2); err != nil || slices.Max(got) != 0 {
		t.Errorf("transparent: %v, %v", got, err)
	}
}

func TestCrop(t *testing.T) {
	for _, tt := range []struct {
		in            image.Rectangle
		height, width int
		want          image.Rectangle
	}{
		{image.Rect(0, 0, 10, 10), 5, 5, image.Rect(0, 0, 10, 10)},
		{image.Rect(0, 0, 30, 10), 5, 5, image.Rect(10, 0, 20, 10)},
		{image.Rect(2, 3, 12, 33), 5, 5, image.Rect(2, 13, 12, 23)},
		{image.Rect(0, 0, 10, 10), 1, 2, image.Rect(0, 2, 10, 7)},
		{image.Rect(0, 0, 1, 1000), 1, 100, image.Rect(0, 499, 1, 500)},
	} {
		if got := crop(tt.in, tt.height, tt.width); got != tt.want {
			t.Errorf("%v for %dx%d: %v, want %v", tt.in, tt.height, tt.width, got, tt.want)
		}
	}
}

// A storm of damaged images of each format, as Pillow writes them: each is refused by its name, or read.
func TestDamagedImages(t *testing.T) {
	data, err := os.ReadFile("../internal/imagefile/testdata/pillow.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []struct {
			Name string
			File []byte
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	path, seen := filepath.Join(t.TempDir(), "x.jpg"), 0
	for _, c := range golden.Cases {
		if !slices.Contains([]string{"jpeg 4:2:0 16x16", "jpeg progressive", "jpeg cmyk", "png rgba", "png palette", "gif of two frames", "bmp", "bmp palette", "webp", "webp lossless with alpha"}, c.Name) {
			continue
		}
		seen++
		mutation.Storm(t, c.File, func(damaged []byte) {
			if cfg, _, err := image.DecodeConfig(bytes.NewReader(damaged)); err == nil && cfg.Width*cfg.Height > 1<<20 {
				return // would take long
			}
			must(t, os.WriteFile(path, damaged, 0o666))
			if p, err := ReadFitted(path, 4, 6, Fit{Turn: true}); err == nil && len(p) != 4*6*3 || err != nil && !strings.HasPrefix(err.Error(), path+": ") {
				t.Errorf("%s: an image of %d values, error %v", c.Name, len(p), err)
			}
		})
	}
	if seen != 10 {
		t.Errorf("%d formats", seen)
	}
}

func TestReadFitted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.png")
	if err := os.WriteFile(path, imagefiletest.Encoded(t, imagefiletest.Striped(96, 32, 32, 64), false), 0o666); err != nil {
		t.Fatal(err)
	}
	got, err := ReadFitted(path, 16, 16, Fit{ShorterSide: 16})
	if err != nil || len(got) != 16*16*3 {
		t.Fatal(len(got), err)
	}
	for x := 1; x < 15; x++ { // the middle third
		if p := got[3*x:][:3]; !slices.Equal(p, []uint8{0, 255, 0}) {
			t.Errorf("column %d is %v", x, p)
		}
	}
	for _, f := range []Fit{{ShorterSide: -1}, {Filter: "lanczos"}} {
		if _, err := ReadFitted(path, 16, 16, f); err == nil {
			t.Errorf("%+v is taken", f)
		}
	}
}
