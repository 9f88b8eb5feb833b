// Package imagefiletest draws images for tests.
package imagefiletest

import (
	"bytes"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"testing"
)

// Encoded is a PNG file, or a JPEG file of the best quality.
func Encoded(t testing.TB, m image.Image, jpg bool) []byte {
	t.Helper()
	var b bytes.Buffer
	err := png.Encode(&b, m)
	if jpg {
		b.Reset()
		err = jpeg.Encode(&b, m, &jpeg.Options{Quality: 100})
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Striped is an image whose columns are red up to from, green up to to, then blue.
func Striped(w, h, from, to int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{255, 0, 0, 255}
			if x >= from {
				c = color.RGBA{0, 255, 0, 255}
			}
			if x >= to {
				c = color.RGBA{0, 0, 255, 255}
			}
			m.SetRGBA(x, y, c)
		}
	}
	return m
}

// Sized is a small PNG file that says it has another size.
func Sized(t testing.TB, width, height uint32) []byte {
	data := Encoded(t, image.NewGray(image.Rect(0, 0, 1, 1)), false)
	for i := range 4 {
		data[16+i], data[20+i] = byte(width>>(24-8*i)), byte(height>>(24-8*i))
	}
	c := crc32.ChecksumIEEE(data[12:29])
	copy(data[29:], []byte{byte(c >> 24), byte(c >> 16), byte(c >> 8), byte(c)})
	return data
}
