package allocate_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/allocate"
)

type choices = [][]allocate.Choice

func c(loss float64, costs ...int64) allocate.Choice {
	return allocate.Choice{Loss: loss, Costs: costs}
}

// What is no problem is an error, and no panic.
func TestInvalid(t *testing.T) {
	for want, p := range map[string]allocate.Problem{
		"there are no limits":                          {Groups: choices{{c(1)}}},
		"there are no groups":                          {Limits: []int64{1}},
		"group 1 has no choices":                       {Groups: choices{{c(1, 1)}, {}}, Limits: []int64{1}},
		"group 0, choice 1: its loss is NaN":           {Groups: choices{{c(1, 1), c(math.NaN(), 1)}}, Limits: []int64{1}},
		"group 0, choice 0: its loss is -Inf":          {Groups: choices{{c(math.Inf(-1), 1)}}, Limits: []int64{1}},
		"group 0, choice 0 has 1 costs; wanted 2":      {Groups: choices{{c(1, 1)}}, Limits: []int64{1, 2}},
		"group 0, choice 0: cost 1 is -1":              {Groups: choices{{c(1, 1, -1)}}, Limits: []int64{1, 2}},
		"limit 1 is -2":                                {Groups: choices{{c(1, 1, 1)}}, Limits: []int64{1, -2}},
		"cost 0: the groups add up to more than":       {Groups: choices{{c(1, math.MaxInt64/16)}, {c(1, math.MaxInt64/16+1)}, {c(1, 1<<40)}}, Limits: []int64{1}},
		"the losses add up to more than a float64":     {Groups: choices{{c(math.MaxFloat64, 1), c(-math.MaxFloat64, 1)}}, Limits: []int64{1}},
		"cost 0 is at least 2 for a limit of 1, and 2": {Groups: choices{{c(1, 2), c(0, 3)}}, Limits: []int64{1}},
		"cost 0 is at least 2 for a limit of 0, and 2": {Groups: choices{{c(1, 2), c(0, 3)}}, Limits: []int64{0}},
	} {
		if s, err := allocate.Solve(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v; want %q", s, err, want)
		}
	}
	for want, groups := range map[string]choices{
		"there are no groups":                     {},
		"group 0, choice 0 has 2 costs; wanted 1": {{c(1, 1, 1)}},
		"the losses add up to more than":          {{c(math.MaxFloat64, 1)}, {c(math.MaxFloat64, 1)}},
	} {
		if s, err := allocate.Front(groups); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v; want %q", s, err, want)
		}
	}
}

// Extremes of what is allowed: limits that nothing reaches, losses that are tiny or all the same, costs of 0.
func TestExtremes(t *testing.T) {
	tiny := math.SmallestNonzeroFloat64
	for _, p := range []allocate.Problem{
		{Groups: choices{{c(0, 0)}}, Limits: []int64{0}},
		{Groups: choices{{c(3, 0), c(3, 0)}, {c(-1, 0)}}, Limits: []int64{math.MaxInt64}},
		{Groups: choices{{c(3*tiny, 0), c(tiny, 1)}, {c(0, 1), c(tiny, 0)}}, Limits: []int64{1}},
		{Groups: choices{{c(1e300, 0), c(-1e300, 5)}, {c(1e-300, 3), c(0, 4)}}, Limits: []int64{8}},
		{Groups: choices{{c(1, math.MaxInt64/16), c(2, 0)}, {c(1, math.MaxInt64/16), c(3, 1)}}, Limits: []int64{math.MaxInt64 / 16}},
	} {
		s, err := allocate.Solve(p)
		if err != nil || !s.Proven || s.Loss != brute(p).Loss {
			t.Errorf("%v: %+v, %v; want %+v", p, s, err, brute(p))
		}
	}
}

// Of choices that lose the same, one that costs more in vain is not taken; of equals it is the first.
func TestNeedless(t *testing.T) {
	p := allocate.Problem{Groups: choices{{c(1, 5, 2), c(1, 3, 2), c(1, 3, 2)}, {c(2, 1, 1), c(0, 2, 1)}}, Limits: []int64{9, 9}}
	if s, err := allocate.Solve(p); err != nil || !slices.Equal(s.Choices, []int{1, 1}) {
		t.Errorf("%+v, %v; want choices 1 and 1", s, err)
	}
}

// The nearest solution exceeds no limit that others can be exceeded without.
func TestNearest(t *testing.T) {
	p := allocate.Problem{Groups: choices{{c(5, 6, 1), c(0, 6, 5)}, {c(5, 2, 1), c(0, 3, 1)}}, Limits: []int64{4, 3}}
	var none *allocate.InfeasibleError
	if _, err := allocate.Solve(p); !errors.As(err, &none) || none.Nearest == nil || !slices.Equal(none.Nearest.Costs, []int64{8, 2}) {
		t.Errorf("%v; want a nearest solution that costs 8 and 2", err)
	}
}

