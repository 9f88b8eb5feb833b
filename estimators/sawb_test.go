package estimators_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/estimators/estimatortest"
)

// sawbEnds are a = c1*sqrt(E[x^2]) + c2*E|x| of each channel, for the coefficients of a number of levels.
func sawbEnds(x []float64, channels int, c1, c2 float64) []float64 {
	ends := make([]float64, channels)
	means := meansOf(x, channels)
	for i, v := range x {
		ends[i%channels] += v * v / float64(len(x)/channels)
	}
	for c := range ends {
		ends[c] = max(c1*math.Sqrt(ends[c])+c2*means[c], means[c])
	}
	return ends
}

func TestSAWB(t *testing.T) {
	var cases []estimatortest.Case
	add := func(bits int, narrow bool, c1, c2 float64, s roundingSTE, channels int) {
		grid := func(end float64) []float64 {
			if top := 1<<(bits-1) - 1; narrow {
				return evenGrid(-top, top, end/float64(top), 0)
			}
			return oddGrid(bits, end)
		}
		c := estimatortest.Case{
			Name: fmt.Sprint(bits, " narrow ", narrow, s.name, channels), Bits: bits,
			Estimator: estimators.SAWB{Range: estimators.Range{Bits: bits, Signed: true, Narrow: narrow}, Scales: channels, STE: s.ste},
			GridsOf: func(x []float64) (grids [][]float64) {
				for _, end := range sawbEnds(x, channels, c1, c2) {
					grids = append(grids, grid(end))
				}
				return grids
			},
			Gradient: func(x, dy []float64) ([]float64, [][]float64) {
				dx, ends := make([]float64, len(x)), sawbEnds(x, channels, c1, c2)
				for i := range x {
					end := ends[i%channels]
					levels := grid(end)
					lo, hi := 0.0, float64(len(levels)-1)
					v := (x[i] + end) / (levels[1] - levels[0])
					dx[i] = s.grad(dy[i], v, math.RoundToEven(clip(v, lo, hi)), lo, hi)
				}
				return dx, nil
			},
		}
		for ch := range channels {
			c.Grids = append(c.Grids, grid(float64(ch+1)))
		}
		cases = append(cases, c)
	}
	standard := identitySTE
	standard.ste = nil
	add(2, false, 3.125, -2.068, standard, 1)
	add(2, true, 2.527, -1.615, standard, 1)
	add(4, false, 12.104, -12.060, clippedSTE, 1)
	add(4, true, 11.827, -11.760, ewgsSTE(0.1), 1)
	add(3, false, 7.375, -6.716, dsqSTE(0.3), 1)
	add(3, false, 7.375, -6.716, standard, 3)
	add(8, true, 32.986, -36.285, standard, 1)
	estimatortest.Run(t, cases...)
}

// Where all weights have one magnitude, the line would end below it.
func TestSAWBOfOneMagnitude(t *testing.T) {
	for bits := 2; bits <= 8; bits++ {
		e := estimators.SAWB{Range: estimators.Range{Bits: bits, Signed: true, Narrow: true}}
		y := floats(3)
		if err := e.Forward(y, []float32{-2, 2, 2}, nil); err != nil || math.Abs(float64(y[1])-2) > 0.2 {
			t.Errorf("%d bits: %v, %v", bits, y, err)
		}
		if err := e.Forward(y, floats(3), nil); err != nil || y[0] != 0 {
			t.Errorf("%d bits, all 0: %v, %v", bits, y, err)
		}
	}
	for _, r := range []estimators.Range{{Bits: 4}, {Bits: 1, Signed: true}, {Bits: 9, Signed: true}} {
		if (estimators.SAWB{Range: r}).Validate() == nil {
			t.Errorf("%v: no error", r)
		}
	}
}
