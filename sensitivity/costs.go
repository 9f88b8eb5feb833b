package sensitivity

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/threads"
	"github.com/qat-go/qat/train"
)

// bill is what the groups of a space cost at each of their widths, in one sum that a limit bounds. A cost is one sum, or several
// of which the largest counts: the memory at each layer.
type bill struct {
	fixed  int64
	groups [][]int64 // as Group.Widths
}

// bills are the sums of a cost.
func (s *Space) bills(ctx context.Context, c Cost, threads int) ([]bill, error) {
	switch c {
	case Size, BitOps, MeanBits:
		b, err := s.counted(c)
		return []bill{b}, err
	case Memory:
		return s.memory(ctx)
	case Latency:
		b, err := s.latency(ctx, threads)
		return []bill{b}, err
	}
	return nil, fmt.Errorf("there is no cost %q; want one of %s", c, joinCosts())
}

// table lists the layers of the network with all groups at a width.
func (s *Space) table(w Width) ([]layers.Row, error) {
	if rows, known := s.rows[w]; known {
		return rows, nil
	}
	rows, err := s.tableOf(s.all(w))
	if err == nil {
		s.rows[w] = rows
	}
	return rows, err
}

// tableOf lists the layers of the network at widths.
func (s *Space) tableOf(widths map[string]Width) ([]layers.Row, error) {
	q, err := s.quant(widths)
	if err != nil {
		return nil, err
	}
	net, err := layers.Describe(s.graph, q, s.in)
	if err != nil {
		return nil, err
	}
	return net.Table(), nil
}

// amount is what a row adds to a cost.
func (s *Space) amount(c Cost, r layers.Row, weights map[string]int) int64 {
	switch c {
	case Size:
		return r.SizeBits
	case BitOps:
		return r.BitOps
	}
	return int64(weights[r.Name]) * int64(r.WeightBits)
}

// counted is what follows from shapes and widths alone.
func (s *Space) counted(c Cost) (bill, error) {
	weights, err := s.weights()
	if err != nil {
		return bill{}, err
	}
	b := bill{groups: make([][]int64, len(s.Groups))}
	for i, g := range s.Groups {
		for _, w := range g.Widths {
			rows, err := s.table(w)
			if err != nil {
				return bill{}, err
			}
			sum := int64(0)
			for _, r := range rows {
				if slices.Contains(g.Layers, r.Name) {
					sum += s.amount(c, r, weights)
				}
			}
			b.groups[i] = append(b.groups[i], sum)
		}
	}
	rows, err := s.table(s.Groups[0].Widths[0])
	for _, r := range rows {
		if slices.Contains(s.Fixed, r.Name) {
			b.fixed += s.amount(c, r, weights)
		}
	}
	return b, err
}

// weights are the numbers of weights of the layers whose widths are chosen.
func (s *Space) weights() (map[string]int, error) {
	rows, err := s.graph.Table()
	weights := map[string]int{}
	for _, r := range rows {
		if !slices.Contains(s.Fixed, r.Name) {
			weights[r.Name] = r.Weights
		}
	}
	return weights, err
}

// sketch is the integer network of the config with layers at widths.
func (s *Space) sketch(ctx context.Context, c Cost, widths map[string]Width) (*integer.Network, error) {
	q, err := s.quant(widths)
	if err != nil {
		return nil, err
	}
	cfg := *s.cfg
	cfg.Quant, cfg.Train.Batch, cfg.Train.Accumulate = *q, 2, 1
	net, err := train.Sketch(ctx, &cfg, 1)
	if lacks := (*layers.NotIntegerError)(nil); errors.As(err, &lacks) {
		return nil, fmt.Errorf("%s is that of the integer network, and there is none: %w", c, err)
	}
	return net, err
}