// A front that is too long is an error.
func TestFrontLimit(t *testing.T) {
	var groups choices
	for g := range 19 {
		groups = append(groups, []allocate.Choice{c(math.Ldexp(1, g), 0), c(0, 1<<g)})
	}
	if f, err := allocate.Front(groups[:10]); err != nil || len(f) != 1<<10 {
		t.Errorf("%d solutions, %v; want %d", len(f), err, 1<<10)
	}
	if _, err := allocate.Front(groups); err == nil || !strings.Contains(err.Error(), "the front has more than 262144 solutions after 19 of 19 groups") {
		t.Error(err)
	}
}

// Networks of 54 layers with two budgets are solved, and proven, and each solution is on the front where one budget binds.
func TestNetwork(t *testing.T) {
	for seed := range uint64(3) {
		p := network(seed, 54, 0.3, 0.2)
		s, err := allocate.Solve(p)
		if err != nil || !s.Proven {
			t.Fatalf("%+v, %v", s, err)
		}
		checkSum(t, p, s)
		for k, l := range p.Limits {
			if s.Costs[k] > l {
				t.Errorf("cost %d is %d for a limit of %d", k, s.Costs[k], l)
			}
		}
		again, err := allocate.Solve(p)
		if err != nil || !slices.Equal(again.Choices, s.Choices) {
			t.Errorf("solved twice: %v and %v, %v", s.Choices, again.Choices, err)
		}
	}
	p := network(0, 12, 0.3, 1)
	for _, choices := range p.Groups {
		for i := range choices {
			choices[i].Costs = choices[i].Costs[:1]
		}
	}
	p.Limits = p.Limits[:1]
	front, err := allocate.Front(p.Groups)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(front); i += len(front)/20 + 1 {
		p.Limits[0] = front[i].Costs[0]
		if s, err := allocate.Solve(p); err != nil || math.Abs(s.Loss-front[i].Loss) > 1e-12*front[i].Loss {
			t.Errorf("within %d: %+v, %v; the front has %+v", p.Limits, s, err, front[i])
		}
	}
	for _, broken := range []int64{1, 0} { // one below the least
		p.Limits[0] = front[0].Costs[0] - broken
		var none *allocate.InfeasibleError
		if _, err := allocate.Solve(p); errors.As(err, &none) != (broken > 0) {
			t.Errorf("with %d less than the least: %v", broken, err)
		}
	}
}

// A problem that takes too long is left with a bound, and says so.
func TestUnproven(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	allocate.Walks(t, 4)
	p := correlated(1, 20, 10, 2, 1_000_000, 0.1)
	s, err := allocate.Solve(p)
	if err != nil || s.Proven || s.Bound >= s.Loss || s.Bound < s.Loss-0.1*math.Abs(s.Loss) {
		t.Fatalf("%+v, %v; want no proof", s, err)
	}
	checkSum(t, p, s)
}

// FuzzSolve takes problems from bytes: small ones are held against all choices.
func FuzzSolve(f *testing.F) {
	f.Add([]byte{2, 2, 1, 3, 4, 5, 1, 2, 9, 200, 1, 0})
	f.Add([]byte{3, 3, 2, 1, 0, 255, 7, 7, 7, 3, 2, 1, 90, 14})
	f.Fuzz(func(t *testing.T, b []byte) {
		next := func() int64 {
			if len(b) == 0 {
				return 0
			}
			v := b[0]
			b = b[1:]
			return int64(int8(v))
		}
		p := allocate.Problem{Groups: make(choices, next()&3), Limits: make([]int64, next()&3)}
		for k := range p.Limits {
			p.Limits[k] = next() * next()
		}
		valid := len(p.Groups) > 0 && len(p.Limits) > 0
		for g := range p.Groups {
			for range next() & 7 {
				choice := allocate.Choice{Loss: math.Ldexp(float64(next()), int(next()>>4))}
				for range p.Limits {
					choice.Costs = append(choice.Costs, next()<<(next()&7))
					valid = valid && choice.Costs[len(choice.Costs)-1] >= 0
				}
				p.Groups[g] = append(p.Groups[g], choice)
			}
			valid = valid && len(p.Groups[g]) > 0
		}
		for _, l := range p.Limits {
			valid = valid && l >= 0
		}
		s, err := allocate.Solve(p)
		var none *allocate.InfeasibleError
		switch {
		case !valid:
			if err == nil || errors.As(err, &none) {
				t.Errorf("%v: %v, %v; want an error of the input", p, s, err)
			}
		case brute(p) == nil:
			if !errors.As(err, &none) {
				t.Errorf("%v: %v, %v; want none", p, s, err)
			}
		case err != nil || !s.Proven || s.Loss != brute(p).Loss:
			t.Errorf("%v: %+v, %v; want %+v", p, s, err, brute(p))
		}
	})
}
