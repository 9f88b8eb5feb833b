package allocate

import (
	"errors"
	"fmt"
	"strings"
)

// InfeasibleError reports that no choices stay within the limits.
type InfeasibleError struct {
	Limits []int64
	Least  []int64 // each cost, with the others left out of account
	// Nearest is the best solution that exceeds limits by the least share of each, to 1/10000, and none that need not be exceeded
	// with the others; nil if it was not found.
	Nearest *Solution
}

func (e *InfeasibleError) Error() string {
	var costs []string
	for k, l := range e.Limits {
		text := fmt.Sprintf("cost %d is at least %d for a limit of %d", k, e.Least[k], l)
		if e.Nearest != nil {
			text += fmt.Sprintf(", and %d in the nearest solution", e.Nearest.Costs[k])
		}
		costs = append(costs, text)
	}
	return "no choices stay within the limits: " + strings.Join(costs, "; ")
}

// newInfeasible explains why a problem has no solution.
func newInfeasible(p Problem) error {
	e := &InfeasibleError{Limits: p.Limits, Least: make([]int64, len(p.Limits))}
	free := Problem{Groups: make([][]Choice, len(p.Groups))} // whose losses are all 0
	for g, choices := range p.Groups {
		least := append([]int64(nil), choices[0].Costs...)
		for _, c := range choices {
			free.Groups[g] = append(free.Groups[g], Choice{Costs: c.Costs})
			for k, cost := range c.Costs {
				least[k] = min(least[k], cost)
			}
		}
		for k := range least {
			e.Least[k] += least[k]
		}
	}
	widened := func(parts int64) []int64 {
		limits := make([]int64, len(p.Limits))
		for k, l := range p.Limits {
			limits[k] = l + int64(min(float64(max(l, 1))*float64(parts)/parting, float64(most-min(l, most))))
		}
		return limits
	}
	feasible := func(limits []int64) bool {
		free.Limits = limits
		_, err := solve(free)
		return err == nil
	}
	within := func(parts int64) bool { return feasible(widened(parts)) }
	lo, hi := int64(0), int64(1) // parts; lo is too few
	for ; !within(hi); lo, hi = hi, 2*hi {
		if hi > most/4 {
			return e
		}
	}
	for hi-lo > 1 {
		if mid := lo + (hi-lo)/2; within(mid) {
			hi = mid
		} else {
			lo = mid
		}
	}
	limits := widened(hi)
	for k, l := range p.Limits { // that need not be exceeded with the others
		wide := limits[k]
		if limits[k] = l; !feasible(limits) {
			limits[k] = wide
		}
	}
	p.Limits = limits
	s, err := solve(p)
	if err != nil && !errors.Is(err, ErrUndecided) {
		return err
	}
	e.Nearest = s
	return e
}

// parting is how many parts a limit is widened by to be twice as large.
const parting = 10_000
