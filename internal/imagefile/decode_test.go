package imagefile

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/internal/imagefile/imagefiletest"
)

// scanned is a progressive JPEG image of side x side pixels with empty scans.
func scanned(side, scans int) []byte {
	h, l := byte(side>>8), byte(side)
	b := append([]byte{0xff, 0xd8, 0xff, 0xdb, 0, 67, 0}, bytes.Repeat([]byte{1}, 64)...) // divisors
	b = append(b, 0xff, 0xc2, 0, 11, 8, h, l, h, l, 1, 1, 0x11, 0)                        // one component
	// A Huffman table of one code, 0: a run of 2^14 empty blocks and as many more as its 14 bits say.
	b = append(append(b, 0xff, 0xc4, 0, 20, 0x10, 1), make([]byte, 15)...)
	b = append(b, 0xe0)
	for range scans {
		b = append(b, 0xff, 0xda, 0, 8, 1, 1, 0, 1, 63, 0, 0x7f, 0xfe)
	}
	return append(b, 0xff, 0xd9)
}

// Of the largest image 16 scans are decoded, of a smaller one more.
func TestJPEGScansLimit(t *testing.T) {
	for _, tt := range []struct {
		scans, pixels int
		ok            bool
	}{{16, MaxPixels, true}, {17, MaxPixels, false}, {64, MaxPixels / 4, true}, {65, MaxPixels / 4, false}} {
		if err := checkScans(scanned(16, tt.scans), tt.pixels); (err == nil) != tt.ok {
			t.Errorf("%d scans of %d pixels: %v", tt.scans, tt.pixels, err)
		}
	}
}

func TestJPEGScans(t *testing.T) {
	whole := imagefiletest.Encoded(t, imagefiletest.Striped(32, 32, 8, 16), true)
	// A thumbnail in its metadata is passed over, and what follows the end.
	thumbnail := slices.Concat(whole[:2], []byte{0xff, 0xe1, 0, 8}, []byte{0xff, 0xda, 0xff, 0xd8, 0xff, 0xda}, whole[2:], whole)
	for name, tt := range map[string]struct {
		data []byte
		want int
	}{
		"baseline": {whole, 1}, "metadata": {thumbnail, 1}, "many": {scanned(16, 7), 7}, "nothing": {nil, 0},
		"padded":         {bytes.ReplaceAll(scanned(16, 7), []byte{0xff, 0xda}, []byte{0xff, 0xff, 0xff, 0xda}), 7},
		"restart":        {[]byte("\xff\xd8\xff\xd7\xff\xda\x00\x02\xff\xd9"), 1},
		"behind the end": {[]byte("\xff\xd8\xff\xda\x00\x02\xff\xd9\x00\x02\xff\xda\x00\x02\x00"), 1},
		"cut":            {scanned(16, 7)[:len(scanned(16, 7))-13], 6},
	} {
		if got := jpegScans(tt.data); got != tt.want {
			t.Errorf("%s: %d scans, want %d", name, got, tt.want)
		}
		if tt.want > 0 && len(tt.data) > 100 && name != "cut" {
			if _, err := jpeg.Decode(bytes.NewReader(tt.data)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestDecodeRejects(t *testing.T) {
	whole := imagefiletest.Encoded(t, imagefiletest.Striped(32, 32, 8, 16), true)
	for name, tt := range map[string]struct {
		data []byte
		want string
	}{
		"empty":    {nil, "not a JPEG, PNG, GIF, BMP or WebP image"},
		"text":     {[]byte("hello"), "not a JPEG, PNG, GIF, BMP or WebP image"},
		"GIF":      {[]byte("GIF89a\x01\x00\x01\x00\x00\x00\x00"), "damaged gif image"},
		"cut":      {whole[:len(whole)-20], "damaged jpeg image"},
		"bomb":     {imagefiletest.Sized(t, 1<<16, 1<<16), "65536x65536 pixels, want 1 to 33554432"},
		"wide":     {imagefiletest.Sized(t, 1<<30, 1), "1073741824x1 pixels"},
		"too long": {imagefiletest.Sized(t, 5793, 5793), "5793x5793 pixels"},
		"no data":  {imagefiletest.Sized(t, 5792, 5792), "damaged png image"},
	} {
		if got, err := Decode(tt.data, true); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %d values, error %v, want one with %q", name, len(got.Pixels), err, tt.want)
		}
	}
	many := scanned(1440, 30_000)
	if _, err := Decode(many, true); err == nil || !strings.Contains(err.Error(), "has 30000 scans of 2073600 pixels, want at most 258") {
		t.Errorf("many scans: %v", err)
	}
	if _, err := Decode(scanned(64, 100), true); err != nil {
		t.Errorf("a hundred scans of a small image: %v", err)
	}
}

// FuzzDecode checks that any file is refused or gives an image.
func FuzzDecode(f *testing.F) {
	f.Add(imagefiletest.Encoded(f, imagefiletest.Striped(9, 7, 2, 5), false))
	f.Add(imagefiletest.Encoded(f, imagefiletest.Striped(9, 7, 2, 5), true))
	f.Add(imagefiletest.Encoded(f, image.NewPaletted(image.Rect(0, 0, 3, 3), color.Palette{color.White, color.Black}), false))
	f.Add(imagefiletest.Sized(f, 1<<16, 1<<16))
	f.Add(scanned(64, 12))
	f.Fuzz(func(t *testing.T, data []byte) {
		if cfg, _, err := image.DecodeConfig(bytes.NewReader(data)); err == nil && cfg.Width*cfg.Height > 1<<20 {
			t.Skip("would take long")
		}
		if p, err := Decode(data, true); err == nil && len(p.Pixels) != p.Height*p.Width*3 {
			t.Errorf("%d values of %dx%d pixels", len(p.Pixels), p.Height, p.Width)
		}
	})
}
