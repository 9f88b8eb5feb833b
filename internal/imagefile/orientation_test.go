package imagefile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"slices"
	"testing"

	"github.com/qat-go/qat/internal/imagefile/imagefiletest"
)

// exif is a TIFF structure with an orientation after another tag.
func exif(order binary.AppendByteOrder, orientation uint16) []byte {
	b := []byte("II")
	if order == binary.AppendByteOrder(binary.BigEndian) {
		b = []byte("MM")
	}
	b = order.AppendUint32(order.AppendUint16(b, 42), 8)
	b = order.AppendUint16(b, 2)
	for _, e := range [][4]uint16{{0x010f, 2, 4, 0}, {0x0112, 3, 1, orientation}} {
		b = order.AppendUint32(order.AppendUint16(order.AppendUint16(b, e[0]), e[1]), uint32(e[2]))
		b = append(order.AppendUint16(b, e[3]), 0, 0)
	}
	return append(b, 0, 0, 0, 0)
}

func withEXIF(file, exif []byte) []byte {
	if bytes.HasPrefix(file, []byte("\xff\xd8")) {
		segment := append([]byte("Exif\x00\x00"), exif...)
		app1 := append([]byte{0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xff, 0xe1}, byte((len(segment)+2)>>8), byte(len(segment)+2))
		return slices.Concat(file[:2], app1, segment, file[2:])
	}
	chunk := append([]byte("eXIf"), exif...)
	const afterHeader = 8 + 25
	return slices.Concat(file[:afterHeader], binary.BigEndian.AppendUint32(nil, uint32(len(exif))), chunk,
		binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(chunk)), file[afterHeader:])
}

// What the letters of a 3x2 image look like upright, from the table of Exif 2.32, tag
// 274: orientation 6, for instance, has the first row at the right and the first column
// at the top. Pillow's ImageOps.exif_transpose gives the same.
var uprights = map[int][]string{
	1: {"abc", "def"}, 2: {"cba", "fed"}, 3: {"fed", "cba"}, 4: {"def", "abc"},
	5: {"ad", "be", "cf"}, 6: {"da", "eb", "fc"}, 7: {"fc", "eb", "da"}, 8: {"cf", "be", "ad"},
}

func TestOrientation(t *testing.T) {
	stored := image.NewRGBA(image.Rect(0, 0, 3, 2))
	for i, c := range "abcdef" {
		stored.SetRGBA(i%3, i/3, color.RGBA{uint8(c), 7, uint8(c), 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, stored); err != nil {
		t.Fatal(err)
	}
	for o, rows := range uprights {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			im, err := Decode(withEXIF(b.Bytes(), exif(order, uint16(o))), true)
			if err != nil || im.Height != len(rows) || im.Width != len(rows[0]) {
				t.Fatal(im.Height, im.Width, err)
			}
			got := im.Pixels
			text := ""
			for i := 0; i < len(got); i += 3 {
				if i > 0 && i/3%len(rows[0]) == 0 {
					text += " "
				}
				text += string(rune(got[i]))
			}
			if want := fmt.Sprint(rows); "["+text+"]" != want {
				t.Errorf("orientation %d, %v: [%s], want %s", o, order, text, want)
			}
		}
		jpg := withEXIF(imagefiletest.Encoded(t, imagefiletest.Striped(8, 8, 2, 6), true), exif(binary.BigEndian, uint16(o)))
		if got := orientation(jpg); got != o {
			t.Errorf("JPEG: orientation %d, want %d", got, o)
		}
		if _, err := Decode(jpg, true); err != nil {
			t.Errorf("JPEG with orientation %d: %v", o, err)
		}
	}
}

// What is no orientation is none, and a damaged tag does not keep an image from being read.
func TestDamagedOrientation(t *testing.T) {
	whole := imagefiletest.Encoded(t, imagefiletest.Striped(8, 8, 2, 6), true)
	good := exif(binary.LittleEndian, 6)
	for n := range good {
		data := withEXIF(whole, good[:n])
		if _, err := Decode(data, true); err != nil {
			t.Errorf("%d bytes of the tags: %v", n, err)
		}
	}
	for _, o := range []uint16{0, 9, 65535} {
		if got := orientation(withEXIF(whole, exif(binary.LittleEndian, o))); got != 1 {
			t.Errorf("tag %d is orientation %d", o, got)
		}
	}
	if got := orientation(whole); got != 1 {
		t.Errorf("orientation %d without a tag", got)
	}
	const entry = 8 + 2 + 12 // of the orientation
	for what, at := range map[string]int{"magic number": 2, "type": entry + 2, "count": entry + 4} {
		bad := slices.Clone(good)
		bad[at]++
		if got := orientationOf(bad); got != 1 {
			t.Errorf("with another %s: orientation %d", what, got)
		}
	}
	if got := orientationOf(good); got != 6 {
		t.Errorf("whole: orientation %d", got)
	}
	segment := slices.Concat([]byte("\xff\xe1\x00\x28Exif\x00\x00"), good[:32])
	for what, file := range map[string][]byte{
		"in another segment": slices.Concat([]byte("\xff\xd8\xff\xe0"), segment[2:]),
		"behind the scan":    slices.Concat([]byte("\xff\xd8\xff\xda\x00\x02"), segment),
	} {
		if exifOf(file) != nil {
			t.Errorf("tags %s are found", what)
		}
	}
	if exifOf(slices.Concat([]byte("\xff\xd8"), segment)) == nil {
		t.Error("tags are not found")
	}
}

// Unless it is asked for, an image stays as it lies.
func TestOrientationIsIgnored(t *testing.T) {
	whole := imagefiletest.Encoded(t, imagefiletest.Striped(8, 8, 2, 6), false)
	plain, err := Decode(whole, true)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(withEXIF(whole, exif(binary.LittleEndian, 6)), false)
	if err != nil || !slices.Equal(got.Pixels, plain.Pixels) {
		t.Error("it was turned", err)
	}
}

func FuzzOrientation(f *testing.F) {
	f.Add(exif(binary.LittleEndian, 6))
	f.Add(exif(binary.BigEndian, 8))
	f.Add(withEXIF([]byte("\xff\xd8\xff\xda"), exif(binary.BigEndian, 3)))
	f.Add(withEXIF([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR0123456789012crc4"), exif(binary.BigEndian, 5)))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, o := range []int{orientation(data), orientationOf(data)} {
			if o < 1 || o > 8 {
				t.Errorf("orientation %d", o)
			}
		}
	})
}
