package estimators_test

import (
	"testing"

	"github.com/qat-go/qat/estimators"
)

// A registered affine quantizer gets its scale and zero point as state: unsigned with a zero point, signed symmetric.
func TestAffineState(t *testing.T) {
	for _, tt := range []struct {
		name   string
		spec   estimators.Spec
		x      []float32
		s, z   []float64
		x0, y0 float32
	}{
		{"activations", estimators.Spec{Range: estimators.Range{Bits: 2}}, []float32{-1, 0.3, 2}, []float64{1}, []float64{1}, 1.6, 2},
		{"signed", estimators.Spec{Range: estimators.Range{Bits: 3, Signed: true}}, []float32{-6, 3}, []float64{2}, []float64{0}, 3.5, 4},
		{
			"weights", estimators.Spec{Range: estimators.Range{Bits: 2, Signed: true, Narrow: true}, Weights: true, Scales: 2},
			[]float32{-3, 0.5, 1, 0}, []float64{3, 0.5}, []float64{0, 0}, 7, 3,
		},
	} {
		e := newMethod(t, "affine", tt.spec).(estimators.Stateful)
		var state estimators.Params
		for _, l := range e.State(len(tt.x)) {
			state = append(state, floats(l.Len))
		}
		if err := e.Update(state, tt.x, nil, 0); err != nil {
			t.Fatal(err)
		}
		compareClose(t, tt.name+": scale", state[0], tt.s)
		compareClose(t, tt.name+": zero point", state[1], tt.z)
		x := floats(2)
		x[0] = tt.x0
		if err := e.WithState(state).Forward(x, x, nil); err != nil || x[0] != tt.y0 {
			t.Errorf("%s: y(%v) = %v, %v; want %v", tt.name, tt.x0, x[0], err, tt.y0)
		}
		for name, bad := range map[string]estimators.Params{"no state": nil, "no scale": {{0}, {0}}, "zero point 9": {{1}, {9}}} {
			if e.WithState(bad).Forward(x, x, nil) == nil {
				t.Errorf("%s: %s: no error", tt.name, name)
			}
		}
		if e.Update(state[:1], tt.x, nil, 0) == nil || e.Update(state, nil, nil, 0) == nil {
			t.Errorf("%s: no error from a short state or from no x", tt.name)
		}
	}
}
