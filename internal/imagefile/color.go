package imagefile

import (
	"image"
	"image/color"
)

// plain is a color without its opacity.
func plain(c color.Color) [3]uint8 {
	n := color.NRGBA64Model.Convert(c).(color.NRGBA64)
	if v, ok := c.(color.NRGBA); ok { // exact also where nothing is seen
		return [3]uint8{v.R, v.G, v.B}
	}
	return [3]uint8{uint8(n.R >> 8), uint8(n.G >> 8), uint8(n.B >> 8)}
}

// Colors of JPEG (JFIF 1.02) in 16 bits behind the point, rounded as libjpeg does (jdcolor.c): red and blue each once, the two
// parts of green together.
var crRed, cbBlue, crGreen, cbGreen = func() (r, b, cr, cb [256]int32) {
	fix := func(x float64) int32 { return int32(x*65536 + 0.5) }
	for i := range r {
		x := int32(i) - 128
		r[i] = (fix(1.40200)*x + 1<<15) >> 16
		b[i] = (fix(1.77200)*x + 1<<15) >> 16
		cr[i] = -fix(0.71414) * x
		cb[i] = -fix(0.34414)*x + 1<<15
	}
	return r, b, cr, cb
}()

// ycc writes an image of luma and chroma to dst, which has its size. Chroma of half the width, of half the height, or both,
// is interpolated between its neighbours, three parts of the nearer and one of the farther (libjpeg's "fancy upsampling",
// jdsample.c); of other shapes it is repeated.
func ycc(dst Image, src *image.YCbCr) {
	w, h := dst.Width, dst.Height
	cw, ch := w, h
	halfWide := src.SubsampleRatio == image.YCbCrSubsampleRatio422 || src.SubsampleRatio == image.YCbCrSubsampleRatio420
	halfHigh := src.SubsampleRatio == image.YCbCrSubsampleRatio440 || src.SubsampleRatio == image.YCbCrSubsampleRatio420
	if halfWide {
		cw = (w + 1) / 2
	}
	if halfHigh {
		ch = (h + 1) / 2
	}
	smooth := (halfWide || halfHigh) && (!halfWide || cw > 2) && src.Rect.Min.X%2 == 0 && src.Rect.Min.Y%2 == 0
	up := upsampler{width: w, halfWide: halfWide, halfHigh: halfHigh, sums: make([]int32, cw)}
	cb, cr := make([]uint8, 2*cw), make([]uint8, 2*cw)
	if !smooth {
		cb, cr = make([]uint8, w), make([]uint8, w)
	}
	for y := range h {
		first := src.YOffset(src.Rect.Min.X, src.Rect.Min.Y+y)
		luma := src.Y[first:][:w]
		if smooth {
			near, far := y, y
			if halfHigh {
				near = y / 2
				far = min(max(near+y%2*2-1, 0), ch-1)
			}
			origin := src.COffset(src.Rect.Min.X, src.Rect.Min.Y)
			up.row(cb, src.Cb[origin+near*src.CStride:][:cw], src.Cb[origin+far*src.CStride:][:cw], y%2)
			up.row(cr, src.Cr[origin+near*src.CStride:][:cw], src.Cr[origin+far*src.CStride:][:cw], y%2)
		} else {
			for x := range w {
				at := src.COffset(src.Rect.Min.X+x, src.Rect.Min.Y+y)
				cb[x], cr[x] = src.Cb[at], src.Cr[at]
			}
		}
		colors(dst.Pixels[3*y*w:3*(y+1)*w], luma, cb[:w], cr[:w])
	}
}

// colors writes a row of red, green and blue.
func colors(dst, luma, cb, cr []uint8) {
	cb, cr = cb[:len(luma)], cr[:len(luma)]
	for x, l := range luma {
		v, b, r := int32(l), cb[x], cr[x]
		p := dst[3*x : 3*x+3 : 3*x+3]
		p[0] = clip(v + crRed[r])
		p[1] = clip(v + (cbGreen[b]+crGreen[r])>>16)
		p[2] = clip(v + cbBlue[b])
	}
}

func clip(v int32) uint8 { return uint8(min(max(v, 0), 255)) }

type upsampler struct {
	width              int
	halfWide, halfHigh bool
	sums               []int32
}

// row makes one row of chroma as wide as the image (or one more) of the row that it lies in and of the nearer neighbour.
// below says that this is the row below.
func (u *upsampler) row(dst, near, far []uint8, below int) {
	switch {
	case !u.halfWide: // h1v2: rounded up and down in turn
		for x, v := range near {
			dst[x] = uint8((3*int32(v) + int32(far[x]) + 1 + int32(below)) >> 2)
		}
		return
	case !u.halfHigh: // h2v1
		n := len(near)
		dst[0] = near[0]
		dst[1] = uint8((3*int32(near[0]) + int32(near[1]) + 2) >> 2)
		for x := 1; x < n-1; x++ {
			v := 3 * int32(near[x])
			dst[2*x] = uint8((v + int32(near[x-1]) + 1) >> 2)
			dst[2*x+1] = uint8((v + int32(near[x+1]) + 2) >> 2)
		}
		dst[2*n-2] = uint8((3*int32(near[n-1]) + int32(near[n-2]) + 1) >> 2)
		dst[2*n-1] = near[n-1]
		return
	}
	sums := u.sums[:len(near)] // h2v2
	far = far[:len(near)]
	for x, v := range near {
		sums[x] = 3*int32(v) + int32(far[x])
	}
	n := len(sums)
	dst[0] = uint8((4*sums[0] + 8) >> 4)
	dst[1] = uint8((3*sums[0] + sums[1] + 7) >> 4)
	for x := 1; x < n-1; x++ {
		v := 3 * sums[x]
		dst[2*x] = uint8((v + sums[x-1] + 8) >> 4)
		dst[2*x+1] = uint8((v + sums[x+1] + 7) >> 4)
	}
	dst[2*n-2] = uint8((3*sums[n-1] + sums[n-2] + 8) >> 4)
	dst[2*n-1] = uint8((4*sums[n-1] + 7) >> 4)
}
