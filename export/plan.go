package export

import (
	"cmp"
	"slices"

	"github.com/qat-go/qat/integer/dyadic"
)

// plan places the tensors of a program in one arena of the returned size. Tensors that
// are alive at a time do not overlap: one is from the layer that writes it to the last
// that reads it. The largest are placed first, each at the lowest place that is free.
func plan(p *dyadic.Program) (offsets []int, size int) {
	type life struct{ tensor, from, to int } // layers
	lives := make([]life, len(p.Tensors))
	for t := range lives {
		lives[t].tensor = t
	}
	for i, l := range p.Layers {
		for _, t := range l.Inputs() {
			lives[t].to = i
		}
		if t := l.Output(); t >= 0 {
			lives[t].from, lives[t].to = i, i
		}
	}
	slices.SortStableFunc(lives, func(a, b life) int { return cmp.Compare(p.Tensors[b.tensor].Len(), p.Tensors[a.tensor].Len()) })
	offsets = make([]int, len(p.Tensors))
	for i, t := range lives {
		var taken [][2]int // by what is alive at the same time
		for _, other := range lives[:i] {
			if other.from <= t.to && t.from <= other.to {
				at := offsets[other.tensor]
				taken = append(taken, [2]int{at, at + p.Tensors[other.tensor].Len()})
			}
		}
		slices.SortFunc(taken, func(a, b [2]int) int { return cmp.Compare(a[0], b[0]) })
		at, n := 0, p.Tensors[t.tensor].Len()
		for _, span := range taken {
			if at+n <= span[0] {
				break
			}
			at = max(at, span[1])
		}
		offsets[t.tensor] = at
		size = max(size, at+n)
	}
	return offsets, size
}
