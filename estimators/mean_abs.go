package estimators

import (
	"fmt"
	"math"
)

// absMeans is mean|x| of the tensor (1 scale) or of each channel, in float64; 0 without elements. It is an error if x
// is not finite.
func absMeans(x []float32, scales int) ([]float64, error) {
	if err := checkChannels("scale", scales, len(x)); err != nil {
		return nil, err
	}
	means := make([]float64, scales)
	for i := 0; i < len(x); i += scales {
		for c := range means {
			means[c] += math.Abs(float64(x[i+c]))
		}
	}
	for c, sum := range means {
		if !(sum <= math.MaxFloat64) {
			return nil, fmt.Errorf("mean|x| of channel %d is %v; expected finite x", c, sum)
		}
		means[c] = sum / float64(max(len(x)/scales, 1))
	}
	return means, nil
}

// absMaxima is max|x| of the tensor (1 scale) or of each channel; 0 without elements. It is an error if x is not finite.
func absMaxima(x []float32, scales int) ([]float64, error) {
	if err := checkChannels("scale", scales, len(x)); err != nil {
		return nil, err
	}
	maxima := make([]float64, scales)
	for i := 0; i < len(x); i += scales {
		for c := range maxima {
			size := math.Abs(float64(x[i+c]))
			if size > maxima[c] {
				maxima[c] = size
			}
			if !(size <= math.MaxFloat32) {
				return nil, fmt.Errorf("x[%d] is %v; expected finite x", i+c, x[i+c])
			}
		}
	}
	return maxima, nil
}

// absScale is mean|x| as the scale of binary weights: at least [MinScale], which all-zero data gets.
func absScale(x []float32, scales int) ([]float32, error) {
	means, err := absMeans(x, scales)
	scale := make([]float32, len(means))
	for c, mean := range means {
		scale[c] = max(float32(mean), MinScale)
	}
	return scale, err
}

// copyScale writes a to a scale of its length.
func copyScale(scale, a []float32) error {
	if len(scale) != len(a) {
		return fmt.Errorf("a scale of %d elements; expected %d", len(scale), len(a))
	}
	copy(scale, a)
	return nil
}
