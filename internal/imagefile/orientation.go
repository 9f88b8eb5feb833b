package imagefile

import (
	"bytes"
	"encoding/binary"
)

// orientation returns the orientation tag of a JPEG or PNG file, 1 to 8, and 1, which is
// upright, if it has none or a damaged one: an image is worth more than its tags.
func orientation(data []byte) int {
	if tiff := exifOf(data); tiff != nil {
		return orientationOf(tiff)
	}
	return 1
}

// exifOf returns the TIFF structure that a file carries in its APP1 segment (Exif 2.32,
// section 4.7.2) or its eXIf chunk (PNG, third edition, 11.3.3.2), or nil.
func exifOf(data []byte) []byte {
	if rest, ok := bytes.CutPrefix(data, []byte("\x89PNG\r\n\x1a\n")); ok {
		for len(rest) >= 12 {
			n := binary.BigEndian.Uint32(rest)
			if uint64(n)+12 > uint64(len(rest)) {
				return nil
			}
			if string(rest[4:8]) == "eXIf" {
				return rest[8 : 8+n]
			}
			rest = rest[12+n:] // with the checksum
		}
		return nil
	}
	rest, ok := bytes.CutPrefix(data, []byte("\xff\xd8"))
	for ok && len(rest) >= 4 && rest[0] == 0xff {
		marker, n := rest[1], int(binary.BigEndian.Uint16(rest[2:]))
		switch {
		case marker == 0xff: // fill byte
			rest = rest[1:]
			continue
		case marker == 0xda || n < 2 || 2+n > len(rest): // the scan begins
			return nil
		}
		if exif, ok := bytes.CutPrefix(rest[4:2+n], []byte("Exif\x00\x00")); ok && marker == 0xe1 {
			return exif
		}
		rest = rest[2+n:]
	}
	return nil
}

// orientationOf reads the tag from the first directory of a TIFF structure (TIFF 6.0,
// section 2).
func orientationOf(tiff []byte) int {
	const (
		tag     = 0x0112
		short   = 3
		entry   = 12
		upright = 1
	)
	if len(tiff) < 8 {
		return upright
	}
	var order binary.ByteOrder = binary.LittleEndian
	if string(tiff[:2]) == "MM" {
		order = binary.BigEndian
	} else if string(tiff[:2]) != "II" {
		return upright
	}
	at := order.Uint32(tiff[4:])
	if order.Uint16(tiff[2:]) != 42 || uint64(at)+2 > uint64(len(tiff)) {
		return upright
	}
	entries := tiff[at+2:]
	for range order.Uint16(tiff[at:]) {
		if len(entries) < entry {
			break
		}
		if order.Uint16(entries) == tag && order.Uint16(entries[2:]) == short && order.Uint32(entries[4:]) == 1 {
			if v := int(order.Uint16(entries[8:])); v >= 1 && v <= 8 {
				return v
			}
			break
		}
		entries = entries[entry:]
	}
	return upright
}

// upright returns an image as its orientation wants it seen. The tag says where the
// first row and the first column belong.
func upright(src Image, orientation int) Image {
	if orientation == 1 {
		return src
	}
	w, h := src.Width, src.Height
	to := Image{h, w, make([]uint8, len(src.Pixels))}
	if orientation >= 5 {
		to.Height, to.Width = w, h
	}
	for y := range to.Height {
		for x := range to.Width {
			sx, sy := x, y
			switch orientation {
			case 2: // top, right
				sx = w - 1 - x
			case 3: // bottom, right
				sx, sy = w-1-x, h-1-y
			case 4: // bottom, left
				sy = h - 1 - y
			case 5: // left, top
				sx, sy = y, x
			case 6: // right, top
				sx, sy = y, h-1-x
			case 7: // right, bottom
				sx, sy = w-1-y, h-1-x
			case 8: // left, bottom
				sx, sy = w-1-y, x
			}
			copy(to.Pixels[3*(y*to.Width+x):][:3], src.Pixels[3*(sy*w+sx):])
		}
	}
	return to
}
