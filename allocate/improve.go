package allocate

import "slices"

// pick is a solution in the making: an item of each group, and what they lose and cost.
type pick struct {
	items []*item
	loss  int64
	costs []int64
}

// swap takes another item of a group.
func (p *pick) swap(g int, it *item) {
	if old := p.items[g]; old != nil {
		p.add(old, -1)
	}
	p.items[g] = it
	p.add(it, 1)
}

func (p *pick) add(it *item, times int64) {
	p.loss += times * it.loss
	for k, c := range it.costs {
		p.costs[k] += times * c
	}
}

// propose makes a solution of what loses least at the first prices: what exceeds the limits is brought down by the items that
// lose least for it, then items are exchanged in pairs while that pays.
func (s *search) propose() {
	p := &pick{items: make([]*item, len(s.groups)), costs: make([]int64, len(s.slack))}
	for g, items := range s.groups {
		_, i := s.prices[0][0].at(items)
		p.swap(g, &items[i])
	}
	for over := s.over(p, nil, nil); over > 0; {
		best, at, to := inf, -1, (*item)(nil)
		for g, items := range s.groups {
			for i := range items {
				less := over - s.over(p, p.items[g], &items[i])
				if rate := float64(items[i].loss-p.items[g].loss) / less; less > 0 && (to == nil || rate < best) {
					best, at, to = rate, g, &items[i]
				}
			}
		}
		if to == nil {
			return
		}
		p.swap(at, to)
		over = s.over(p, nil, nil)
	}
	s.improve(p)
}

// over is the share of the limits that a pick exceeds them by, with one item in place of another.
func (s *search) over(p *pick, from, to *item) float64 {
	sum := 0.0
	for k, c := range p.costs {
		if from != nil {
			c += to.costs[k] - from.costs[k]
		}
		if c > s.slack[k] {
			sum += float64(c-s.slack[k]) / float64(max(s.slack[k], 1))
		}
	}
	return sum
}

// improve exchanges items in pairs of groups while the solution gets better, and notes it if it is the best.
func (s *search) improve(p *pick) {
	room := make([]int64, len(s.slack))
	for better := true; better; {
		better = false
		for g := range s.groups {
			for h := range g {
				a, b := p.items[g], p.items[h]
				for k := range room {
					room[k] = s.slack[k] - p.costs[k] + a.costs[k] + b.costs[k]
				}
				least, x, y := a.loss+b.loss, a, b
				for i := range s.groups[g] {
					for j := range s.groups[h] {
						c, d := &s.groups[g][i], &s.groups[h][j]
						if c.loss+d.loss < least && fits(c, d, room) {
							least, x, y = c.loss+d.loss, c, d
						}
					}
				}
				if x != a || y != b {
					p.swap(g, x)
					p.swap(h, y)
					better = true
				}
			}
		}
	}
	if loss := float64(p.loss); s.choices == nil || loss < s.best {
		s.best, s.choices = loss, nil
		for _, it := range p.items {
			s.choices = append(s.choices, it.choice)
		}
	}
}

// fits tells that two items cost no more than there is room for.
func fits(a, b *item, room []int64) bool {
	for k, r := range room {
		if a.costs[k]+b.costs[k] > r {
			return false
		}
	}
	return true
}

// repick returns the best solution as a pick.
func (s *search) repick() *pick {
	p := &pick{items: make([]*item, len(s.groups)), costs: make([]int64, len(s.slack))}
	for g, items := range s.groups {
		p.swap(g, &items[slices.IndexFunc(items, func(it item) bool { return it.choice == s.choices[g] })])
	}
	return p
}
