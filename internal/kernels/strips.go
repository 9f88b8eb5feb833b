package kernels

// Strips is how loops that compute each pixel alone, or add pixels up in order, may take pictures of Of elements: Each of them
// at a time, so that what one loop writes of a large picture is in the core's own caches when the next reads it. No strips are
// whole pictures.
type Strips struct{ Of, Each int }

// stripElements is about how many elements of a picture are taken at a time unless told: with 4 to 6 arrays of float32 in
// work, some 300 KiB.
const stripElements = 1 << 14

// stripPixels is what the pixels of a strip are a multiple of, so that sums in lanes go on where the strip before left them.
const stripPixels = lanes

// StripsOf returns the strips of about so many elements, 0 for a good number, of pictures of so many pixels and channels.
func StripsOf(pixels, channels, elements int) Strips {
	if elements == 0 {
		elements = stripElements
	}
	step := stripPixels * channels
	each := max(elements/step, 1) * step
	if each >= pixels*channels {
		return Strips{}
	}
	return Strips{pixels * channels, each}
}

// strip is what is in work of pictures of so many elements, or all of them if that is 0.
type strip struct{ from, end, of int }
