package imagefile

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// maxScanned is the largest product of a JPEG image's pixels and its scans: 16 scans of the largest image, of which
// the usual progressive one has 10. A scan of a few bytes passes over all pixels, so a small file can ask for hours.
const maxScanned = 16 * MaxPixels

// checkScans reports a JPEG file with so many scans that decoding it would take long.
func checkScans(data []byte, pixels int) error {
	if n := jpegScans(data); n > maxScanned/pixels {
		return fmt.Errorf("the jpeg image has %d scans of %d pixels, want at most %d; save it again in another program", n, pixels, maxScanned/pixels)
	}
	return nil
}

// jpegScans counts the scans that image/jpeg finds in a file, or a few more if the file is damaged. It goes from marker
// to marker: in the data of a scan, which ends at the next one, a byte 0xff is followed by 0.
func jpegScans(b []byte) int {
	const restart0, restart7, end, scan = 0xd0, 0xd7, 0xd9, 0xda
	scans := 0
	b = b[min(2, len(b)):] // start of image
	for {
		at := bytes.IndexByte(b, 0xff)
		if at < 0 {
			return scans
		}
		for b = b[at:]; len(b) > 0 && b[0] == 0xff; {
			b = b[1:]
		}
		if len(b) < 3 || b[0] == end {
			return scans
		}
		marker := b[0]
		b = b[1:]
		if marker == 0 || restart0 <= marker && marker <= restart7 {
			continue
		}
		if marker == scan {
			scans++
		}
		b = b[min(max(int(binary.BigEndian.Uint16(b)), 2), len(b)):]
	}
}
