package sensitivity

import (
	"context"
	"fmt"
	"math"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/train"
)

// DefaultSteps is how many steps the scales learn.
const DefaultSteps = 200

// scalesRate is the learning rate of the scales, and of the weights with them, with a momentum; it falls to 0 along a cosine.
const (
	scalesRate     = 0.01
	scalesMomentum = 0.9
)

// scales measures by the importance of LIMPQ (Tang et al. 2022, arXiv 2203.08368, section 3.2): the scale that LSQ learns for a
// tensor at a width, one for the whole tensor. Those of all widths learn jointly, on weights that they share: a step runs the network
// at each width on a batch, moves the scales of a width along its gradients, and the weights and what else is learned along
// the mean of all. (The paper adds a run at widths drawn at random for each layer; it is left out.) The range of the
// images is known, and so is the scale of what reads them.
func (t *meter) scales(ctx context.Context) ([]Table, error) {
	data := &t.Config.Data
	batch := min(t.Config.Train.Batch, t.Data.Train.Len())
	l, err := datasets.NewLoader(t.Data, t.Data.Train, datasets.LoaderOptions{
		Batch: batch, Seed: t.opt.Seed, Shuffle: true, DropLast: true, Augment: data.Augment.Options(), Workers: t.Threads().Len()})
	if err != nil {
		return nil, err
	}
	t.gradients(Scales, t.opt.Steps*batch*len(t.opt.Widths))
	s := &student{meter: t, velocity: map[*float32][]float32{}}
	for n, epoch := 0, 0; n < t.opt.Steps; epoch++ {
		it := l.Epoch(epoch, 0)
		for b, ok := it.Next(); ok && n < t.opt.Steps; b, ok = it.Next() {
			err := ctx.Err()
			if err == nil && n == 0 {
				err = s.begin(b)
			}
			if err == nil {
				err = s.step(b, n)
			}
			if err != nil {
				it.Close()
				return nil, err
			}
			it.Release(b)
			n++
			train.Tell(ctx, train.Work{Doing: "learning scales", What: "steps", Done: n, Total: t.opt.Steps})
		}
		it.Close()
		if err := it.Err(); err != nil {
			return nil, err
		}
	}
	return []Table{t.table(string(Scales), func(at site) Loss {
		return Loss{Bits: at.bits, Value: float64(s.scale[at].Data()[0])}
	})}, nil
}

// student is the network at all widths, over the same arrays.
type student struct {
	*meter
	x, y     *tensor.Dense
	at       []*width
	scale    map[site]*layers.Array
	velocity map[*float32][]float32 // of arrays, by their first element
	sums     [][]float32            // of the gradients of what is shared
}

// width is the network at one.
type width struct {
	net            *layers.Network
	shared, scales []learned
	vm             *machine.Machine
}

// learned is an array and its gradient.
type learned struct {
	array *layers.Array
	node  *G.Node
}

func (l learned) gradient() []float32 { return l.node.Value().(*tensor.Dense).Float32s() }

