package integer

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/qat-go/qat/integer/dyadic"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/threads"
)

// Runner executes a network on batches. All layers run on a few images before the
// next, so that their codes stay in cache, and a layer's weights from one to the other; layers of large tensors take fewer
// images at a time than those of small ones behind them. It is not safe for concurrent use, but
// several runners may share a network, each with its own pool. The network
// must not be changed while it has runners.
type Runner struct {
	net   *Network
	pool  *kernels.Pool
	batch int
	group []int // images that a worker takes through each loop before the next
	x     kernels.Pictures[float32]
	codes []kernels.Pictures[uint8] // of each tensor
	// integers are the logits' integers: sums, or the integers of the target dyadic.
	integers kernels.Pictures[int32]
	logits   kernels.Pictures[float32]
	loops    []kernels.Loop
	nan      atomic.Bool // an image of the run has a value that is NaN
}

// NewRunner checks the network and prepares to run batches of up to batch
// images. Results do not depend on the batch or on the pool's threads.
func NewRunner(n *Network, pool *threads.Pool, batch int) (*Runner, error) {
	return newRunner(n, (*kernels.Pool)(pool), batch, true)
}

// NewTracer returns a runner that keeps the codes of every tensor, for Codes.
func NewTracer(n *Network, pool *threads.Pool, batch int) (*Runner, error) {
	return newRunner(n, (*kernels.Pool)(pool), batch, false)
}

func newRunner(n *Network, pool *kernels.Pool, batch int, local bool) (*Runner, error) {
	if err := n.Check(); err != nil {
		return nil, err
	}
	if err := pool.Usable(); err != nil {
		return nil, err
	}
	r := &Runner{net: n, pool: pool, batch: batch, group: groups(n)}
	// Every tensor, the logits' bytes included, stays below 2 GiB.
	classes := n.Logits().Out
	_, fits := product(math.MaxInt32, batch, 4, classes)
	for _, t := range n.Tensors {
		size, ok := product(math.MaxInt32, batch, t.Len())
		if !ok || !fits {
			return nil, fmt.Errorf("a batch of %d images, want 1 or more and tensors below 2 GiB", batch)
		}
		if !local {
			r.codes = append(r.codes, kernels.Batch(make([]uint8, size), batch))
		}
	}
	if local {
		r.codes = localCodes(n, pool.Threads(), r.group)
	}
	in := n.Tensors[0]
	to := in.uniform(in.Range())
	r.loops = append(r.loops, each(func(s *kernels.Scratch, i int) {
		if !kernels.QuantizeNumbers(r.codes[0].At(s, i), r.x.At(s, i), &to) {
			r.nan.Store(true)
		}
	}))
	r.integers, r.logits = kernels.Batch(make([]int32, batch*classes), batch), kernels.Batch(make([]float32, batch*classes), batch)
	for _, l := range n.Layers {
		var m []dyadic.Multiplier
		if n.Target == Dyadic {
			var err error
			if m, err = l.Dyadic(n); err != nil {
				return nil, err
			}
		}
		r.loops = append(r.loops, l.prepare(r, m))
	}
	return r, nil
}

// groupBytes bounds the codes of a tensor that a worker has at a time, and groupMost their number: those that are in use
// together, and the weights of a layer, fit a second-level cache.
const (
	groupBytes = 1 << 17
	groupMost  = 4
)

// groups returns how many images a worker takes through the input's quantizer and each layer before the next: no fewer
// than before, since all of them go on together.
func groups(n *Network) []int {
	g := make([]int, 1+len(n.Layers))
	largest := 0
	for i := len(n.Layers); i > 0; i-- {
		l := n.Layers[i-1]
		for _, t := range append(slices.Clone(l.Inputs()), l.Output()) {
			if t >= 0 {
				largest = max(largest, n.Tensors[t].Len())
			}
		}
		g[i] = min(max(1, groupBytes/largest), groupMost)
	}
	g[0] = g[1]
	return g
}

