// Package allocate takes one choice from each of several groups: of all that stay within limits, the one that loses least.
// That is the multiple-choice knapsack problem,
//
//	minimize    sum_g loss[g][x_g]
//	subject to  sum_g cost[g][x_g][k] <= limit[k]   for each cost k,
//
// by which widths of layers are found that fit a budget (Chen et al. 2021, MPQCO, section 3.3; as an integer program, Yao et al.
// 2021, HAWQ-V3, arXiv 2011.10680, section 3.4). [Solve] finds the optimum and proves it; [Front] has all optima of one cost.
//
// Losses are exact to 2^-60 of what they can differ by in sum: they are compared as integers, so that no order of sums matters.
// Costs are integers. Of several solutions that lose least, the same one is found everywhere; it has no item that another of its
// group makes needless.
package allocate

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Choice is what a group may take.
type Choice struct {
	Loss  float64
	Costs []int64 // one for each limit, 0 or more
}

// Problem is groups, of each of which one choice is taken, and the most that the choices may cost together.
type Problem struct {
	Groups [][]Choice
	Limits []int64 // one or more
}

// Solution is one choice of each group.
type Solution struct {
	Choices []int // by group
	Loss    float64
	Costs   []int64
	// Bound is what no solution can lose less than; it is Loss where Proven, which tells that this is the optimum.
	Bound  float64
	Proven bool
}

// ErrUndecided reports a problem in which the search ended before a solution was found or excluded.
var ErrUndecided = errors.New("the search ended without a solution, and without proof that there is none; wanted fewer choices or other limits")

// most is what costs can add up to.
const most = math.MaxInt64 / 8

// check returns what is wrong with groups that have so many costs.
func check(groups [][]Choice, costs int) error {
	if len(groups) == 0 {
		return errors.New("there are no groups; wanted one or more")
	}
	sums := make([]int64, costs)
	for g, choices := range groups {
		if len(choices) == 0 {
			return fmt.Errorf("group %d has no choices; wanted one or more", g)
		}
		largest := make([]int64, costs)
		for c, choice := range choices {
			if math.IsNaN(choice.Loss) || math.IsInf(choice.Loss, 0) {
				return fmt.Errorf("group %d, choice %d: its loss is %g; wanted a finite number", g, c, choice.Loss)
			}
			if len(choice.Costs) != costs {
				return fmt.Errorf("group %d, choice %d has %d costs; wanted %d", g, c, len(choice.Costs), costs)
			}
			for k, cost := range choice.Costs {
				if cost < 0 {
					return fmt.Errorf("group %d, choice %d: cost %d is %d; wanted 0 or more", g, c, k, cost)
				}
				largest[k] = max(largest[k], cost)
			}
		}
		for k := range sums {
			if largest[k] > most-sums[k] {
				return fmt.Errorf("cost %d: the groups add up to more than %d; wanted a larger unit", k, int64(most))
			}
			sums[k] += largest[k]
		}
	}
	return nil
}

// sum returns the solution that takes these choices.
func sum(groups [][]Choice, choices []int) Solution {
	s := Solution{Choices: choices, Costs: make([]int64, len(groups[0][0].Costs))}
	for g, c := range choices {
		s.Loss += groups[g][c].Loss
		for k, cost := range groups[g][c].Costs {
			s.Costs[k] += cost
		}
	}
	return s
}

// item is a choice, beyond the least of its group: of loss and of each cost.
type item struct {
	loss   int64 // in units of instance
	costs  []int64
	choice int
}

// largest is the most that items have of a cost.
func largest(items []item, k int) int64 {
	most := int64(0)
	for _, it := range items {
		most = max(most, it.costs[k])
	}
	return most
}

// instance is a problem in integers, whose least loss and costs are 0.
type instance struct {
	groups [][]item
	slack  []int64 // of each limit, beyond the least costs; negative: there is no solution
	least  float64 // loss, of the choices that lose least
	unit   int     // losses are multiples of 2^unit
	spread float64 // what losses differ by at most in sum, in units
	step   int64   // losses of solutions differ by a multiple of it
}

// newInstance returns the integers of a problem that check approves.
func newInstance(groups [][]Choice, limits []int64) (*instance, error) {
	in := &instance{groups: make([][]item, len(groups)), slack: append([]int64(nil), limits...)}
	spread := 0.0
	for _, choices := range groups {
		lo, hi := math.Inf(1), math.Inf(-1)
		for _, c := range choices {
			lo, hi = min(lo, c.Loss), max(hi, c.Loss)
		}
		in.least += lo
		spread += hi - lo
	}
	if math.IsInf(spread, 0) || math.IsInf(in.least, 0) {
		return nil, errors.New("the losses add up to more than a float64 holds; wanted a larger unit")
	}
	if spread > 0 {
		_, exp := math.Frexp(spread)
		in.unit = exp - 60
	}
	in.spread = math.Ldexp(spread, -in.unit)
	for g, choices := range groups {
		lo, costs := math.Inf(1), append([]int64(nil), choices[0].Costs...)
		for _, c := range choices {
			lo = min(lo, c.Loss)
			for k := range costs {
				costs[k] = min(costs[k], c.Costs[k])
			}
		}
		for k := range costs {
			in.slack[k] -= costs[k]
		}
		for i, c := range choices {
			it := item{loss: int64(math.RoundToEven(math.Ldexp(c.Loss-lo, -in.unit))), costs: make([]int64, len(costs)), choice: i}
			for k := range costs {
				it.costs[k] = c.Costs[k] - costs[k]
			}
			in.groups[g] = append(in.groups[g], it)
		}
		in.groups[g] = undominated(in.groups[g])
		for _, it := range in.groups[g] {
			in.step = gcd(in.step, it.loss)
		}
	}
	in.step = max(in.step, 1)
	return in, nil
}

// drop leaves out the costs that no choices exceed the limit of.
func (in *instance) drop() {
	for k := len(in.slack) - 1; k >= 0; k-- {
		total := int64(0)
		for _, items := range in.groups {
			total += largest(items, k)
		}
		if total > in.slack[k] {
			continue
		}
		in.slack = slices.Delete(in.slack, k, k+1)
		for _, items := range in.groups {
			for i := range items {
				items[i].costs = slices.Delete(items[i].costs, k, k+1)
			}
		}
	}
	for g, items := range in.groups {
		in.groups[g] = undominated(items)
	}
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// undominated drops the items that another makes needless: it loses no more and costs no more. Of equals the first stays.
func undominated(items []item) []item {
	var kept []item
	for i, a := range items {
		needless := false
		for j, b := range items {
			if i == j || b.loss > a.loss {
				continue
			}
			below, same := true, b.loss == a.loss
			for k := range a.costs {
				below = below && b.costs[k] <= a.costs[k]
				same = same && b.costs[k] == a.costs[k]
			}
			needless = needless || below && (!same || j < i)
		}
		if !needless {
			kept = append(kept, a)
		}
	}
	return kept
}

// loss is that of so many units.
func (in *instance) loss(units float64) float64 { return in.least + math.Ldexp(units, in.unit) }
