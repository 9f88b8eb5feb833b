package kernels

// ScaleInts turns one picture's sums acc (pixels, C) into y = acc * scale[c].
// It runs on the calling goroutine.
func ScaleInts(y []float32, acc []int32, scale []float32) { scaleInts(y, acc, scale) }
