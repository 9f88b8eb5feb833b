package allocate

import (
	"fmt"
	"slices"
)

// MaxFront is how many solutions a front may have.
const MaxFront = 1 << 18

// Front returns every solution of groups with one cost that no other beats, by growing cost: each loses less than all that cost
// no more. It is exact as [Solve] is.
func Front(groups [][]Choice) ([]Solution, error) {
	if err := check(groups, 1); err != nil {
		return nil, err
	}
	in, err := newInstance(groups, []int64{most})
	if err != nil {
		return nil, err
	}
	front, trail := []point{{}}, make([][]point, 0, len(groups))
	for g, items := range in.groups {
		var next []point
		for i := range items {
			next = merge(next, front, &items[i], int32(i))
			if len(next) > MaxFront {
				return nil, fmt.Errorf("the front has more than %d solutions after %d of %d groups; wanted costs in a larger unit", MaxFront, g+1, len(groups))
			}
		}
		trail = append(trail, front)
		front = next
	}
	solutions := make([]Solution, len(front))
	for i, p := range front {
		choices := make([]int, len(groups))
		for g := len(groups) - 1; g >= 0; g-- {
			choices[g] = in.groups[g][p.item].choice
			p = trail[g][p.parent]
		}
		solutions[i] = sum(groups, choices)
		solutions[i].Bound, solutions[i].Proven = solutions[i].Loss, true
	}
	return solutions, nil
}

// point is a partial solution of a front.
type point struct {
	loss, cost   int64
	parent, item int32
}

// merge adds to a falling list the points that an item makes of another, and keeps it falling: by growing cost, losses fall.
func merge(list, from []point, it *item, which int32) []point {
	merged := make([]point, 0, len(list)+len(from))
	add := func(p point) {
		if len(merged) == 0 || p.loss < merged[len(merged)-1].loss {
			merged = append(merged, p)
		}
	}
	for i := range from {
		p := point{from[i].loss + it.loss, from[i].cost + it.costs[0], int32(i), which}
		for len(list) > 0 && (list[0].cost < p.cost || list[0].cost == p.cost && list[0].loss <= p.loss) {
			add(list[0])
			list = list[1:]
		}
		add(p)
	}
	for _, p := range list {
		add(p)
	}
	return slices.Clip(merged)
}
