package sensitivity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/qat-go/qat/allocate"
)

// Allocation is the widths of layers that lose least within limits.
type Allocation struct {
	Method string   `json:"method"` // of the losses
	Limits []Limit  `json:"limits"`
	Layers []Chosen `json:"layers"` // all with weights, in order
	Loss   float64  `json:"loss"`   // the sum of those of the chosen layers
	// Bound is what no allocation loses less than: Loss, if Proven says that it is the optimum.
	Bound  float64 `json:"bound"`
	Proven bool    `json:"proven"`
	Spent  []Spent `json:"spent"` // size and BitOps, and what is limited
	// Uniform are the networks with all groups at one width, and what they cost and lose.
	Uniform []Uniform `json:"uniform"`
	Notes   []string  `json:"notes,omitempty"`
}

// Chosen is a layer of an allocation. Bits of 32 are floating point.
type Chosen struct {
	Name           string  `json:"name"`
	WeightBits     int     `json:"weight_bits"`
	ActivationBits int     `json:"activation_bits"`
	Fixed          bool    `json:"fixed,omitempty"` // as the config has it
	Loss           float64 `json:"loss"`
	SizeBits       int64   `json:"size_bits"`
	BitOps         int64   `json:"bitops"`
}

// Spent is what an allocation costs: in bits, operations or nanoseconds.
type Spent struct {
	Cost   Cost    `json:"cost"`
	Amount float64 `json:"amount"`
	Limit  float64 `json:"limit,omitempty"` // 0: none
}

// Uniform is a network with one width for all groups that have it.
type Uniform struct {
	Width
	Loss      float64 `json:"loss"`
	SizeBytes int64   `json:"size_bytes"`
	BitOps    int64   `json:"bitops"`
}

// NoRoomError reports limits that no widths stay within.
type NoRoomError struct {
	Limits  []Limit // in amounts
	Least   []Spent // each cost, with the others left out of account
	Nearest []Spent // of the allocation that exceeds the limits by the least share; nil if it was not found
}

func (e *NoRoomError) Error() string {
	var limits, parts []string
	for i, l := range e.Limits {
		limits = append(limits, l.String())
		part := fmt.Sprintf("%s is at least %s", l.Cost, l.Cost.Format(e.Least[i].Amount))
		if e.Nearest != nil && len(e.Limits) > 1 {
			part += fmt.Sprintf(", and %s in the allocation that exceeds the limits least", l.Cost.Format(e.Nearest[i].Amount))
		}
		parts = append(parts, part)
	}
	fixed := "first and last layers"
	if slices.ContainsFunc(e.Limits, func(l Limit) bool { return l.Cost == Memory }) {
		fixed += " or residual stream"
	}
	return fmt.Sprintf("no widths fit %s: %s; want more, lower widths, or a config whose %s cost less", strings.Join(limits, ","), strings.Join(parts, "; "), fixed)
}

// Allocate returns the widths that lose least by a table within limits; threads are for measuring latency. The error is a
// [*NoRoomError] if there are none.
//
// It is exact ([allocate.Solve]). The loss of an allocation is the sum of what its layers lose, weights and activations; what the
// table has no losses of at all, activations most often, counts nothing.
func (s *Space) Allocate(ctx context.Context, t *Table, limits []Limit, threads int) (*Allocation, error) {
	if len(limits) == 0 {
		return nil, errors.New("there is no budget; want one limit or more")
	}
	if err := s.made(); err != nil {
		return nil, err
	}
	ctx = cmp.Or(ctx, context.Background())
	p, err := s.problem(ctx, t, limits, threads)
	if err != nil {
		return nil, err
	}
	solution, err := allocate.Solve(p.Problem)
	var none *allocate.InfeasibleError
	if errors.As(err, &none) {
		return nil, p.noRoom(none)
	}
	if err != nil {
		return nil, err
	}
	a := &Allocation{Method: t.Method, Limits: p.limits, Loss: solution.Loss, Bound: solution.Bound, Proven: solution.Proven, Notes: s.Notes}
	if a.Layers, err = s.layers(solution.Choices, t); err != nil {
		return nil, err
	}
	sums := map[Cost]float64{}
	for _, l := range a.Layers {
		sums[Size] += float64(l.SizeBits)
		sums[BitOps] += float64(l.BitOps)
	}
	a.Spent = []Spent{{Cost: Size, Amount: sums[Size]}, {Cost: BitOps, Amount: sums[BitOps]}}
	for i, x := range p.spent(solution.Costs) {
		if k := slices.IndexFunc(a.Spent, func(y Spent) bool { return y.Cost == x.Cost }); k >= 0 {
			a.Spent[k].Limit = p.limits[i].Amount
			continue
		}
		x.Limit = p.limits[i].Amount
		a.Spent = append(a.Spent, x)
	}
	a.Uniform, err = s.uniform(p.Groups)
	return a, err
}

