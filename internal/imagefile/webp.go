package imagefile

import "image"

// webp writes a lossy WebP image to dst, which has its size. Luma and chroma are those of video, 16 to 235 and 16 to 240 (RFC
// 6386, section 9.2), which image.YCbCr does not know; they are converted in 14 bits and chroma is interpolated as libwebp does
// (yuv.h, upsampling.c).
func webp(dst Image, src *image.YCbCr) {
	w, cw, ch := dst.Width, (dst.Width+1)/2, (dst.Height+1)/2
	cb, cr := make([]uint8, 2*cw), make([]uint8, 2*cw)
	for y := range dst.Height {
		near := y / 2
		far := min(max(near+y%2*2-1, 0), ch-1)
		interpolate(cb[:w], src.Cb[near*src.CStride:][:cw], src.Cb[far*src.CStride:][:cw])
		interpolate(cr[:w], src.Cr[near*src.CStride:][:cw], src.Cr[far*src.CStride:][:cw])
		for x, l := range src.Y[y*src.YStride:][:w] {
			v, b, r := int32(l)*19077>>8, int32(cb[x]), int32(cr[x])
			p := dst.Pixels[3*(y*w+x):][:3]
			p[0] = clip((v + r*26149>>8 - 14234) >> 6)
			p[1] = clip((v - b*6419>>8 - r*13320>>8 + 8708) >> 6)
			p[2] = clip((v + b*33050>>8 - 17685) >> 6)
		}
	}
}

// interpolate makes a row of chroma as wide as the image of the row that it lies in and of the nearer neighbour: 9, 3, 3 and 1
// parts of 16 of the four values around, rounded in libwebp's three steps.
func interpolate(dst, near, far []uint8) {
	edge := func(x int) uint8 { return uint8((3*int32(near[x]) + int32(far[x]) + 2) >> 2) }
	dst[0] = edge(0)
	for x := 1; x < len(near); x++ {
		a, b, c, d := int32(near[x-1]), int32(near[x]), int32(far[x-1]), int32(far[x])
		sum := a + b + c + d + 8
		if dst[2*x-1] = uint8(((sum+2*(b+c))>>3 + a) >> 1); 2*x < len(dst) {
			dst[2*x] = uint8(((sum+2*(a+d))>>3 + b) >> 1)
		}
	}
	if len(dst)%2 == 0 {
		dst[len(dst)-1] = edge(len(near) - 1)
	}
}
