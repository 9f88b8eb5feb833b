package kernels

import "github.com/qat-go/qat/internal/random"

// Dropout writes y = x*scale, or 0 with the probability rate: where number first + i of the stream is below it. y may be x.
func Dropout(y, x []float32, scale, rate float32, draws random.Stream, first int) {
	draws.Start += uint32(first)
	dropoutRow(y[:len(x)], x, scale, rate, draws)
}

func dropoutRowGeneric(y, x []float32, scale, rate float32, draws random.Stream, first int) {
	for i, v := range x {
		if y[i] = v * scale; draws.Uniform(first+i) < rate {
			y[i] = 0
		}
	}
}