// localCodes returns memory of each worker for the codes of all tensors, of as many images as the last loop takes that reads
// them. Tensors share it that are not in use together.
func localCodes(n *Network, workers int, groups []int) []kernels.Pictures[uint8] {
	last := make([]int, len(n.Tensors)) // the last layer that reads a tensor
	for i, l := range n.Layers {
		for _, t := range l.Inputs() {
			last[t] = i
		}
	}
	type size struct{ each, group int } // of memory that is shared: one image more goes through the first layers while others wait behind them
	codes := make([]kernels.Pictures[uint8], len(n.Tensors))
	free := map[size][]kernels.Pictures[uint8]{}
	sizeOf := func(t int) size { return size{n.Tensors[t].Len(), groups[1+last[t]]} }
	take := func(t int) {
		size := sizeOf(t)
		if f := free[size]; len(f) > 0 {
			codes[t], free[size] = f[len(f)-1], f[:len(f)-1]
			return
		}
		codes[t] = kernels.Pictures[uint8]{Data: make([]uint8, workers*size.group*size.each), Each: size.each, Local: true, Group: size.group}
	}
	take(0)
	for i, l := range n.Layers {
		if l.Output() >= 0 {
			take(l.Output())
		}
		for t := range n.Tensors {
			if codes[t].Data != nil && last[t] == i {
				free[sizeOf(t)] = append(free[sizeOf(t)], codes[t])
			}
		}
	}
	return codes
}

// Run classifies n images x (n, H, W, C), normalized, and returns their
// logits (n, classes) as real numbers; they are valid until the next call. Values that are infinite or beyond the input's
// range have the code at its end; NaN is an error. The error is the context's if [threads.Pool.Until] stops the pool.
func (r *Runner) Run(x []float32, n int) ([]float32, error) {
	if r == nil || r.net == nil {
		return nil, errors.New("there is no runner; want one of NewRunner")
	}
	in := r.net.Tensors[0]
	if n < 0 || n > r.batch || len(x) < n*in.Len() {
		return nil, fmt.Errorf("%d images in %d values; want 0 to %d images of %d values each", n, len(x), r.batch, in.Len())
	}
	r.x = kernels.Batch(x[:n*in.Len()], n)
	r.nan.Store(false)
	r.pool.RunGroups(n, r.group, r.loops...)
	if err := r.pool.Err(); err != nil {
		return nil, err
	}
	if r.nan.Load() {
		at := slices.IndexFunc(x, func(v float32) bool { return v != v })
		return nil, fmt.Errorf("value %d of image %d is NaN; want numbers", at%in.Len(), at/in.Len())
	}
	return r.logits.Data[:n*r.logits.Each], nil
}

// Times runs n images as Run does, through one layer after the other, and returns how long each layer takes. It is for a runner of
// NewTracer.
func (r *Runner) Times(x []float32, n int) ([]time.Duration, error) {
	if r == nil || r.net == nil || len(r.codes) == 0 || r.codes[0].Local {
		return nil, errors.New("times are those of a runner of NewTracer")
	}
	if _, err := r.Run(x, n); err != nil {
		return nil, err
	}
	times := make([]time.Duration, len(r.net.Layers))
	for i := range times {
		start := time.Now()
		r.pool.RunGroups(n, r.group[i+1:i+2], r.loops[i+1])
		times[i] = time.Since(start)
	}
	return times, r.pool.Err()
}

// Integers returns the logits' integers (n, classes) of n images of the last run:
// for the target float32 the sums, each on its own scale, for dyadic integers on the
// common scale LogitScale.
func (r *Runner) Integers(n int) []int32 { return r.integers.Data[:n*r.integers.Each] }

// Codes returns the codes of n images that the last run of a tracer left in
// tensor t; a runner of NewRunner keeps none, and gives nil.
func (r *Runner) Codes(t, n int) []uint8 {
	if t < 0 || t >= len(r.codes) || r.codes[t].Local {
		return nil
	}
	return r.codes[t].Data[:n*r.codes[t].Each]
}

// each is a loop that calls body for every image.
func each(body func(s *kernels.Scratch, i int)) kernels.Loop { return &kernels.Each{Do: body} }