// begin builds the networks for batches as b, on which they are calibrated.
func (s *student) begin(b *datasets.Batch) error {
	in := s.Net.Shape()
	graph, err := s.Config.Model.Build(in, len(s.Net.Input.Classes))
	if err != nil {
		return err
	}
	s.x = tensor.New(tensor.WithShape(b.N, in.H, in.W, in.C), tensor.WithBacking(slices.Clone(b.X)))
	s.y = tensor.New(tensor.WithShape(b.N), tensor.WithBacking(slices.Clone(b.Y)))
	s.scale = map[site]*layers.Array{}
	store := layers.NewStore() // of layers' arrays, whose elements all networks share
	for i, bits := range s.opt.Widths {
		quant, err := s.Config.Quant.AtBits(configs.Bits(bits), s.float.LayerNames())
		if err != nil {
			return err
		}
		for r := range quant.Layers {
			for _, spec := range []*configs.TensorSpec{&quant.Layers[r].Weights.Values, &quant.Layers[r].Activations.Values} {
				*spec = configs.TensorSpec{Bits: spec.Bits, Estimator: configs.LSQ, Granularity: configs.PerTensor, Signed: configs.SignedAuto,
					N: configs.NAuto, STE: configs.STEAuto, Calibration: configs.CalibrateAuto, CalibrationBatches: 1}
			}
		}
		net, err := layers.Over(store, graph, quant, s.Net.Input, 0)
		if err != nil {
			return err
		}
		if i == 0 {
			for _, a := range s.float.Store.All() {
				copy(net.Store.Array(a.Name).Data(), a.Data())
			}
			store = net.Store.WithoutQuantizers()
		}
		if err := net.Calibrate(s.Threads(), nil, s.x); err != nil {
			return fmt.Errorf("%d bits: %w", bits, err)
		}
		for _, q := range net.Quantizers {
			s.scale[site{q.Name, bits}] = q.Scale
		}
		w, err := s.build(net)
		if err != nil {
			return fmt.Errorf("%d bits: %w", bits, err)
		}
		s.at = append(s.at, w)
	}
	for _, l := range s.at[0].shared {
		s.sums = append(s.sums, make([]float32, len(l.array.Data())))
	}
	return nil
}

// build builds the training graph of a network.
func (s *student) build(net *layers.Network) (*width, error) {
	w := &width{net: net}
	c := layers.NewContext(s.Threads(), true)
	logits, err := net.Build(c, s.x)
	if err != nil {
		return nil, err
	}
	loss := layers.CrossEntropy(c, logits, layers.Targets{Labels: c.Input("y", s.y)})
	quantizer := map[*layers.Array]bool{}
	for _, q := range net.Quantizers {
		quantizer[q.Scale] = true
	}
	var along []*G.Node
	learns := net.Store.Learnable()
	for _, a := range learns {
		along = append(along, c.Node(a))
	}
	gradients, err := c.Grad(loss, along...)
	if err != nil {
		return nil, err
	}
	for i, a := range learns {
		if quantizer[a] {
			w.scales = append(w.scales, learned{a, gradients[i]})
		} else {
			w.shared = append(w.shared, learned{a, gradients[i]})
		}
	}
	w.vm, err = machine.New((*kernels.Pool)(s.Threads()), machine.Options{}, append([]*G.Node{loss}, gradients...)...)
	return w, err
}

// step is one of descent.
func (s *student) step(b *datasets.Batch, n int) error {
	copy(s.x.Float32s(), b.X)
	copy(s.y.Int32s(), b.Y)
	progress := float64(n) / float64(s.opt.Steps)
	rate := float32(scalesRate * (1 + math.Cos(math.Pi*progress)) / 2)
	for i, w := range s.at {
		w.net.SetProgress(n, progress)
		if err := w.vm.RunAll(); err != nil {
			return fmt.Errorf("%d bits: %w", s.opt.Widths[i], err)
		}
		for k, l := range w.shared {
			for j, g := range l.gradient() {
				s.sums[k][j] += g / float32(len(s.at))
			}
		}
		for _, l := range w.scales {
			s.descend(l.array, l.gradient(), rate)
		}
	}
	for k, l := range s.at[0].shared {
		s.descend(l.array, s.sums[k], rate)
		clear(s.sums[k])
	}
	return nil
}

// descend moves an array along a gradient. A scale loses at most half of itself.
func (s *student) descend(a *layers.Array, gradient []float32, rate float32) {
	w := a.Data()
	v := s.velocity[&w[0]]
	if v == nil {
		v = make([]float32, len(w))
		s.velocity[&w[0]] = v
	}
	for i, g := range gradient {
		v[i] = scalesMomentum*v[i] + g
		least := w[i] / 2
		if w[i] -= rate * v[i]; a.Floor > 0 {
			w[i] = max(w[i], least, a.Floor)
		}
	}
}
