package allocate

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Solve returns the solution that loses least, or an [*InfeasibleError] if there is none.
//
// It goes through the groups and keeps partial solutions. Dropped are those that another makes needless, which loses no more and
// costs no more, and those whose bound by Lagrangian relaxation says that they lose more than the best solution known. A first
// walk keeps few of the others, those with the least bounds, which finds good solutions; the walk is repeated with more until
// nothing was left out that could be better. That proves the optimum. A problem that takes more than 2^16 partial solutions at a
// time ends with the best solution so far, Proven false, and a Bound.
func Solve(p Problem) (*Solution, error) {
	if len(p.Limits) == 0 {
		return nil, errors.New("there are no limits; wanted one or more")
	}
	for k, l := range p.Limits {
		if l < 0 {
			return nil, fmt.Errorf("limit %d is %d; wanted 0 or more", k, l)
		}
	}
	if err := check(p.Groups, len(p.Limits)); err != nil {
		return nil, err
	}
	s, err := solve(p)
	if errors.Is(err, errNone) {
		return nil, newInfeasible(p)
	}
	return s, err
}

// errNone says that there is no solution.
var errNone = errors.New("there is no solution within the limits")

// The widths of walks: how many partial solutions are kept.
var widths = []int{1 << 8, 1 << 11, 1 << 14, 1 << 16}

func solve(p Problem) (*Solution, error) {
	in, err := newInstance(p.Groups, p.Limits)
	if err != nil {
		return nil, err
	}
	for _, s := range in.slack {
		if s < 0 {
			return nil, errNone
		}
	}
	in.drop()
	s := &search{instance: in, best: math.Inf(1), left: math.Inf(1)}
	s.findPrices()
	s.propose()
	for _, width := range widths {
		s.tighten()
		s.walk(width)
		if s.left > s.worst() {
			break
		}
	}
	switch {
	case s.choices == nil && math.IsInf(s.left, 1):
		return nil, errNone
	case s.choices == nil:
		return nil, ErrUndecided
	}
	out := sum(p.Groups, s.choices)
	out.Proven, out.Bound = s.left > s.worst(), out.Loss
	if !out.Proven {
		out.Bound = min(in.loss(s.left), out.Loss)
	}
	return &out, nil
}

// search is what is known of an instance.
type search struct {
	*instance
	prices  [][]*price // by group: of the partial solutions before it
	best    float64    // what the best solution loses, and its choices
	choices []int
	left    float64 // the least bound of what was left out in the last walk
}

// worst is what a better solution than the best one loses at most.
func (s *search) worst() float64 { return s.best - float64(s.step) }

// tighten drops the items that no better solution has than the best one, and finds prices for those that are left.
func (s *search) tighten() {
	if s.choices == nil {
		return
	}
	for g, items := range s.groups {
		s.groups[g] = slices.DeleteFunc(slices.Clone(items), func(it item) bool {
			return it.choice != s.choices[g] && slices.ContainsFunc(s.prices[0], func(p *price) bool {
				least, _ := p.at(items)
				return p.bound(0, 0, nil)-least+p.of(&it) > s.worst()
			})
		})
	}
	s.improve(s.repick())
	s.findPrices()
}

// findPrices has prices for all partial solutions, those for the root, and others for those near the best solution.
func (s *search) findPrices() {
	m := len(s.slack)
	even := make([]float64, m)
	for k, slack := range s.slack {
		even[k] = 1 / float64(max(slack, 1))
	}
	target := min(s.best, s.spread)
	now := s.polyak(0, s.slack, make([]float64, m), target, false, 300)
	all := []*price{s.newPrice(now, false), s.newPrice(even, true), s.newPrice(s.polyak(0, s.slack, even, 1, true, 300), true)}
	slack := slices.Clone(s.slack)
	s.prices = nil
	for g, items := range append(s.groups, nil) {
		near := slices.Clone(all)
		if g > 0 && g < len(s.groups) {
			now = s.polyak(g, slack, now, max(target, 0), false, 60)
			near = append(near, s.newPrice(now, false))
		}
		for _, scale := range []float64{0.7, 1.4} {
			for k := range now {
				if now[k] == 0 {
					continue
				}
				p := slices.Clone(now)
				p[k] *= scale
				near = append(near, s.newPrice(p, false))
			}
		}
		s.prices = append(s.prices, near)
		if items == nil {
			break
		}
		_, i := all[0].at(items)
		if s.choices != nil {
			i = slices.IndexFunc(items, func(it item) bool { return it.choice == s.choices[g] })
		}
		target -= float64(items[i].loss)
		for k, c := range items[i].costs {
			slack[k] -= c
		}
	}
}

// walk goes through the groups with so many partial solutions at most.
func (s *search) walk(width int) {
	now, trail := newStates(len(s.slack)), []*states(nil)
	now.add(state{costs: make([]int64, len(s.slack))})
	s.left = math.Inf(1)
	for g := range s.groups {
		open := s.open(g + 1)
		now.sort(open)
		next := s.extend(g, now, open)
		s.left = min(s.left, next.cut(width, s.middle(g+1)))
		now.costs, now.loss, now.bound = nil, nil, nil // what is kept is the way back
		trail, now = append(trail, now), next
	}
	for i := range now.loss { // one at most, since no cost is open
		if loss := float64(now.loss[i]); s.choices == nil || loss < s.best {
			s.best, s.choices = loss, make([]int, len(s.groups))
			for g, at := len(s.groups)-1, now; g >= 0; g-- {
				s.choices[g] = s.groups[g][at.item[i]].choice
				i, at = int(at.parent[i]), trail[g]
			}
		}
	}
}

// open are the costs that may still exceed their limits with the groups from g on.
func (s *search) open(g int) []int {
	var open []int
	for k, slack := range s.slack {
		later, total := int64(0), int64(0)
		for i, items := range s.groups {
			most := largest(items, k)
			if total += most; i >= g {
				later += most
			}
		}
		if later > 0 && total > slack {
			open = append(open, k)
		}
	}
	return open
}

// middle is what the groups before g cost if all spend the same share of what they can.
func (s *search) middle(g int) []float64 {
	costs := make([]float64, len(s.slack))
	for k, slack := range s.slack {
		before, total := 1.0, 1.0
		for i, items := range s.groups {
			most := float64(largest(items, k))
			if total += most; i < g {
				before += most
			}
		}
		costs[k] = max(float64(slack), 1) * before / total
	}
	return costs
}