// problem is an allocation as package allocate has it: a group for each of the space, and one for all that is fixed.
type problem struct {
	allocate.Problem
	limits []Limit   // in amounts
	unit   []float64 // of the sums of each limit, in amounts
	of     []int     // the limit that each sum belongs to
}

func (s *Space) problem(ctx context.Context, t *Table, limits []Limit, threads int) (*problem, error) {
	losses, err := s.losses(t)
	if err != nil {
		return nil, err
	}
	p := &problem{Problem: allocate.Problem{Groups: append(losses, make([]allocate.Choice, 1))}}
	for i, l := range limits {
		bills, err := s.bills(ctx, l.Cost, threads)
		if err != nil {
			return nil, err
		}
		unit, err := s.unit(l.Cost)
		if err != nil {
			return nil, err
		}
		if l.Share {
			least, most := int64(0), int64(0)
			for _, b := range bills {
				least, most = max(least, b.sum(lowest)), max(most, b.sum(highest))
			}
			l = Limit{Cost: l.Cost, Amount: (float64(least) + l.Amount*float64(most-least)) * unit}
		}
		p.limits, p.unit = append(p.limits, l), append(p.unit, unit)
		for _, b := range bills {
			p.of, p.Limits = append(p.of, i), append(p.Limits, int64(math.Floor(l.Amount/unit*(1+1e-12)))) // as 0.1 MB are 800,000 bits
			for g := range s.Groups {
				for c := range p.Groups[g] {
					p.Groups[g][c].Costs = append(p.Groups[g][c].Costs, b.groups[g][c])
				}
			}
			fixed := &p.Groups[len(s.Groups)][0]
			fixed.Costs = append(fixed.Costs, b.fixed)
		}
	}
	return p, nil
}

// unit is what one of the sums of a cost is, in amounts.
func (s *Space) unit(c Cost) (float64, error) {
	if c != MeanBits {
		return 1, nil
	}
	weights, err := s.weights()
	sum := 0
	for _, n := range weights {
		sum += n
	}
	return 1 / float64(sum), err
}

// spent are the amounts of the limits, of sums.
func (p *problem) spent(sums []int64) []Spent {
	all := make([]Spent, len(p.limits))
	for k, i := range p.of {
		all[i].Cost = p.limits[i].Cost
		all[i].Amount = max(all[i].Amount, float64(sums[k])*p.unit[i])
	}
	return all
}

func (p *problem) noRoom(none *allocate.InfeasibleError) error {
	e := &NoRoomError{Limits: p.limits, Least: p.spent(none.Least)}
	if none.Nearest != nil {
		e.Nearest = p.spent(none.Nearest.Costs)
	}
	return e
}

func lowest([]int64) int     { return 0 }
func highest(of []int64) int { return len(of) - 1 }

// sum is what the network costs with a choice of each group.
func (b *bill) sum(choice func([]int64) int) int64 {
	sum := b.fixed
	for _, costs := range b.groups {
		sum += costs[choice(costs)]
	}
	return sum
}

// layers describes all layers with weights, each group at a choice.
func (s *Space) layers(choices []int, t *Table) ([]Chosen, error) {
	rows, err := s.tableOf(s.widths(func(i int, _ Group) int { return choices[i] }))
	if err != nil {
		return nil, err
	}
	var all []Chosen
	for _, r := range rows {
		c := Chosen{Name: r.Name, WeightBits: r.WeightBits, ActivationBits: r.InputBits, SizeBits: r.SizeBits, BitOps: r.BitOps, Fixed: true}
		for i, g := range s.Groups {
			if slices.Contains(g.Layers, r.Name) {
				c.Fixed = false
				if c.Loss, err = s.loss(t, r.Name, g.Widths[choices[i]]); err != nil {
					return nil, err
				}
			}
		}
		all = append(all, c)
	}
	return all, nil
}

// uniform are the networks with all groups at one width, of the widths that all have.
func (s *Space) uniform(losses [][]allocate.Choice) ([]Uniform, error) {
	var all []Uniform
	for _, w := range s.shared() {
		u := Uniform{Width: w}
		for i, g := range s.Groups {
			u.Loss += losses[i][g.index(w)].Loss
		}
		rows, err := s.table(w)
		if err != nil {
			return nil, err
		}
		bits := int64(0)
		for _, r := range rows {
			bits += r.SizeBits
			u.BitOps += r.BitOps
		}
		u.SizeBytes = (bits + 7) / 8
		all = append(all, u)
	}
	return all, nil
}
