package estimators

import (
	"fmt"
	"math"
)

// ScheduleKind is the course of a [Schedule].
type ScheduleKind string

// The courses of a schedule, from a = From to b = To at progress p from 0 to 1.
const (
	Constant    ScheduleKind = "constant"    // a
	Linear      ScheduleKind = "linear"      // a + (b-a)*p
	Exponential ScheduleKind = "exponential" // a*(b/a)^p: linear on a log scale
	Cosine      ScheduleKind = "cosine"      // b + (a-b)*(1 + cos(pi*p))/2
	Steps       ScheduleKind = "steps"       // a until the first step, then the value of the last step that is reached
)

// Schedule is a number that changes over training, such as a temperature or the strength of a penalty. The t of EDE,
// from 0.1 to 10 on a log scale (Qin et al. 2020, https://arxiv.org/abs/1909.10788, section 3.3), is Schedule{Kind:
// Exponential, From: 0.1, To: 10}.
type Schedule struct {
	Kind     ScheduleKind
	From, To float64
	Steps    []ScheduleStep // of Steps, in the order of At
}

// ScheduleStep is a value from some progress on.
type ScheduleStep struct {
	At, Value float64
}

// Validate reports a schedule that is none.
func (s Schedule) Validate() error {
	for name, v := range map[string]float64{"from": s.From, "to": s.To} {
		if v-v != 0 { // NaN for NaN and the infinities
			return prefixed("schedule", fmt.Errorf("%s is %v; expected a finite number", name, v))
		}
	}
	switch s.Kind {
	case Constant, Linear, Cosine, Steps:
	case Exponential:
		if !(s.From > 0 && s.To > 0 || s.From < 0 && s.To < 0) {
			return prefixed("schedule", fmt.Errorf("exponential from %v to %v; expected two numbers of one sign, not 0",
				s.From, s.To))
		}
	default:
		return prefixed("schedule", fmt.Errorf("kind %q; expected constant, linear, exponential, cosine or steps", s.Kind))
	}
	if len(s.Steps) > 0 != (s.Kind == Steps) {
		return prefixed("schedule", fmt.Errorf("%d steps in a schedule of kind %s; expected them with steps, and only there",
			len(s.Steps), s.Kind))
	}
	last := 0.0
	for _, step := range s.Steps {
		if !(step.At >= last && step.At <= 1) || step.Value-step.Value != 0 {
			return prefixed("schedule", fmt.Errorf("a step to %v at %v; expected finite values, in order, at 0 to 1",
				step.Value, step.At))
		}
		last = step.At
	}
	return nil
}

// At is the value at a progress from 0, the start of training, to 1, its end. Outside it is that of the nearer end, and
// at the ends From and To are exact. The schedule is valid.
func (s Schedule) At(progress float64) float64 {
	p := min(max(progress, 0), 1)
	switch {
	case s.Kind == Steps:
		value := s.From
		for _, step := range s.Steps {
			if p >= step.At {
				value = step.Value
			}
		}
		return value
	case s.Kind == Constant || p == 0:
		return s.From
	case p == 1:
		return s.To
	case s.Kind == Exponential:
		return s.From * math.Pow(s.To/s.From, p)
	case s.Kind == Cosine:
		return s.To + (s.From-s.To)*(1+math.Cos(math.Pi*p))/2
	}
	return s.From + (s.To-s.From)*p
}
