package allocate

import "math"

// price is a multiplier of each cost. What all items lose with their costs at these prices, less what the limits are worth, is
// no more than a solution loses (Lagrangian relaxation):
//
//	L(p) = sum_g min_x (loss[g][x] + p*cost[g][x]) - p*slack
type price struct {
	p      []float64
	rest   []float64 // of the groups from each on, the sum of their minima
	worth  float64   // p*slack
	margin float64   // what rounding can make of a sum
	ray    bool      // losses count nothing: more than 0 says that there is no solution
}

// rounding is far above what sums of float64 of this length lose, and far below what losses differ by.
const rounding = 1.0 / (1 << 40)

// at returns the minimum of a group at prices, and the item that has it: of several the one that comes first.
func (p *price) at(items []item) (float64, int) {
	least, which := math.Inf(1), 0
	for i := range items {
		if v := p.of(&items[i]); v < least {
			least, which = v, i
		}
	}
	return least, which
}

// of is what an item loses, with its costs at these prices.
func (p *price) of(it *item) float64 {
	v := 0.0
	if !p.ray {
		v = float64(it.loss)
	}
	for k, c := range it.costs {
		v += p.p[k] * float64(c)
	}
	return v
}

// newPrice sums up what groups lose at prices.
func (in *instance) newPrice(p []float64, ray bool) *price {
	n := &price{p: p, ray: ray, rest: make([]float64, len(in.groups)+1)}
	size := 0.0
	for g := len(in.groups) - 1; g >= 0; g-- {
		least, _ := n.at(in.groups[g])
		n.rest[g] = n.rest[g+1] + least
	}
	for k, s := range in.slack {
		n.worth += p[k] * float64(s)
		total := float64(s)
		for _, items := range in.groups {
			total += float64(largest(items, k))
		}
		size += p[k] * total
	}
	if !ray {
		size += in.spread
	}
	n.margin = size * rounding
	return n
}

// bound is what a solution loses at least whose groups before g lose and cost this.
func (p *price) bound(g int, loss int64, costs []int64) float64 {
	v := p.rest[g] - p.worth - p.margin
	if !p.ray {
		v += float64(loss)
	}
	for k, c := range costs {
		v += p.p[k] * float64(c)
	}
	return v
}

// polyak searches the prices that bound best what the groups from g on lose within a slack: by Polyak's steps along the
// subgradient, which is what the minima cost beyond the slack, from start on. target is what they
// might lose.
func (in *instance) polyak(g int, slack []int64, start []float64, target float64, ray bool, steps int) []float64 {
	m := len(slack)
	unit := make([]float64, m) // makes costs comparable
	for k := range unit {
		total := 0.0
		for _, items := range in.groups[g:] {
			total += float64(largest(items, k))
		}
		unit[k] = max(total, 1)
	}
	now := price{p: append([]float64(nil), start...), ray: ray}
	best, most, pace, since := append([]float64(nil), start...), math.Inf(-1), 1.0, 0
	over := make([]float64, m)
	for range steps {
		value := 0.0
		for k, s := range slack {
			over[k] = -float64(s)
			value -= now.p[k] * float64(s)
		}
		for _, items := range in.groups[g:] {
			least, i := now.at(items)
			value += least
			for k, c := range items[i].costs {
				over[k] += float64(c)
			}
		}
		if since++; value > most {
			if value > most+1e-4*math.Abs(most) {
				since = 0
			}
			most = value
			copy(best, now.p)
		}
		if since > 10 {
			pace, since = pace/2, 0
		}
		norm := 0.0
		for k := range over {
			over[k] /= unit[k]
			if now.p[k] == 0 && over[k] < 0 {
				over[k] = 0
			}
			norm += over[k] * over[k]
		}
		if norm == 0 || pace < 1e-6 {
			break
		}
		step := pace * max(target-value, 1e-3*math.Abs(target)) / norm
		for k := range over {
			now.p[k] = max(now.p[k]+step*over[k]/unit[k], 0)
		}
	}
	return best
}
