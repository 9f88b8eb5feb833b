package estimators

import (
	"errors"
	"fmt"
	"math"
)

// Freezing is the iterative freezing of oscillating weights, Nagel et al. 2022, https://arxiv.org/abs/2203.11086,
// section 4.2 and algorithm 1. After each update of the optimizer, with q = round(clip(w/s, Qn, Qp)) of each weight,
//
//	o = 1 where q changed in the direction opposite to its last change, else 0
//	f <- m*o + (1-m)*f                                    (equation 4: how often the weight oscillates)
//	frozen at round(e) where f > threshold
//	e <- m*q + (1-m)*e                                    (moving average of q)
//
// and w = s times its integer where it is frozen, now and from then on, whatever the optimizer does to it. The order of
// the last two lines is that of the authors' code. The first call sets q, and e = q. All numbers of a weight are in the
// state: q, the direction of its last change, f, e, and whether it is frozen. The frozen integer is the q.
//
// The authors take m = 0.01 and lower the threshold along a cosine, from 0.1 to 0.01. A threshold of 0 freezes
// nothing, for a warm start. The range is that of the quantizer of the weights; halves are rounded to even. w that is
// not finite is an error.
type Freezing struct {
	Momentum  float64 // m, above 0, to 1
	Threshold float64 // 0 to 1
}

var freezingOptions = []Option{
	{Name: "momentum", Doc: "part of the newest step in the moving averages", Default: 0.01, Min: 1e-6, Max: 1},
	{Name: "threshold", Doc: "oscillations a step above which a weight is frozen; 0 freezes none", Default: 0.02, Max: 1},
}

var _ = registerRegularizer(RegularizerKind{
	Name:    "freezing",
	Source:  "Nagel et al. 2022, arXiv 2203.11086, section 4.2",
	Doc:     "freezes weights that oscillate between two levels",
	Options: freezingOptions,
	MinBits: 2,
	NewProjector: func(o Options) (Projector, error) {
		o, err := optionValues(freezingOptions, o)
		return Freezing{o["momentum"], o["threshold"]}, prefixed("freezing", err)
	},
})

// State is the integers, the directions of the last changes (-1, 0 or 1), the frequencies, the averages of the
// integers, and which weights are frozen (1 or 0).
func (f Freezing) State(n int) []Learned {
	return []Learned{
		{Name: "integer", Len: n}, {Name: "direction", Len: n}, {Name: "frequency", Len: n}, {Name: "average", Len: n},
		{Name: "frozen", Len: n},
	}
}

// Project implements [Projector].
func (f Freezing) Project(w []float32, state Params, scale []float32, r Range, step int) error {
	n := len(w)
	err := errors.Join(f.check(), r.Validate(), checkParams("state arrays", state, n, n, n, n, n))
	if err == nil {
		err = checkScale(scale, n)
	}
	if err == nil && n > 0 {
		err = checkStatistics(w)
	}
	if err != nil {
		return prefixed("freezing", err)
	}
	integer, direction, frequency, average, frozen := state[0], state[1], state[2], state[3], state[4]
	m := f.Momentum
	for i, v := range w {
		s := scale[i%len(scale)]
		q := float32(clampRound(v/s, float64(r.Qn()), float64(r.Qp())))
		if step == 0 {
			integer[i], direction[i], frequency[i], average[i], frozen[i] = q, 0, 0, q, 0
			continue
		}
		if frozen[i] != 0 {
			w[i] = float32(integer[i] * s)
			continue
		}
		oscillates := 0.0
		if change := q - integer[i]; change != 0 {
			turn := float32(math.Copysign(1, float64(change)))
			if turn == -direction[i] {
				oscillates = 1
			}
			direction[i] = turn
		}
		integer[i] = q
		frequency[i] = float32(float64(m*oscillates) + float64((1-m)*float64(frequency[i])))
		if f.Threshold > 0 && float64(frequency[i]) > f.Threshold {
			frozen[i] = 1
			integer[i] = float32(math.RoundToEven(float64(average[i])))
			w[i] = float32(integer[i] * s)
			continue
		}
		average[i] = float32(float64(m*float64(q)) + float64((1-m)*float64(average[i])))
	}
	return nil
}

func (f Freezing) check() error {
	if !(f.Momentum > 0 && f.Momentum <= 1) {
		return fmt.Errorf("momentum is %v; expected above 0, to 1", f.Momentum)
	}
	if !(f.Threshold >= 0 && f.Threshold <= 1) {
		return fmt.Errorf("threshold is %v; expected 0 to 1", f.Threshold)
	}
	return nil
}
