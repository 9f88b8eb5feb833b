package layers

import (
	"errors"
	"fmt"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/threads"
)

// Probe evaluates a network on batches and stops in front of each layer with weights, where its weights, or what it reads, can
// be changed for the rest of the network, any number of times. What comes before runs once. One goroutine uses it at a time.
type Probe struct {
	images  int
	x       *tensor.Dense
	logits  *tensor.Dense
	vm      *machine.Machine
	taps    []*tap
	stopped *tap
	state   *machine.State // where the run stopped
	free    bool           // nothing stops
	change  func(image []float32) error
	errs    []error // of each image
}

// errStopped stops a run at a tap.
var errStopped = errors.New("stopped in front of a layer")

// measurable reports what keeps a network from being measured without quantizers, in batches of so many images.
func (n *Network) measurable(images int) error {
	if err := n.made(); err != nil {
		return err
	}
	if n.Quantized() {
		return errQuantized
	}
	if images < 1 {
		return errNoImages
	}
	return nil
}

// NewProbe returns a probe of a network without quantizers, such as [Network.Float], for batches of so many images.
func NewProbe(pool *threads.Pool, n *Network, images int) (*Probe, error) {
	if err := n.measurable(images); err != nil {
		return nil, err
	}
	in := n.Shape()
	p := &Probe{images: images, x: tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(images, in.H, in.W, in.C)), errs: make([]error, images)}
	c := NewContext(pool, false)
	c.tap = func(layer string) operation {
		p.taps = append(p.taps, &tap{probe: p, layer: layer})
		return p.taps[len(p.taps)-1]
	}
	logits, err := n.Build(c, p.x)
	if err != nil {
		return nil, err
	}
	if p.vm, err = machine.New((*kernels.Pool)(pool), machine.Options{}, logits); err != nil {
		return nil, err
	}
	p.logits = logits.Value().(*tensor.Dense)
	return p, nil
}

// Run evaluates n images x (n, H, W, C), normalized, and returns their logits (n, classes), valid until the next run. at, unless
// it is nil, is called in front of each layer with what it reads, valid until [Probe.Rest]; of layers that read one tensor in an
// order of the machine's.
func (p *Probe) Run(x []float32, n int, at func(layer string, in []float32) error) ([]float32, error) {
	if p == nil || p.vm == nil {
		return nil, errors.New("there is no probe; want one of NewProbe")
	}
	if n < 1 || n > p.images || len(x) < len(p.x.Float32s())/p.images*n {
		return nil, fmt.Errorf("%d images in %d values; want 1 to %d images of %v", n, len(x), p.images, p.x.Shape()[1:])
	}
	copy(p.x.Float32s(), x)
	for _, t := range p.taps {
		t.passed = at == nil
	}
	err := p.vm.RunAll()
	for errors.Is(err, errStopped) {
		t := p.stopped
		p.state = p.vm.Save(p.state)
		if err = at(t.layer, t.x[:len(t.x)/p.images*n]); err != nil {
			break
		}
		t.passed = true
		err = p.vm.Resume(p.state)
	}
	p.stopped = nil
	if err != nil {
		return nil, err
	}
	return p.logits.Float32s()[:len(p.logits.Float32s())/p.images*n], nil
}

// Rest returns the logits of the batch with the weights as they are now and, unless change is nil, with what the layer reads
// changed, each image alone, by several threads at once. It is for the function that [Probe.Run] calls.
func (p *Probe) Rest(change func(image []float32) error) ([]float32, error) {
	if p == nil || p.stopped == nil {
		return nil, errors.New("the run has not stopped in front of a layer; call Rest where Run does")
	}
	p.free, p.change = true, change
	defer func() { p.free, p.change = false, nil }()
	if err := p.vm.Resume(p.state); err != nil {
		return nil, err
	}
	return p.logits.Float32s(), nil
}

// tap is what stands in front of a layer with weights.
type tap struct {
	probe  *Probe
	layer  string
	passed bool
	x      []float32 // where the run stopped
}

func (t *tap) emit(c *Context, s *step) Value {
	x := s.in[0].out.Float(c)
	rank := x.Dims()
	return Value{float: c.b.Apply(graph.Op{
		Name: "probe", Layer: t.layer, In: []graph.Arg{f32(rank)}, Out: f32(rank), Shape: sameShape(0), InPlace: 1, Pool: c.pool,
		Forward: func(k *graph.Call) error {
			p := t.probe
			if t.x = k.F32(0); !p.free && !t.passed {
				p.stopped = t
				return errStopped
			}
			y, each := k.OutF32(), len(t.x)/p.images
			change := p.change
			if p.stopped != t {
				change = nil
			}
			c.pool.For(p.images, func(_, i int) {
				image := y[i*each:][:each]
				copy(image, t.x[i*each:])
				if p.errs[i] = nil; change != nil {
					p.errs[i] = change(image)
				}
			})
			return errors.Join(p.errs...)
		},
	}, x)}
}
