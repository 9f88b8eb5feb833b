package integer

import (
	"fmt"
	"math"

	"github.com/qat-go/qat/internal/kernels"
)

// Runner executes a network on batches. It is not safe for concurrent use, but
// several runners may share a network, each with its own pool. The network
// must not be changed while it has runners.
type Runner struct {
	net    *Network
	pool   *kernels.Pool
	batch  int
	codes  [][]uint8 // of each tensor, (batch, H, W, C)
	logits []float32 // (batch, classes)
	steps  []func(n int)
}

// NewRunner checks the network and prepares to run batches of up to batch
// pictures. Results do not depend on the batch or on the pool's threads.
func NewRunner(n *Network, pool *kernels.Pool, batch int) (*Runner, error) {
	if err := n.Check(); err != nil {
		return nil, fmt.Errorf("integer: %w", err)
	}
	r := &Runner{net: n, pool: pool, batch: batch}
	// Every tensor, the logits' bytes included, stays below 2 GiB.
	_, fits := product(math.MaxInt32, batch, 4, n.Layers[len(n.Layers)-1].(*Linear).Out)
	for _, t := range n.Tensors {
		size, ok := product(math.MaxInt32, batch, t.Len())
		if !ok || !fits {
			return nil, fmt.Errorf("integer: a batch of %d pictures, want 1 or more and tensors below 2 GiB", batch)
		}
		r.codes = append(r.codes, make([]uint8, size))
	}
	for _, l := range n.Layers {
		r.steps = append(r.steps, l.prepare(r))
	}
	return r, nil
}

// Run classifies n pictures x (n, H, W, C), normalized, and returns their
// logits (n, classes) as real numbers; they are valid until the next call.
func (r *Runner) Run(x []float32, n int) ([]float32, error) {
	in := r.net.Tensors[0]
	if n < 0 || n > r.batch || len(x) < n*in.Len() {
		return nil, fmt.Errorf("integer: %d pictures in %d values; want 0 to %d pictures of %d values each", n, len(x), r.batch, in.Len())
	}
	lo, hi := in.Range()
	kernels.Quantize(r.pool, r.codes[0][:n*in.Len()], x[:n*in.Len()], kernels.Step{
		Scale: in.Scale, ZeroPoint: in.ZeroPoint,
		Qn: float32(int(lo) - int(in.ZeroPoint)), Qp: float32(int(hi) - int(in.ZeroPoint)),
	})
	for _, step := range r.steps {
		step(n)
	}
	return r.logits[:n*(len(r.logits)/r.batch)], nil
}

// Codes returns the codes of n pictures that the last run left in tensor t, for
// tests and comparisons of layers.
func (r *Runner) Codes(t, n int) []uint8 { return r.codes[t][:n*r.net.Tensors[t].Len()] }

// each returns a step that calls body for every picture, on some worker.
func (r *Runner) each(body func(worker, i int)) func(n int) {
	return func(n int) { r.pool.For(n, body) }
}
