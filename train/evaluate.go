package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/threads"
)

// EvalBatch is the largest batch of evaluations, that of networks with small tensors. It does not change results: every image
// is computed alone.
const EvalBatch = 100

// evalValues is how many values a network's largest tensor has in evaluation, all images of the batch together.
const evalValues = EvalBatch * 64 << 10

// evalBatch is the batch for a network whose largest tensor has so many values an image.
func evalBatch(largest int) int { return min(max(evalValues/max(largest, 1), 1), EvalBatch) }

// EvalBatch is the batch of the model's evaluations: train.eval_batch, if that is set.
func (m *Model) EvalBatch() int {
	if m.check() != nil {
		return 0
	}
	if b := m.Config.Train.EvalBatch; b > 0 {
		return b
	}
	return m.usualEvalBatch()
}

// usualEvalBatch is EvalBatch where the config has none.
func (m *Model) usualEvalBatch() int {
	largest := m.Net.Shape().Len()
	for _, r := range m.Net.Table() {
		largest = max(largest, r.Output[0]*r.Output[1]*r.Output[2])
	}
	return evalBatch(largest)
}

// BatchOf is the batch of evaluations of an integer network.
func BatchOf(net *integer.Network) int {
	largest := 0
	if net == nil {
		return evalBatch(largest)
	}
	for _, t := range net.Tensors {
		largest = max(largest, t.Len())
	}
	return evalBatch(largest)
}

// Accuracy is the outcome of an evaluation; shares are of 1.
type Accuracy struct {
	Top1, Top5  float64
	Classes     int
	Images      int // that could be read
	Seconds     float64
	Predictions []int32 // the class of each image, in the split's order; -1 of one that could not be read
}

// logit is what classes are compared by.
type logit interface{ float32 | int32 }

// Evaluator gives the logits (n, classes) of a batch x (n, H, W, C) of normalized
// images, all of them finite: classes are compared by them, and a comparison with
// NaN is false. They are valid until its next call.
type Evaluator[L logit] func(x []float32, n int) ([]L, error)

// Simulate evaluates the floating-point simulation of the quantized network:
// the evaluation graph, with running statistics and rounded biases.
func (m *Model) Simulate(ctx context.Context, split datasets.Split) (*Accuracy, error) {
	ctx = cmp.Or(ctx, context.Background())
	simulation, err := m.Simulation() // which checks the model
	if err != nil {
		return nil, err
	}
	defer m.pool.Until(ctx)()
	return evaluate(ctx, m.Data, split, m.EvalBatch(), simulation)
}

// Simulation returns the floating-point simulation for batches as [Model.Batches] has them.
func (m *Model) Simulation() (Evaluator[float32], error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	if err := m.Net.Store.Check(); err != nil {
		return nil, err
	}
	c := layers.NewContext((*threads.Pool)(m.pool), false)
	in, images := m.Net.Shape(), m.EvalBatch()
	x := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(images, in.H, in.W, in.C))
	logits, err := m.Net.Build(c, x)
	if err != nil {
		return nil, err
	}
	vm, err := machine.New(m.pool, machine.Options{}, logits)
	if err != nil {
		return nil, err
	}
	return func(batch []float32, n int) ([]float32, error) {
		copy(x.Float32s(), batch)
		if err := vm.RunAll(); err != nil {
			return nil, err
		}
		c.Commit() // scales that derive from what was learned
		out := logits.Value().(*tensor.Dense).Float32s()
		return out[:n*len(out)/images], nil
	}, nil
}

// EvaluateInteger evaluates an integer network, usually that of Model.Lower.
func (m *Model) EvaluateInteger(ctx context.Context, net *integer.Network, split datasets.Split) (*Accuracy, error) {
	ctx = cmp.Or(ctx, context.Background())
	if err := m.check(); err != nil {
		return nil, err
	}
	return evaluateInteger(ctx, net, m.Data, split, m.pool, m.Config.Train.EvalBatch)
}

// Evaluate evaluates an integer network on a split of a data set. threads is the
// number of threads, 0 for all cores.
func Evaluate(ctx context.Context, net *integer.Network, data *datasets.Dataset, split datasets.Split, threads int) (*Accuracy, error) {
	ctx = cmp.Or(ctx, context.Background())
	if err := kernels.Check(); err != nil {
		return nil, err
	}
	pool := kernels.NewPool(threads)
	defer pool.Close()
	return evaluateInteger(ctx, net, data, split, pool, 0)
}

// evaluateInteger takes as many images at once as batch says, or as BatchOf does if that is 0.
func evaluateInteger(ctx context.Context, net *integer.Network, data *datasets.Dataset, split datasets.Split, pool *kernels.Pool, batch int) (*Accuracy, error) {
	if err := net.Check(); err != nil {
		return nil, err
	}
	if data == nil {
		return nil, errors.New("evaluation: there is no data set; want one of datasets.Open")
	}
	in := net.Tensors[0]
	if len(net.Classes) != len(data.Classes) || in.H != data.Height || in.W != data.Width || in.C != data.Channels {
		return nil, fmt.Errorf("evaluation: the integer network takes images of %dx%dx%d in %d classes; %s has %dx%dx%d in %d",
			in.H, in.W, in.C, len(net.Classes), data.Name, data.Height, data.Width, data.Channels, len(data.Classes))
	}
	defer pool.Until(ctx)()
	if batch == 0 {
		batch = BatchOf(net)
	}
	r, err := integer.NewRunner(net, (*threads.Pool)(pool), batch)
	if err != nil {
		return nil, err
	}
	if net.Target == integer.Dyadic { // its classes are compared in integers, too
		return evaluate(ctx, data, split, batch, func(x []float32, n int) ([]int32, error) {
			_, err := r.Run(x, n)
			return r.Integers(n), err
		})
	}
	return evaluate(ctx, data, split, batch, r.Run)
}

