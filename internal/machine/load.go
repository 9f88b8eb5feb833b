package machine

import (
	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/internal/graph"
)

// Load is what a step has to do at least.
type Load struct {
	Work  graph.Work
	Bytes int // that it reads or writes of memory which other steps have too: each buffer once for either
}

// Loads returns the load of each step. Scalars and sums of channels are left out, and so is memory that only one
// operation has.
func (m *Machine) Loads() []Load {
	p := m.plan
	loads := make([]Load, p.groups)
	type access struct {
		of      any // a storage or an input
		group   int
		written bool
	}
	seen := map[access]bool{}
	move := func(a access, size int) {
		if !seen[a] {
			seen[a] = true
			loads[a.group].Bytes += size
		}
	}
	for _, o := range p.ops {
		if o.reads {
			continue
		}
		if !o.foreign {
			w := o.info.Work()
			loads[o.group].Work.Floats += w.Floats
			loads[o.group].Work.Codes += w.Codes
		}
		if s := o.storage; s != nil && !s.local {
			move(access{s, o.group, true}, s.size)
		}
		for k, c := range o.children {
			from := p.byNode[c]
			switch {
			case !o.foreign && o.info.OrderOnly(k):
			case from == nil:
				move(access{c, o.group, false}, bytesOf(c))
			case from.storage != nil && from.group != o.group:
				move(access{from.storage, o.group, false}, from.storage.size)
			}
		}
	}
	return loads
}

func bytesOf(n *G.Node) int { return n.Shape().TotalSize() * int(n.Dtype().Size()) }
