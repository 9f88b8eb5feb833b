package allocate_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/qat-go/qat/allocate"
)

// brute tries all choices: the best by loss and then by costs, nil if there is none.
func brute(p allocate.Problem) *allocate.Solution {
	var best *allocate.Solution
	every(p.Groups, func(s allocate.Solution) {
		for k, l := range p.Limits {
			if s.Costs[k] > l {
				return
			}
		}
		if best == nil || s.Loss < best.Loss || s.Loss == best.Loss && slices.Compare(s.Costs, best.Costs) < 0 {
			best = &s
		}
	})
	return best
}

// every calls f with each solution, within the limits or not.
func every(groups [][]allocate.Choice, f func(allocate.Solution)) {
	choices := make([]int, len(groups))
	for {
		s := allocate.Solution{Choices: slices.Clone(choices), Costs: make([]int64, len(groups[0][0].Costs))}
		for g, c := range choices {
			s.Loss += groups[g][c].Loss
			for k, cost := range groups[g][c].Costs {
				s.Costs[k] += cost
			}
		}
		f(s)
		g := 0
		for ; g < len(choices); g++ {
			if choices[g]++; choices[g] < len(groups[g]) {
				break
			}
			choices[g] = 0
		}
		if g == len(choices) {
			return
		}
	}
}

// kinds of problems: how a loss and a cost come about. Losses are sums of few powers of two, so that sums are exact.
var kinds = map[string]func(r *rand.Rand, bits int, k int) (loss float64, cost int64){
	"few values": func(r *rand.Rand, bits, k int) (float64, int64) { return float64(r.IntN(4)), int64(r.IntN(4)) },
	"any":        func(r *rand.Rand, bits, k int) (float64, int64) { return float64(r.IntN(1 << 30)), r.Int64N(1 << 40) },
	"negative":   func(r *rand.Rand, bits, k int) (float64, int64) { return float64(r.IntN(64) - 32), r.Int64N(20) },
	"widths": func(r *rand.Rand, bits, k int) (float64, int64) {
		return math.Ldexp(float64(1+r.IntN(9)), -2*bits), int64(bits * (1 + r.IntN(9)))
	},
	"correlated":   func(r *rand.Rand, bits, k int) (float64, int64) { c := r.Int64N(1000); return float64(2000 - c), c },
	"tiny, huge":   func(r *rand.Rand, bits, k int) (float64, int64) { return math.Ldexp(1, -r.IntN(40)), 1 << r.IntN(40) },
	"all the same": func(r *rand.Rand, bits, k int) (float64, int64) { return 1, 1 },
}

// random is a problem of a kind. Limits are a share of what costs can be.
func random(r *rand.Rand, kind string, groups, choices, limits int, share float64) allocate.Problem {
	p := allocate.Problem{Groups: make([][]allocate.Choice, groups), Limits: make([]int64, limits)}
	for g := range p.Groups {
		lo, hi := make([]int64, limits), make([]int64, limits)
		for c := range choices {
			choice := allocate.Choice{Costs: make([]int64, limits)}
			for k := range limits {
				loss, cost := kinds[kind](r, c+1, k)
				choice.Loss += loss
				choice.Costs[k] = cost
				if c == 0 {
					lo[k], hi[k] = cost, cost
				}
				lo[k], hi[k] = min(lo[k], cost), max(hi[k], cost)
			}
			p.Groups[g] = append(p.Groups[g], choice)
		}
		for k := range limits {
			p.Limits[k] += lo[k] + int64(share*float64(hi[k]-lo[k]))
		}
	}
	return p
}

