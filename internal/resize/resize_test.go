package resize

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"math/rand/v2"
	"os"
	"testing"
)

// testdata/pillow.py made it.
func TestPillow(t *testing.T) {
	data, err := os.ReadFile("testdata/pillow.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []struct {
			Height, Width, Channels int
			ToHeight                int `json:"to_height"`
			ToWidth                 int `json:"to_width"`
			Pixels                  []byte
			Bilinear, Bicubic       []byte
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil || len(golden.Cases) < 12 {
		t.Fatal(len(golden.Cases), err)
	}
	for _, c := range golden.Cases {
		for f, want := range map[Filter][]byte{Bilinear: c.Bilinear, Bicubic: c.Bicubic} {
			before := bytes.Clone(c.Pixels)
			if got := Scale(f, c.Pixels, c.Height, c.Width, c.Channels, c.ToHeight, c.ToWidth); !bytes.Equal(got, want) {
				t.Errorf("%s, %dx%dx%d to %dx%d: %v, want %v", f, c.Height, c.Width, c.Channels, c.ToHeight, c.ToWidth, got, want)
			}
			if !bytes.Equal(before, c.Pixels) {
				t.Errorf("%s changes the image that it reads", f)
			}
		}
	}
}

func TestParse(t *testing.T) {
	for _, f := range Filters {
		if got, err := Parse(string(f)); got != f || err != nil {
			t.Errorf("%s: %s, %v", f, got, err)
		}
	}
	if _, err := Parse("nearest"); err == nil || err.Error() != `unknown filter "nearest"; wanted one of bilinear bicubic` {
		t.Error(err)
	}
}

// Any size can become any other: no tap lies outside, and an image of one color stays one of that color.
func FuzzScale(f *testing.F) {
	f.Add(3, 5, 4, 2, true)
	f.Add(1, 100, 100, 1, false)
	f.Fuzz(func(t *testing.T, height, width, toHeight, toWidth int, cubic bool) {
		for _, n := range []*int{&height, &width, &toHeight, &toWidth} {
			*n = int(uint(*n)%200) + 1
		}
		filter := Bilinear
		if cubic {
			filter = Bicubic
		}
		got := Scale(filter, bytes.Repeat([]byte{201}, height*width*3), height, width, 3, toHeight, toWidth)
		if len(got) != toHeight*toWidth*3 || bytes.Count(got, []byte{201}) != len(got) {
			t.Errorf("%s of %dx%d to %dx%d: %d values, %d as they were", filter, height, width, toHeight, toWidth, len(got), bytes.Count(got, []byte{201}))
		}
	})
}

func ExampleScale() {
	checks := []uint8{0, 0, 255, 255, 0, 0, 255, 255} // (1, 8, 1)
	fmt.Println(Scale(Bilinear, checks, 1, 8, 1, 1, 4))
	// Output: [36 191 64 219]
}

// A window is that part of the whole, also of a part of an image.
func TestWindow(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		stride, rows, channels := 1+rng.IntN(20), 1+rng.IntN(20), 1+rng.IntN(4)
		whole := make([]uint8, stride*rows*channels)
		for i := range whole {
			whole[i] = uint8(rng.Uint32())
		}
		between := func(n int) (from, to int) { a, b := rng.IntN(n), rng.IntN(n); return min(a, b), max(a, b) + 1 }
		x0, x1 := between(stride)
		y0, y1 := between(rows)
		var part []uint8
		for y := y0; y < y1; y++ {
			part = append(part, whole[(y*stride+x0)*channels:(y*stride+x1)*channels]...)
		}
		h, w, toH, toW := y1-y0, x1-x0, 1+rng.IntN(20), 1+rng.IntN(20)
		if rng.IntN(4) == 0 {
			toH = h
		}
		if rng.IntN(4) == 0 {
			toW = w
		}
		filter := Filters[rng.IntN(len(Filters))]
		all := Scale(filter, part, h, w, channels, toH, toW)
		wx0, wx1 := between(toW)
		wy0, wy1 := between(toH)
		var want []uint8
		for y := wy0; y < wy1; y++ {
			want = append(want, all[(y*toW+wx0)*channels:(y*toW+wx1)*channels]...)
		}
		got := Window(filter, whole[(y0*stride+x0)*channels:], stride*channels, h, w, channels, toH, toW, image.Rect(wx0, wy0, wx1, wy1))
		if !bytes.Equal(got, want) {
			t.Fatalf("%s: %dx%d to %dx%d, columns %d to %d, rows %d to %d: %v, want %v", filter, h, w, toH, toW, wx0, wx1, wy0, wy1, got, want)
		}
	}
}
