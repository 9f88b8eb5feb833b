package allocate

import (
	"cmp"
	"math"
	"slices"
)

// state is a partial solution: of the groups before some.
type state struct {
	loss         int64
	costs        []int64
	bound        float64
	parent, item int32
}

// states are partial solutions of the same groups, in the order of the costs that are open, then by loss, then by all costs.
type states struct {
	m            int // costs
	loss         []int64
	costs        []int64 // m of each
	bound        []float64
	parent, item []int32
}

func newStates(m int) *states { return &states{m: m} }

// add copies a state.
func (s *states) add(x state) {
	s.loss, s.costs, s.bound = append(s.loss, x.loss), append(s.costs, x.costs...), append(s.bound, x.bound)
	s.parent, s.item = append(s.parent, x.parent), append(s.item, x.item)
}

func (s *states) at(i int) state {
	return state{s.loss[i], s.costs[i*s.m : (i+1)*s.m], s.bound[i], s.parent[i], s.item[i]}
}

// take keeps some states, in this order.
func (s *states) take(which []int32) {
	kept := newStates(s.m)
	for _, i := range which {
		kept.add(s.at(int(i)))
	}
	*s = *kept
}

// compare orders by loss and then by costs.
func compare(a, b state) int {
	if c := cmp.Compare(a.loss, b.loss); c != 0 {
		return c
	}
	return slices.Compare(a.costs, b.costs)
}

// before orders by the costs that are open, and then as compare does. Adding one item to all keeps the order.
func before(a, b state, open []int) int {
	for _, k := range open {
		if c := cmp.Compare(a.costs[k], b.costs[k]); c != 0 {
			return c
		}
	}
	return compare(a, b)
}

// sort puts states in the order of other costs.
func (s *states) sort(open []int) {
	order := s.indices()
	less := func(i, j int32) int { return before(s.at(int(i)), s.at(int(j)), open) }
	if !slices.IsSortedFunc(order, less) {
		slices.SortFunc(order, less)
		s.take(order)
	}
}

func (s *states) indices() []int32 {
	all := make([]int32, len(s.loss))
	for i := range all {
		all[i] = int32(i)
	}
	return all
}

// cut keeps the states with the least bounds, so many, and returns the least bound of the others. Of those with the same bound
// it keeps those with costs near the middle, from which most sums can still be reached.
func (s *states) cut(width int, middle []float64) float64 {
	if len(s.loss) <= width {
		return inf
	}
	order, far := s.indices(), make([]float64, len(s.loss))
	for i := range far {
		for k, c := range s.at(i).costs {
			far[i] += math.Abs(float64(c)/middle[k] - 1)
		}
	}
	slices.SortFunc(order, func(i, j int32) int {
		if c := cmp.Compare(s.bound[i], s.bound[j]); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(far[i], far[j]), cmp.Compare(i, j))
	})
	left := s.bound[order[width]]
	order = order[:width]
	slices.Sort(order)
	s.take(order)
	return left
}

// frontier takes states in their order and tells which are needless beside those before: one that costs no more, of what is
// open, and is no worse by compare.
type frontier struct {
	open []int
	kept *states
	// steps are those of two open costs whose second cost grows and which get better; of the first, those before have no more.
	steps []int32
}

// window is how many of those kept before are looked at with three open costs or more, where no order has them all. What is
// overlooked takes time alone.
const window = 100

// add keeps a state if it is not needless.
func (f *frontier) add(x state) {
	n := len(f.kept.loss)
	switch len(f.open) {
	case 0, 1: // those that are kept get better
		if n > 0 && compare(f.kept.at(n-1), x) <= 0 {
			return
		}
	case 2:
		k := f.open[1]
		at, _ := slices.BinarySearchFunc(f.steps, x.costs[k], func(i int32, cost int64) int {
			if f.kept.at(int(i)).costs[k] <= cost {
				return -1
			}
			return 1
		})
		if at > 0 && compare(f.kept.at(int(f.steps[at-1])), x) <= 0 {
			return
		}
		end, start := at, at
		for end < len(f.steps) && compare(x, f.kept.at(int(f.steps[end]))) <= 0 {
			end++
		}
		if at > 0 && f.kept.at(int(f.steps[at-1])).costs[k] == x.costs[k] {
			start--
		}
		f.steps = slices.Replace(f.steps, start, end, int32(n))
	default:
		for i := n - 1; i >= max(n-window, 0); i-- {
			y := f.kept.at(i)
			needless := compare(y, x) <= 0
			for _, k := range f.open {
				needless = needless && y.costs[k] <= x.costs[k]
			}
			if needless {
				return
			}
		}
	}
	f.kept.add(x)
}
