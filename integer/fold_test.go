package integer_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/integer"
)

// Folding must give the scale and the offset of batch norm in float64: the
// scale within float32's rounding, the offset within half a unit of the grid.
func TestFoldBatchNorm(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const channels = 2000
	gamma, beta, mean, variance := make([]float32, channels), make([]float32, channels), make([]float32, channels), make([]float32, channels)
	for c := range channels {
		gamma[c], beta[c] = float32(rng.NormFloat64()), float32(rng.NormFloat64())
		mean[c], variance[c] = float32(rng.NormFloat64()*3), float32(rng.ExpFloat64())
		switch c % 10 {
		case 0:
			gamma[c] = 0
		case 1:
			gamma[c] *= 1e-12
		case 2:
			gamma[c] *= 1e-38 // the folded scale is denormal or zero
		case 3:
			variance[c] = 0
		case 4:
			gamma[c], beta[c] = 0, 0
		}
	}
	for _, scales := range []int{1, channels} {
		const sx, eps = float32(0.037), 1e-5
		sw := make([]float32, scales)
		for i := range sw {
			sw[i] = float32(rng.ExpFloat64()*0.01) + 1e-4
		}
		f := integer.FoldBatchNorm(sx, sw, gamma, beta, mean, variance, eps)
		if err := f.Check(); err != nil {
			t.Fatal(err)
		}
		dead := 0
		for c := range channels {
			factor := float64(gamma[c]) / math.Sqrt(float64(variance[c])+eps)
			offset := float64(beta[c]) - float64(mean[c])*factor
			scale, bias := float64(f.Scale[c]), float64(f.Bias[c])
			if math.Abs(bias) > 1<<29 {
				t.Fatalf("channel %d: bias %g leaves no room for sums", c, bias)
			}
			if d := math.Abs(scale*bias - offset); d > math.Abs(scale)/2*(1+1e-9) {
				t.Fatalf("channel %d: %g*%g is %g from the offset %g, more than half a unit", c, scale, bias, d, offset)
			}
			if f.Dead[c] {
				dead++
				// What is lost is less than float32 shows next to the offset.
				if lost := math.Abs(factor) * float64(sx) * float64(sw[c%scales]) * (1 << 20); offset != 0 && lost > math.Abs(offset) {
					t.Fatalf("channel %d is dead, but 2^20 units make %g beside an offset of %g", c, lost, offset)
				}
				continue
			}
			want := float64(sx) * float64(sw[c%scales]) * factor
			if math.Abs(scale-want) > math.Abs(want)*0x1p-23 {
				t.Fatalf("channel %d: scale %g, want %g", c, scale, want)
			}
			if math.Signbit(scale) != math.Signbit(float64(gamma[c])) {
				t.Fatalf("channel %d: scale %g for gamma %g", c, scale, gamma[c])
			}
		}
		if dead < channels*3/10 || dead > channels*5/10 {
			t.Errorf("%d of %d channels are dead, want those of gamma 0 and near 0", dead, channels)
		}
	}
}

// Numbers worked by hand, all exact: factor = 3/sqrt(4) = 1.5,
// Scale = 0.5*(0.25*1.5), offset = 1 - 2*1.5 = -2, -2/0.1875 = -10.67.
func TestFoldByHand(t *testing.T) {
	f := integer.FoldBatchNorm(0.5, []float32{0.25}, []float32{3, -3}, []float32{1, 1}, []float32{2, 2}, []float32{4, 4}, 0)
	if want := []float32{0.1875, -0.1875}; !slices.Equal(f.Scale, want) {
		t.Errorf("scales %v, want %v", f.Scale, want)
	}
	if want := []int32{-11, -21}; !slices.Equal(f.Bias, want) { // 4/-0.1875 = -21.33
		t.Errorf("biases %v, want %v", f.Bias, want)
	}
	// Halves go to even: 0.5/1 and 1.5/1.
	f = integer.FoldBias(1, []float32{1}, []float32{0.5, 1.5, -0.5, -1.5})
	if want := []int32{0, 2, 0, -2}; !slices.Equal(f.Bias, want) {
		t.Errorf("biases %v, want %v", f.Bias, want)
	}
}

func TestDeadChannelsHaveNoWeights(t *testing.T) {
	f := integer.FoldBatchNorm(1, []float32{1}, []float32{1, 0}, []float32{1, -3}, []float32{0, 0}, []float32{1, 1}, 0)
	if want := []bool{false, true}; !slices.Equal(f.Dead, want) {
		t.Fatalf("dead %v, want %v", f.Dead, want)
	}
	w := []int8{1, 2, 3, 4}
	if got := f.Weights(w); !slices.Equal(got, []int8{1, 0, 3, 0}) || !slices.Equal(w, []int8{1, 2, 3, 4}) {
		t.Errorf("weights %v, and the original %v", got, w)
	}
	if real := f.Scale[1] * float32(f.Bias[1]); real != -3 {
		t.Errorf("the dead channel is %g, want -3", real)
	}
	f.Dead[1] = false
	if got := f.Weights(w); &got[0] != &w[0] {
		t.Error("weights are copied although no channel is dead")
	}
}

func TestFoldedCheck(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for name, f := range map[string]integer.Folded{
		"gamma NaN":         integer.FoldBatchNorm(1, []float32{1}, []float32{nan}, []float32{0}, []float32{0}, []float32{1}, 0),
		"beta NaN":          integer.FoldBatchNorm(1, []float32{1}, []float32{1}, []float32{nan}, []float32{0}, []float32{1}, 0),
		"mean infinite":     integer.FoldBatchNorm(1, []float32{1}, []float32{1}, []float32{0}, []float32{inf}, []float32{1}, 0),
		"negative variance": integer.FoldBatchNorm(1, []float32{1}, []float32{1}, []float32{0}, []float32{0}, []float32{-1}, 0),
		"scale overflows":   integer.FoldBias(1e30, []float32{1e30}, []float32{0}),
		"bias infinite":     integer.FoldBias(1, []float32{1}, []float32{inf}),
	} {
		if err := f.Check(); err == nil || !strings.Contains(err.Error(), "channel 0") {
			t.Errorf("%s: error %v, want one for channel 0", name, err)
		}
	}
}

// Biases reach 2^29 and no further: sums have the rest of int32.
func TestFoldBiasLimit(t *testing.T) {
	f := integer.FoldBias(1, []float32{1}, []float32{1 << 29, -1 << 29, 1<<29 + 64, -1<<29 - 64})
	if want := []bool{false, false, true, true}; !slices.Equal(f.Dead, want) {
		t.Errorf("dead %v, want %v", f.Dead, want)
	}
	for o, want := range []float32{1 << 29, -1 << 29, 1<<29 + 64, -1<<29 - 64} {
		if got := f.Scale[o] * float32(f.Bias[o]); got != want || max(f.Bias[o], -f.Bias[o]) > 1<<29 {
			t.Errorf("bias %d on a scale of %g is %g, want %g", f.Bias[o], f.Scale[o], got, want)
		}
	}
}
