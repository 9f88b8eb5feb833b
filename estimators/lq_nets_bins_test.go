package estimators_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// Updates from bins are those from x, up to rounding, many in a row.
func TestLQNetsUpdatesFromBins(t *testing.T) {
	for _, signed := range []bool{false, true} {
		for bits := 1; bits <= 4; bits++ {
			t.Run(fmt.Sprintf("signed %t, %d bits", signed, bits), func(t *testing.T) {
				l := estimators.LQNets{Bits: bits, Signed: signed, Momentum: 0.5}
				state, binned := estimators.Params{floats(bits)}, estimators.Params{floats(bits)}
				for step := range 6 {
					x := normals(500, uint64(step), 0.3, 1)
					if err := l.Update(state, x, nil, step); err != nil {
						t.Fatal(err)
					}
					if step == 0 { // only Update starts
						slices.Reverse(state[0]) // so that the codes are not in the order of the levels
						copy(binned[0], state[0])
						continue
					}
					thresholds, ok, err := l.Bins(binned)
					if err != nil || !ok || len(thresholds) != 1<<bits-1 {
						t.Fatalf("%d thresholds, ok %t, error %v", len(thresholds), ok, err)
					}
					counts, sums := make([]float64, 1<<bits), make([]float64, 1<<bits)
					for _, v := range x {
						i := 0
						for i < len(thresholds) && v > thresholds[i] {
							i++
						}
						counts[i]++
						sums[i] += float64(v)
					}
					if err := l.UpdateBins(binned, counts, sums); err != nil {
						t.Fatal(err)
					}
					for j, want := range state[0] {
						if math.Abs(float64(binned[0][j]-want)) > 1e-6+1e-5*math.Abs(float64(want)) {
							t.Fatalf("step %d: basis %v, want %v", step, binned[0], state[0])
						}
					}
				}
			})
		}
	}
}

func TestLQNetsBinsRefuses(t *testing.T) {
	state := estimators.Params{{0.5, 1}}
	for name, l := range map[string]estimators.LQNets{
		"rounds": {Bits: 2, Rounds: 2}, "channels": {Bits: 1, Scales: 2}, "5 bits": {Bits: 5},
	} {
		state := estimators.Params{make([]float32, l.Bits*max(l.Scales, 1))}
		for j := range state[0] {
			state[0][j] = float32(j + 1)
		}
		if _, ok, err := l.Bins(state); ok || err != nil {
			t.Errorf("%s: ok %t, error %v; want Update to see x", name, ok, err)
		}
	}
	l := estimators.LQNets{Bits: 2}
	nan, inf := math.NaN(), math.Inf(-1)
	for name, err := range map[string]error{
		"NaN":        l.UpdateBins(state, []float64{1, 1, 1, 1}, []float64{0, nan, 0, 0}),
		"infinity":   l.UpdateBins(state, []float64{1, 1, 1, 1}, []float64{inf, 0, 0, 0}),
		"no x":       l.UpdateBins(state, make([]float64, 4), make([]float64, 4)),
		"few sums":   l.UpdateBins(state, make([]float64, 4), make([]float64, 3)),
		"no state":   l.UpdateBins(nil, []float64{1, 1, 1, 1}, make([]float64, 4)),
		"channels":   estimators.LQNets{Bits: 1, Scales: 2}.UpdateBins(state, []float64{1, 1}, []float64{1, 1}),
		"no state 2": func() error { _, _, err := l.Bins(nil); return err }(),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if state[0][0] != 0.5 || state[0][1] != 1 {
		t.Errorf("an error moved the basis to %v", state[0])
	}
}
