package layers

import (
	"iter"
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
	if n.made() != nil || f == nil {
		return
	}
	for _, p := range n.Store.Of(Learned) {
		if share := float64(hits[p.Name]) / float64(max(steps, 1)*len(p.Data())); share >= mostFloored {
			f.OnFloor = append(f.OnFloor, Finding{strings.TrimSuffix(p.Name, "_quantizer.scale"), share})
		}
	}
}

// WeightFindings judges the codes of weights.
func (n *Network) WeightFindings(f *Findings) error {
	if err := n.made(); err != nil {
		return err
	}
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

// watchedImages is how many of n images are in memory at once.
func watchedImages(n int) int { return max(min(n, mostWatched), 1) }

// ActivationFindings judges what the quantizers of activations give in evaluation on batches of images (N, H, W, C), of which
// the first is the largest.
func (n *Network) ActivationFindings(f *Findings, pool *threads.Pool, batches iter.Seq[*tensor.Dense]) error {
	if f == nil || batches == nil {
		return errNoImages
	}
	var w *watcher
	for x := range batches {
		if err := n.takes(x); err != nil {
			return err
		}
		if w == nil {
			var err error
			if w, err = n.newWatcher(pool, x.Shape()); err != nil {
				return err
			}
		}
		if err := w.run(x.Float32s()); err != nil {
			return err
		}
	}
	if w == nil {
		return errNoImages
	}
	for i, q := range w.c.watched {
		w.tallies[i].judge(f, q.quant)
	}
	return nil
}

// watcher counts what quantizers give.
type watcher struct {
	c       *Context
	m       *machine.Machine
	part    *tensor.Dense // images in work
	tallies []tally
}

// newWatcher returns the watcher of batches of a shape.
func (n *Network) newWatcher(pool *threads.Pool, s tensor.Shape) (*watcher, error) {
	w := &watcher{part: tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(watchedImages(s[0]), s[1], s[2], s[3]))}
	c, outputs, err := n.watchedGraph(pool, w.part)
	if err != nil {
		return nil, err
	}
	w.c, w.tallies = c, make([]tally, len(c.watched))
	w.m, err = machine.New((*kernels.Pool)(pool), machine.Options{}, outputs...)
	return w, err
}

// run counts what images x give. What the graph makes of places that have no image is not counted.
func (w *watcher) run(x []float32) error {
	for part := w.part.Float32s(); len(x) > 0; {
		done := copy(part, x)
		x = x[done:]
		if err := w.m.RunAll(); err != nil {
			return err
		}
		for i, q := range w.c.watched {
			switch v := q.node.Value().(*tensor.Dense).Data().(type) {
			case []uint8:
				lo, hi := q.quant.bounds(false)
				count(&w.tallies[i], q.quant, v[:len(v)*done/len(part)], lo, hi)
			case []float32:
				count(&w.tallies[i], q.quant, v[:len(v)*done/len(part)], 0, 0)
			}
		}
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
	if err := n.made(); err != nil {
		return 0, err
	}
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
