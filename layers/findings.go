package layers

import (
	"strings"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/threads"
)

// Findings are what is wrong with trained quantizers, by the names of the tensors. A network can score well with all of
// them, so nothing else shows them.
type Findings struct {
	OnFloor []Finding `json:"on_floor,omitempty"` // scales whose floor stopped half of their updates or more
	Clipped []Finding `json:"clipped,omitempty"`  // tensors of 2 bits or more with nearly all codes at an end
	Dead    []string  `json:"dead,omitempty"`     // tensors that have one value everywhere
}

// Finding is a share of 1 that is too large.
type Finding struct {
	Name  string  `json:"name"`
	Share float64 `json:"share"`
}

// Of what is clipped, and of updates that a floor stops.
const (
	mostClipped = 0.9
	mostFloored = 0.5
)

// FloorFindings judges how often a floor stopped an update in so many steps, by name of the parameter. A scale has the name of its tensor.
func (n *Network) FloorFindings(f *Findings, hits map[string]int, steps int) {
	for _, p := range n.Store.Of(Learned) {
		if share := float64(hits[p.Name]) / float64(max(steps, 1)*len(p.Data())); share >= mostFloored {
			f.OnFloor = append(f.OnFloor, Finding{strings.TrimSuffix(p.Name, "_quantizer.scale"), share})
		}
	}
}

// WeightFindings judges the codes of weights.
func (n *Network) WeightFindings(f *Findings) error {
	for _, l := range n.regularized {
		if !l.integral(false) {
			continue
		}
		codes, err := l.codesOf(l.weight.Data())
		if err != nil {
			return err
		}
		var t tally
		count(&t, l.Quantizer, codes, int8(l.levelRange().Qn()), int8(l.levelRange().Qp()))
		t.judge(f, l.Quantizer)
	}
	return nil
}

// mostWatched bounds the images whose codes are all in memory at once.
const mostWatched = 20

// watchedImages is the largest number of images up to mostWatched that divides n.
func watchedImages(n int) int {
	for k := min(n, mostWatched); k > 1; k-- {
		if n%k == 0 {
			return k
		}
	}
	return 1
}

// ActivationFindings judges what the quantizers of activations give in evaluation on the images x (N, H, W, C).
func (n *Network) ActivationFindings(f *Findings, pool *threads.Pool, x *tensor.Dense) error {
	if f == nil || x == nil || x.Dims() != 4 {
		return errNoImages
	}
	images, s := watchedImages(x.Shape()[0]), x.Shape()
	part := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(images, s[1], s[2], s[3]))
	c, outputs, err := n.watchedGraph(pool, part)
	if err != nil {
		return err
	}
	m, err := machine.New((*kernels.Pool)(pool), machine.Options{}, outputs...)
	if err != nil {
		return err
	}
	tallies := make([]tally, len(c.watched))
	for rest, all := part.Float32s(), x.Float32s(); len(all) > 0; all = all[len(rest):] {
		copy(rest, all)
		if err := m.RunAll(); err != nil {
			return err
		}
		for i, w := range c.watched {
			switch v := w.node.Value().(*tensor.Dense).Data().(type) {
			case []uint8:
				lo, hi := w.quant.bounds(false)
				count(&tallies[i], w.quant, v, lo, hi)
			case []float32:
				count(&tallies[i], w.quant, v, 0, 0)
			}
		}
	}
	for i, w := range c.watched {
		tallies[i].judge(f, w.quant)
	}
	return nil
}

// watchedGraph is the network in evaluation with all that its quantizers give as outputs.
func (n *Network) watchedGraph(pool *threads.Pool, x *tensor.Dense) (c *Context, outputs []*G.Node, err error) {
	c = NewContext(pool, false)
	c.watches = true
	logits, err := n.Build(c, x)
	outputs = []*G.Node{logits}
	for _, w := range c.watched {
		outputs = append(outputs, w.node)
	}
	return c, outputs, err
}

// FindingsBytes is the memory that ActivationFindings plans for so many images.
func (n *Network) FindingsBytes(pool *threads.Pool, images int) (int, error) {
	in := n.graph.Input
	_, outputs, err := n.watchedGraph(pool, tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(watchedImages(images), in.H, in.W, in.C)))
	if err != nil {
		return 0, err
	}
	return machine.Size((*kernels.Pool)(pool), machine.Options{}, outputs...)
}

// tally counts the codes, or values, of one tensor.
type tally struct {
	all, ends   int
	first       float64
	varied, two bool // not all are equal; there are two codes or more
}

// count adds v, whose codes go from lo to hi.
func count[T uint8 | int8 | float32](t *tally, q *Quantizer, v []T, lo, hi T) {
	if t.all == 0 && len(v) > 0 {
		t.first = float64(v[0])
	}
	t.all += len(v)
	t.two = lo < hi
	for _, c := range v {
		t.varied = t.varied || float64(c) != t.first
		// Of what is not negative the lowest code is 0, and no clip.
		if c == hi || c == lo && q.Signed() {
			t.ends++
		}
	}
}

// judge notes what is wrong.
func (t *tally) judge(f *Findings, q *Quantizer) {
	switch share := float64(t.ends) / float64(t.all); {
	case !t.varied:
		f.Dead = append(f.Dead, q.Name)
	case t.two && q.Bits() > 1 && share >= mostClipped && q.plain():
		f.Clipped = append(f.Clipped, Finding{q.Name, share})
	}
}
