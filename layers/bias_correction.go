package layers

import (
	"errors"
	"fmt"
	"runtime"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/threads"
)

// Float returns a copy of the network without quantizers.
func (n *Network) Float() (*Network, error) {
	if err := n.made(); err != nil {
		return nil, err
	}
	f, err := New(n.graph, &configs.Quant{}, n.Input, 0)
	if err != nil {
		return nil, err
	}
	f.Store.copyFrom(n.Store, f.Store.All())
	return f, nil
}

// CorrectBias makes the means of the outputs of each quantized layer, before ReLU, those of the float network on the
// batches x (N, H, W, C), by the empirical correction of [estimators.BiasCorrection]:
//
//	bias += E[y] - E[y']    (of a linear layer; batch norm's beta after a convolution)
//
// Both networks run as in evaluation, with running statistics. Layers are corrected in order, each with those before it
// corrected and all quantized. float is usually [Network.Float] of the network before other changes.
//
// hear, unless it is nil, is told how many passes of a batch through a network are done.
func (n *Network) CorrectBias(pool *threads.Pool, float *Network, hear func(done, total int), x ...*tensor.Dense) error {
	if len(x) == 0 {
		return fmt.Errorf("bias correction on no batch; expected one or more")
	}
	if err := n.takes(x[0]); err != nil {
		return err
	}
	for _, batch := range x {
		if err := alike(x[0], batch); err != nil {
			return err
		}
	}
	if float == nil {
		return errors.New("bias correction to no float network; want that of Float")
	}
	in := x[0].Clone().(*tensor.Dense)
	of, err := float.means(pool, in)
	if err != nil {
		return err
	}
	ofQuantized, err := n.means(pool, in)
	if err != nil {
		return err
	}
	var corrected []*layer
	for _, l := range n.weighted() {
		if l.weights != nil || l.input != nil {
			corrected = append(corrected, l)
		}
	}
	done := 0
	passed := func() {
		if done++; hear != nil {
			hear(done, (1+len(corrected))*len(x))
		}
	}
	want := map[string][][]float32{}
	names := n.LayerNames()
	err = runOn(pool, in, x, of, names, func(layer string, mean []float32) error {
		want[layer] = append(want[layer], append([]float32(nil), mean...))
		if layer == names[len(names)-1] {
			passed()
		}
		return nil
	})
	if err != nil {
		return err
	}
	correct := func(layer string, bias *Array) error {
		b, err := estimators.NewBiasCorrection(len(bias.Data()))
		if err != nil {
			return err
		}
		batch := 0
		err = runOn(pool, in, x, ofQuantized, []string{layer}, func(_ string, mean []float32) error {
			batch++
			passed()
			return b.Observe(want[layer][batch-1], mean)
		})
		if err != nil {
			return fmt.Errorf("bias correction of %s: %w", layer, err)
		}
		return b.Correct(bias.Data())
	}
	for _, l := range corrected {
		bias := l.bias()
		if norm := n.after(l); norm != l {
			bias = norm.norm.Beta
		}
		if bias == nil {
			return fmt.Errorf("%s has neither a bias nor a batch norm to correct", l.Name)
		}
		if err := correct(l.Name, bias); err != nil {
			return err
		}
	}
	return nil
}

// CorrectionBytes is what the buffers of CorrectBias take on batches of so many images.
func (n *Network) CorrectionBytes(pool *threads.Pool, images int) (int, error) {
	if err := n.made(); err != nil {
		return 0, err
	}
	if images < 1 {
		return 0, errNoImages
	}
	in := n.graph.Input
	nodes, err := n.means(pool, tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(images, in.H, in.W, in.C)))
	if err != nil {
		return 0, err
	}
	var outputs []*G.Node
	for _, name := range n.LayerNames() {
		outputs = append(outputs, nodes[name])
	}
	return machine.Size((*kernels.Pool)(pool), machine.Options{}, outputs...)
}

// after is the batch norm that alone reads a layer or, without one, the layer.
func (n *Network) after(l *layer) *layer {
	if r := n.graph.Readers()[l.Name]; len(r) == 1 {
		if norm := n.layer(r[0]); norm.norm != nil {
			return norm
		}
	}
	return l
}

// runOn computes the named nodes, and what they need, on each batch.
func runOn(pool *threads.Pool, in *tensor.Dense, x []*tensor.Dense, nodes map[string]*G.Node, names []string, do func(name string, v []float32) error) error {
	var outputs []*G.Node
	for _, name := range names {
		outputs = append(outputs, nodes[name])
	}
	m, err := machine.New((*kernels.Pool)(pool), machine.Options{}, outputs...)
	if err != nil {
		return err
	}
	if m.ArenaBytes() > collectEvery {
		defer runtime.GC() // there is a machine for each layer
	}
	for _, batch := range x {
		copy(in.Float32s(), batch.Float32s())
		if err := m.RunAll(); err != nil {
			return err
		}
		for i, name := range names {
			if err := do(name, outputs[i].Value().(*tensor.Dense).Float32s()); err != nil {
				return err
			}
		}
	}
	return nil
}

// outputs builds the network for evaluation on x and returns the outputs of the layers with weights, batch norm
// included, by name.
func (n *Network) outputs(c *Context, x *tensor.Dense) (map[string]*G.Node, error) {
	layer := map[string]string{} // by the node that gives its output
	var kept []string
	for _, l := range n.weighted() {
		after := n.after(l).Name
		layer[after], kept = l.Name, append(kept, after)
	}
	p := newPlan(c, n.layers, kept)
	p.emit(c.b.Input("x", x))
	outputs := map[string]*G.Node{}
	for _, s := range p.steps {
		if name, ok := layer[s.name]; ok && s.kept {
			outputs[name] = s.out.Float(c)
		}
	}
	return outputs, c.b.Err()
}

// means returns the mean of each channel of the outputs.
func (n *Network) means(pool *threads.Pool, x *tensor.Dense) (map[string]*G.Node, error) {
	c := NewContext(pool, false)
	if err := c.usable(); err != nil {
		return nil, err
	}
	nodes, err := n.outputs(c, x)
	if err != nil {
		return nil, err
	}
	for _, layer := range n.LayerNames() {
		nodes[layer] = channelMeans(c, layer, nodes[layer])
	}
	return nodes, c.b.Err()
}

// channelMeans is the mean of each channel of y (..., C), with sums in float64.
func channelMeans(c *Context, layer string, y *G.Node) *G.Node {
	rank, ch := y.Dims(), y.Shape()[y.Dims()-1]
	return c.b.Apply(graph.Op{
		Name: "channel means", Layer: layer, In: []graph.Arg{f32(rank)}, Out: f32(1), Shape: fixedShape(ch),
		Forward: func(k *graph.Call) error {
			y, sums := k.F32(0), make([]float64, ch)
			for i, v := range y {
				sums[i%ch] += float64(v)
			}
			for j, sum := range sums {
				k.OutF32()[j] = float32(sum / float64(len(y)/ch))
			}
			return nil
		},
	}, y)
}