// Tracer returns a runner of an integer network, for batches as [Model.Batches] has them, that keeps the codes of all tensors.
func (m *Model) Tracer(net *integer.Network) (*integer.Runner, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	return integer.NewTracer(net, (*threads.Pool)(m.pool), m.EvalBatch())
}

// Lower returns the integer network for the config's target; a layer left in floating
// point is a *layers.NotIntegerError.
func (m *Model) Lower() (*integer.Network, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	target, err := integer.ParseTarget(string(m.Config.Export.Target))
	if err != nil {
		return nil, err
	}
	if err := m.Net.Store.Check(); err != nil {
		return nil, err
	}
	net, err := m.Net.Lower(m.Config.Name)
	if err != nil {
		return nil, err
	}
	net.Target = target
	return net, net.Check()
}

// Batches calls do for the images of a split, in order and as they are: x
// (n, H, W, C), normalized, and their labels, n at most EvalBatch. The end of ctx
// ends what the model computes in do, too.
func (m *Model) Batches(ctx context.Context, split datasets.Split, do func(x []float32, labels []int32, n int) error) error {
	ctx = cmp.Or(ctx, context.Background())
	if err := m.check(); err != nil {
		return err
	}
	if do == nil {
		return errors.New("there is nothing to do with batches; want a function")
	}
	defer m.pool.Until(ctx)()
	return batches(ctx, m.Data, split, m.EvalBatch(), do)
}

func batches(ctx context.Context, data *datasets.Dataset, split datasets.Split, batch int, do func(x []float32, labels []int32, n int) error) error {
	workers := 1
	if split.Images != nil { // to decode, which takes about as long as to compute
		workers = runtime.GOMAXPROCS(0)
	}
	l, err := datasets.NewLoader(data, split, datasets.LoaderOptions{Batch: batch, Workers: workers})
	if err != nil {
		return err
	}
	it := l.Epoch(0, 0)
	defer it.Close()
	done := 0
	for b, ok := it.Next(); ok; b, ok = it.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := do(b.X, b.Y[:b.N], b.N); err != nil {
			return fmt.Errorf("evaluation: %w", err)
		}
		done += b.N
		tell(ctx, Work{"evaluating", "images", done, split.Len()})
		it.Release(b)
	}
	if err := it.Err(); err != nil {
		return fmt.Errorf("evaluation: %w", err)
	}
	return nil
}

func evaluate[L logit](ctx context.Context, data *datasets.Dataset, split datasets.Split, batch int, eval Evaluator[L]) (*Accuracy, error) {
	start := time.Now()
	a := &Accuracy{}
	top1, top5 := 0, 0
	err := batches(ctx, data, split, batch, func(x []float32, labels []int32, n int) error {
		logits, err := eval(x, n)
		if err != nil {
			return err
		}
		first := len(a.Predictions)
		a.Predictions = predictions(a.Predictions, logits, n)
		classes := len(logits) / n
		a.Classes = classes
		for i, label := range labels {
			if label < 0 {
				a.Predictions[first+i] = -1
				continue
			}
			a.Images++
			row := logits[i*classes:][:classes]
			better := 0 // logits that come before the label's
			for c, v := range row {
				if v > row[label] || v == row[label] && c < int(label) {
					better++
				}
			}
			if better == 0 {
				top1++
			}
			if better < 5 {
				top5++
			}
			if err := record(ctx, first+i, label, a.Predictions[first+i], row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if a.Images == 0 {
		return nil, fmt.Errorf("evaluation: none of the %d images can be read", split.Len())
	}
	a.Top1, a.Top5 = float64(top1)/float64(a.Images), float64(top5)/float64(a.Images)
	a.Seconds = time.Since(start).Seconds()
	return a, nil
}

// Disagreements counts the images that two evaluations classify differently.
func Disagreements(a, b *Accuracy) int {
	n := 0
	if a == nil || b == nil {
		return n
	}
	for i, p := range a.Predictions {
		if i >= len(b.Predictions) || p != b.Predictions[i] {
			n++
		}
	}
	return n
}

// validation returns the split that epochs are judged by: the held-out
// images, or the test set if none are held out.
func (m *Model) validation() datasets.Split {
	if m.Data.Validation.Len() > 0 {
		return m.Data.Validation
	}
	return m.Data.Test
}

// notInteger returns the reason why a network has no integer form, if that is
// what err says.
func notInteger(err error) (string, bool) {
	var e *layers.NotIntegerError
	if errors.As(err, &e) {
		return e.Error(), true
	}
	return "", false
}