// memory is what the codes of the tensors take that are in use while a layer runs: a sum for each layer of the integer network.
// The width of what a layer reads is that of a tensor of its own.
func (s *Space) memory(ctx context.Context) ([]bill, error) {
	net, err := s.sketch(ctx, Memory, s.all(s.Groups[0].Widths[0]))
	if err != nil {
		return nil, err
	}
	owners := map[string]int{}
	for i, g := range s.Groups {
		for _, name := range g.Layers {
			owners[inputOf(name)] = i
		}
	}
	all := make([]bill, len(net.Layers))
	for i := range all {
		for _, g := range s.Groups {
			all[i].groups = append(all[i].groups, make([]int64, len(g.Widths)))
		}
	}
	for t, life := range net.Lifetimes() {
		tensor := net.Tensors[t]
		for i := life.First; i <= life.Last; i++ {
			owner, owned := owners[tensor.Name]
			if !owned {
				all[i].fixed += int64(tensor.Len() * tensor.Bits)
				continue
			}
			for k, w := range s.Groups[owner].Widths {
				bits := w.Activations
				if bits == 0 {
					bits = tensor.Bits
				}
				all[i].groups[owner][k] += int64(tensor.Len() * bits)
			}
		}
	}
	return all, nil
}

// Runs of the integer network that latency is measured by: the least time of each layer counts, since others only add to it.
const (
	latencyRuns = 30
	latencyTime = 2 * time.Second // at each width, after one run
)

// latency is the time that the layers take for one image, in nanoseconds.
func (s *Space) latency(ctx context.Context, n int) (bill, error) {
	pool := threads.New(max(n, 1))
	defer pool.Close()
	defer pool.Until(ctx)()
	return s.latencyBy(func(w Width) (map[string]int64, error) { return s.times(ctx, w, pool) })
}

// latencyBy is latency by the times of the layers of the integer network with all groups at a width.
func (s *Space) latencyBy(timesAt func(Width) (map[string]int64, error)) (bill, error) {
	measured := map[Width]map[string]int64{}
	b := bill{groups: make([][]int64, len(s.Groups))}
	for i, g := range s.Groups {
		for _, w := range g.Widths {
			if measured[w] == nil {
				times, err := timesAt(w)
				if err != nil {
					return bill{}, err
				}
				measured[w] = times
			}
			sum := int64(0)
			for _, name := range g.Layers {
				sum += measured[w][name] + measured[w][inputOf(name)]
			}
			b.groups[i] = append(b.groups[i], sum)
		}
	}
	for name, t := range measured[s.Groups[0].Widths[0]] {
		if !s.chosen(name) {
			b.fixed += t
		}
	}
	return b, nil
}

// chosen tells that a layer of the integer network is one whose width is chosen, or makes the codes that it reads.
func (s *Space) chosen(name string) bool {
	return slices.ContainsFunc(s.Groups, func(g Group) bool {
		return slices.Contains(g.Layers, name) || slices.Contains(g.Layers, strings.TrimSuffix(name, inputOf("")))
	})
}

// times are the least times of the layers of the integer network with all groups at a width.
func (s *Space) times(ctx context.Context, w Width, pool *threads.Pool) (map[string]int64, error) {
	net, err := s.sketch(ctx, Latency, s.all(w))
	if err != nil {
		return nil, err
	}
	r, err := integer.NewTracer(net, pool, 1)
	if err != nil {
		return nil, err
	}
	x := make([]float32, net.Tensors[0].Len())
	for i := range x {
		x[i] = float32(math.Sin(float64(i)))
	}
	least := map[string]int64{}
	for run, start := 0, time.Now(); run < latencyRuns && (run < 2 || time.Since(start) < latencyTime); run++ {
		times, err := r.Times(x, 1)
		if err != nil {
			return nil, err
		}
		sums := map[string]int64{}
		for i, l := range net.Layers {
			sums[l.LayerName()] += times[i].Nanoseconds()
		}
		for name, t := range sums {
			if before, known := least[name]; !known || t < before {
				least[name] = t
			}
		}
	}
	return least, nil
}