// The solution is that of trying all choices, and so is that there is none.
func TestBrute(t *testing.T) {
	feasible, infeasible := 0, 0
	for kind := range kinds {
		for seed := range uint64(400) {
			r := rand.New(rand.NewPCG(seed, 1))
			p := random(r, kind, 1+r.IntN(6), 1+r.IntN(4), 1+r.IntN(4), r.Float64())
			want := brute(p)
			got, err := allocate.Solve(p)
			var none *allocate.InfeasibleError
			switch {
			case want == nil && errors.As(err, &none):
				infeasible++
				checkInfeasible(t, p, none)
			case want == nil || err != nil:
				t.Fatalf("%s %d: %v, %v; want %v", kind, seed, got, err, want)
			default:
				feasible++
				if !got.Proven || got.Bound != got.Loss || got.Loss != want.Loss {
					t.Fatalf("%s %d: %+v; want %+v", kind, seed, got, want)
				}
				checkSum(t, p, got)
			}
		}
	}
	if feasible < 1000 || infeasible < 50 {
		t.Errorf("%d problems had a solution, %d had none", feasible, infeasible)
	}
}

// checkSum holds a solution against its choices.
func checkSum(t *testing.T, p allocate.Problem, s *allocate.Solution) {
	t.Helper()
	loss, costs := 0.0, make([]int64, len(p.Limits))
	for g, c := range s.Choices {
		loss += p.Groups[g][c].Loss
		for k, cost := range p.Groups[g][c].Costs {
			costs[k] += cost
		}
	}
	if loss != s.Loss || !slices.Equal(costs, s.Costs) {
		t.Errorf("%v is said to lose %g and cost %d; it loses %g and costs %d", s.Choices, s.Loss, s.Costs, loss, costs)
	}
}

// excess is the largest share of a limit that costs exceed it by.
func excess(costs, limits []int64) float64 {
	most := 0.0
	for k, l := range limits {
		most = max(most, float64(costs[k]-l)/float64(max(l, 1)))
	}
	return most
}

// checkInfeasible holds what is said of a problem without a solution against all choices.
func checkInfeasible(t *testing.T, p allocate.Problem, e *allocate.InfeasibleError) {
	t.Helper()
	least, nearest := make([]int64, len(p.Limits)), math.Inf(1)
	every(p.Groups, func(s allocate.Solution) {
		nearest = min(nearest, excess(s.Costs, p.Limits))
	})
	for k := range least {
		least[k] = math.MaxInt64
		every(p.Groups, func(s allocate.Solution) { least[k] = min(least[k], s.Costs[k]) })
	}
	if !slices.Equal(e.Least, least) {
		t.Errorf("costs are said to be at least %d; want %d", e.Least, least)
	}
	if e.Nearest == nil {
		t.Fatalf("%v has no nearest solution", e)
	}
	checkSum(t, p, e.Nearest)
	if got := excess(e.Nearest.Costs, p.Limits); got < nearest-1e-12 || got > nearest+2e-4+1e-9*nearest {
		t.Errorf("the nearest solution exceeds the limits by %g; want %g", got, nearest)
	}
}

// The front is that of all choices.
func TestFrontBrute(t *testing.T) {
	for kind := range kinds {
		for seed := range uint64(200) {
			r := rand.New(rand.NewPCG(seed, 2))
			p := random(r, kind, 1+r.IntN(6), 1+r.IntN(4), 1, 1)
			var all []allocate.Solution
			every(p.Groups, func(s allocate.Solution) { all = append(all, s) })
			slices.SortFunc(all, func(a, b allocate.Solution) int {
				if c := slices.Compare(a.Costs, b.Costs); c != 0 {
					return c
				}
				if a.Loss < b.Loss {
					return -1
				}
				return 1
			})
			var want []allocate.Solution
			for _, s := range all {
				if len(want) == 0 || s.Loss < want[len(want)-1].Loss {
					want = append(want, s)
				}
			}
			got, err := allocate.Front(p.Groups)
			if err != nil || len(got) != len(want) {
				t.Fatalf("%s %d: %d solutions, %v; want %d", kind, seed, len(got), err, len(want))
			}
			for i := range got {
				checkSum(t, p, &got[i])
				if got[i].Loss != want[i].Loss || got[i].Costs[0] != want[i].Costs[0] || !got[i].Proven {
					t.Errorf("%s %d: solution %d is %+v; want %+v", kind, seed, i, got[i], want[i])
				}
			}
		}
	}
}
