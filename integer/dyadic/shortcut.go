package dyadic

import "bytes"

// Shortcut takes every Stride-th pixel of an image and adds channels of real zero.
type Shortcut struct {
	width, from int    // of the input: pixels of a row, channels
	to, left    int    // channels of the output, and of real zero before the input's
	stride      int    // of pixels
	blank       []byte // a row of the output
}

// NewShortcut returns the shortcut from rows of width pixels and so many channels to others.
func NewShortcut(width, channels, toWidth, toChannels, stride int, zeroPoint uint8) *Shortcut {
	return &Shortcut{width: width, from: channels, to: toChannels, left: (toChannels - channels) / 2, stride: stride,
		blank: bytes.Repeat([]byte{zeroPoint}, toWidth*toChannels)}
}

// Picture writes the codes of an image.
func (l *Shortcut) Picture(to, from []uint8) {
	row := len(l.blank)
	if row == 0 {
		return // of the zero value
	}
	for y := range len(to) / row {
		copy(to[y*row:], l.blank)
		for x := range row / l.to {
			copy(to[y*row+x*l.to+l.left:], from[(y*l.width+x)*l.stride*l.from:][:l.from])
		}
	}
}
