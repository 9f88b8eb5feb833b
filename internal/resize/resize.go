// Package resize changes the size of 8-bit images as Pillow does.
package resize

import (
	"fmt"
	"image"
	"math"
	"slices"
	"strings"
)

// Filter is a kernel that new pixels are weighted by. A size that shrinks stretches it over the old pixels that a new one
// covers, so that nothing is aliased.
type Filter string

const (
	Bilinear Filter = "bilinear" // 1 - |x| for |x| < 1
	Bicubic  Filter = "bicubic"  // Keys 1981 with a = -1/2, |x| < 2
)

// Filters are all.
var Filters = []Filter{Bilinear, Bicubic}

// support is where the kernel ends.
func (f Filter) support() float64 {
	if f == Bicubic {
		return 2
	}
	return 1
}

func (f Filter) at(x float64) float64 {
	x = math.Abs(x)
	if f == Bilinear {
		return max(1-x, 0)
	}
	const a = -0.5
	switch {
	case x < 1:
		return ((a+2)*x-(a+3))*x*x + 1
	case x < 2:
		return (((x-5)*x+8)*x - 4) * a
	}
	return 0
}

// precision is how many bits the weights have behind the point: sums of a pixel's take 8 bits, and two are for the sign and
// for what the lobes of a kernel add.
const precision = 32 - 8 - 2

// taps are the old pixels of each new one along one side: from first on, with these weights, the same number for all.
type taps struct {
	first   []int
	weights []int32 // (out, size)
	size    int
}

// tapsOf works out the weights of new pixels from to to of a side of in pixels that becomes one of out. The middle of new pixel i lies at
// (i + 1/2) * in/out; weights are normalized to a sum of 1 in float64, then rounded to 22 bits, halves away from 0
// (Pillow's Resample.c, precompute_coeffs and normalize_coeffs_8bpc).
func tapsOf(f Filter, in, out, from, to int) taps {
	scale := float64(in) / float64(out)
	stretch := max(scale, 1)
	support := f.support() * stretch
	t := taps{first: make([]int, to-from), size: int(math.Ceil(support))*2 + 1}
	t.weights = make([]int32, len(t.first)*t.size)
	w := make([]float64, t.size)
	for i := range t.first {
		center := (float64(from+i) + 0.5) * scale
		first := max(int(center-support+0.5), 0)
		n := min(int(center+support+0.5), in) - first
		sum := 0.0
		for k := range n {
			w[k] = f.at((float64(k+first) - center + 0.5) * (1 / stretch))
			sum += w[k]
		}
		t.first[i] = first
		for k := range n {
			v := w[k]
			if sum != 0 {
				v /= sum
			}
			t.weights[i*t.size+k] = int32(v*(1<<precision) + math.Copysign(0.5, v))
		}
		if over := first + t.size - in; over > 0 { // no tap points behind the last pixel: weights there are 0
			shift := min(over, first)
			row := t.weights[i*t.size : (i+1)*t.size]
			copy(row[shift:], row[:t.size-shift])
			clear(row[:shift])
			t.first[i] = first - shift
		}
	}
	return t
}

// Scale returns an image (height, width, channels) of another size, 1 pixel or more on each side, of one with as many
// channels. Rows are resized first, then columns, both with weights of 22 bits whose sums are rounded to the nearest
// level, a half up, and clipped: Pillow's Image.resize of modes L, RGB and CMYK, bit for bit. A side that stays as it is
// is not filtered.
func Scale(f Filter, src []uint8, height, width, channels, toHeight, toWidth int) []uint8 {
	return Window(f, src, width*channels, height, width, channels, toHeight, toWidth, image.Rect(0, 0, toWidth, toHeight))
}

// Window returns a part of what Scale returns, for which no more is computed than is needed. The rows of src begin stride bytes
// apart, so that it may be a part of an image, too.
func Window(f Filter, src []uint8, stride, height, width, channels, toHeight, toWidth int, window image.Rectangle) []uint8 {
	top, bottom := window.Min.Y, window.Max.Y // rows of src that are needed
	var vertical taps
	if toHeight != height {
		vertical = tapsOf(f, height, toHeight, window.Min.Y, window.Max.Y)
		top, bottom = vertical.span(height)
	}
	src, height = src[top*stride:], bottom-top
	switch {
	case toWidth != width:
		src = rows(tapsOf(f, width, toWidth, window.Min.X, window.Max.X), src, stride, height, width, channels)
		stride = window.Dx() * channels
	case toHeight != height || window.Dx() != width || stride != width*channels:
		src = src[window.Min.X*channels:]
	}
	if vertical.first != nil {
		return columns(vertical, src, stride, window.Dx()*channels)
	}
	if values := window.Dx() * channels; stride != values {
		dst := make([]uint8, 0, height*values)
		for y := range height {
			dst = append(dst, src[y*stride:][:values]...)
		}
		return dst
	}
	return src[:height*stride]
}

// span makes the taps those of the rows that they need alone, which are returned.
func (t taps) span(height int) (top, bottom int) {
	top = slices.Min(t.first)
	bottom = min(slices.Max(t.first)+t.size, height)
	for i := range t.first {
		t.first[i] -= top
	}
	return top, bottom
}

// rows resizes the rows of an image.
func rows(t taps, src []uint8, stride, height, width, channels int) []uint8 {
	to := len(t.first)
	dst := make([]uint8, height*to*channels)
	n := min(t.size, width)
	for y := range height {
		in, out := src[y*stride:][:width*channels], dst[y*to*channels:(y+1)*to*channels]
		for x := range to {
			w := t.weights[x*t.size:][:n]
			at := in[t.first[x]*channels:]
			if channels == 3 {
				r, g, b := int32(1<<(precision-1)), int32(1<<(precision-1)), int32(1<<(precision-1))
				at = at[:3*n]
				for k, v := range w {
					p := at[3*k : 3*k+3 : 3*k+3]
					r += int32(p[0]) * v
					g += int32(p[1]) * v
					b += int32(p[2]) * v
				}
				q := out[3*x : 3*x+3 : 3*x+3]
				q[0], q[1], q[2] = level(r), level(g), level(b)
				continue
			}
			for c := range channels {
				sum := int32(1 << (precision - 1))
				for k, v := range w {
					sum += int32(at[k*channels+c]) * v
				}
				out[x*channels+c] = level(sum)
			}
		}
	}
	return dst
}

// columns resizes the columns of an image with so many values in a row.
func columns(t taps, src []uint8, stride, values int) []uint8 {
	dst := make([]uint8, len(t.first)*values)
	sums := make([]int32, values)
	for y, first := range t.first {
		for i := range sums {
			sums[i] = 1 << (precision - 1)
		}
		for k, v := range t.weights[y*t.size:][:t.size] {
			if v == 0 {
				continue
			}
			row := src[(first+k)*stride:][:len(sums)]
			for i, p := range row {
				sums[i] += int32(p) * v
			}
		}
		out := dst[y*values:][:len(sums)]
		for i, s := range sums {
			out[i] = level(s)
		}
	}
	return dst
}

// level rounds and clips a sum.
func level(sum int32) uint8 { return uint8(min(max(sum>>precision, 0), 255)) }

// Parse finds a filter by its name.
func Parse(name string) (Filter, error) {
	for _, f := range Filters {
		if name == string(f) {
			return f, nil
		}
	}
	return "", fmt.Errorf("unknown filter %q; wanted one of %s", name, strings.Trim(fmt.Sprint(Filters), "[]"))
}
