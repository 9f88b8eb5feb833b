package train

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/internal/memory"
	"github.com/qat-go/qat/networks"
)

// BenchOptions say how long and on how many threads to measure.
type BenchOptions struct {
	Threads int // 0: all cores
	Steps   int // training steps measured, after 3 that are not; 20 if 0
	Profile bool
}

// BenchResult is what a machine does. Rates of training and evaluation are
// medians.
type BenchResult struct {
	Experiment
	Batch         int            `json:"batch"`
	Train         float64        `json:"train_images_per_second"`
	Eval          float64        `json:"eval_images_per_second,omitempty"` // integer network
	Simulate      float64        `json:"simulate_images_per_second"`
	PeakRSSMiB    float64        `json:"peak_rss_mib"` // of the process; 0: not known
	AllocsPerStep float64        `json:"allocs_per_step"`
	BytesPerStep  float64        `json:"bytes_per_step"`
	Threads       int            `json:"threads"`
	CPU           string         `json:"cpu"`
	KernelPath    string         `json:"kernel_path"`
	PeakGFLOPS    float64        `json:"fma_peak_gflops"` // of one thread
	Roofline      *Roofline      `json:"roofline"`
	Kernels       []KernelRate   `json:"kernels"`
	Operations    []OperationRow `json:"operations,omitempty"`
}

// KernelRate is the speed of one convolution pass on one thread; operations
// count two a multiply-accumulate.
type KernelRate struct {
	Name   string  `json:"name"`
	Shape  string  `json:"shape"`
	GFLOPS float64 `json:"gflops"`
	Share  float64 `json:"share_of_peak"`
}

// OperationRow is the time that one kind of operation takes in a step.
type OperationRow struct {
	Kind         string  `json:"kind"`
	Milliseconds float64 `json:"milliseconds"`
	Share        float64 `json:"share"`
}

// Bench measures training and evaluation of a config's network on random
// images; it reads no data.
func Bench(ctx context.Context, cfg *configs.Config, opt BenchOptions) (*BenchResult, error) {
	ctx = cmp.Or(ctx, context.Background())
	if cfg == nil {
		return nil, errNoConfig
	}
	if opt.Steps <= 0 {
		opt.Steps = 20
	}
	graph, err := cfg.Network()
	if err != nil {
		return nil, err
	}
	m, err := synthetic(cfg, opt.Threads)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	defer memory.Settle()()
	if err := m.calibrate(ctx); err != nil {
		return nil, err
	}
	memory.Settle()
	r := &BenchResult{Experiment: ExperimentOf(cfg), Batch: cfg.Train.Batch, Threads: m.pool.Threads(), CPU: cpuName(), KernelPath: kernels.Path()}
	loads, arena, err := m.benchTraining(ctx, r, opt)
	if err != nil {
		return nil, err
	}
	memory.Settle()
	r.Roofline = m.roofline(loads, arena, r.Train)
	memory.Settle()
	if opt.Profile { // on a machine of its own, which takes memory, since measuring takes time
		s, err := m.newStepper(machine.Options{Profile: true})
		if err != nil {
			return nil, err
		}
		if _, err := m.benchSteps(ctx, s, opt.Steps, nil); err != nil {
			return nil, err
		}
		r.Operations = operations(s.vm.Timings())
	}
	if err := m.benchEvaluation(ctx, r); err != nil {
		return nil, err
	}
	r.PeakGFLOPS = kernels.PeakGFLOPS(0.2)
	convs, err := heaviest(graph)
	if err != nil {
		return nil, err
	}
	r.Kernels = benchKernels(convs, r.PeakGFLOPS)
	r.PeakRSSMiB = float64(memory.Peak()) / (1 << 20)
	return r, ctx.Err()
}

// synthetic returns a model on random images, one training batch of them, in the shape of those of the data set.
func synthetic(cfg *configs.Config, threads int) (*Model, error) {
	if err := kernels.Check(); err != nil {
		return nil, err
	}
	like, err := datasets.Describe(string(cfg.Data.Dataset), cfg.DataOptions(""))
	if err != nil {
		return nil, err
	}
	in := shapeOf(like)
	d := &datasets.Dataset{Name: "random", Height: in.H, Width: in.W, Channels: in.C, Mean: make([]float32, in.C), Std: slices.Repeat([]float32{1}, in.C), Classes: make([]string, len(like.Classes))}
	split := func(name string, n int) datasets.Split {
		s := datasets.Split{Name: name, Pixels: make([]uint8, n*in.Len()), Labels: make([]int32, n)}
		rng := rand.New(rand.NewPCG(1, 1))
		for i := range s.Pixels {
			s.Pixels[i] = uint8(rng.UintN(256))
		}
		for i := range s.Labels {
			s.Labels[i] = int32(rng.UintN(uint(len(d.Classes))))
		}
		return s
	}
	d.Train = split("train", cfg.Train.Batch)
	m, err := newModel(cfg, d, threads)
	if err == nil {
		d.Test = split("test", m.benchImages())
	}
	return m, err
}

// benchImages is how many images evaluations are measured on: 1000 of ResNet-20, fewer of networks that take longer.
func (m *Model) benchImages() int { return 10 * m.EvalBatch() }

// benchTraining returns what the steps have to do at least, and the size of their memory.
func (m *Model) benchTraining(ctx context.Context, r *BenchResult, opt BenchOptions) (loads []machine.Load, arena int, err error) {
	s, err := m.newStepper(machine.Options{})
	if err != nil {
		return nil, 0, err
	}
	var before, after runtime.MemStats
	times, err := m.benchSteps(ctx, s, opt.Steps, &before)
	if err != nil {
		return nil, 0, err
	}
	runtime.ReadMemStats(&after)
	r.AllocsPerStep = float64(after.Mallocs-before.Mallocs) / float64(opt.Steps)
	r.BytesPerStep = float64(after.TotalAlloc-before.TotalAlloc) / float64(opt.Steps)
	r.Train = m.imagesPerSecond(times)
	return s.vm.Loads(), s.vm.ArenaBytes(), nil
}

// warmUp steps come before the measured ones.
const warmUp = 3

// benchSteps trains and returns the seconds of each measured step; before gets
// the memory's state ahead of the first of them.
func (m *Model) benchSteps(ctx context.Context, s *stepper, n int, before *runtime.MemStats) (times []float64, err error) {
	l, err := m.loader()
	if err != nil {
		return nil, err
	}
	it := l.Epoch(0, 0)
	defer it.Close()
	b, _ := it.Next()
	opt := NewOptimizer(&m.Config.Train, m.Net.Store.Learnable())
	opt.LR = 1e-4
	times = make([]float64, 0, n)
	for i := range warmUp + n {
		if i == warmUp {
			s.vm.ResetTimings()
			if before != nil {
				runtime.ReadMemStats(before)
			}
		}
		start := time.Now()
		for range m.Config.Train.Batches() {
			if _, _, err := s.forwardBackward(ctx, b); err != nil {
				return nil, err
			}
		}
		if err := s.update(opt); err != nil {
			return nil, err
		}
		if i >= warmUp {
			times = append(times, time.Since(start).Seconds())
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return times, nil
}

// imagesPerSecond is the speed of training by the seconds of its steps.
func (m *Model) imagesPerSecond(times []float64) float64 {
	return float64(m.Config.Train.StepImages()) / median(times)
}

// operations adds up timings by kind, the longest first.
func operations(ts []machine.Timing) []OperationRow {
	at := map[string]int{}
	var rows []OperationRow
	total := 0.0
	for _, t := range ts {
		i, ok := at[t.Kind]
		if !ok {
			i = len(rows)
			at[t.Kind] = i
			rows = append(rows, OperationRow{Kind: t.Kind})
		}
		ms := t.Total.Seconds() * 1e3 / float64(max(t.Runs, 1))
		rows[i].Milliseconds += ms
		total += ms
	}
	for i := range rows {
		rows[i].Share = rows[i].Milliseconds / total
	}
	slices.SortStableFunc(rows, func(a, b OperationRow) int {
		switch {
		case a.Milliseconds > b.Milliseconds:
			return -1
		case a.Milliseconds < b.Milliseconds:
			return 1
		}
		return 0
	})
	return rows
}

func (m *Model) benchEvaluation(ctx context.Context, r *BenchResult) error {
	rates := func(eval func() (*Accuracy, error)) (float64, error) {
		var times []float64
		for range 4 {
			a, err := eval()
			if err != nil {
				return 0, err
			}
			times = append(times, a.Seconds/float64(a.Images))
		}
		return 1 / median(times[1:]), nil
	}
	var err error
	if r.Simulate, err = rates(func() (*Accuracy, error) { return m.Simulate(ctx, m.Data.Test) }); err != nil {
		return err
	}
	net, err := m.Lower()
	if _, ok := notInteger(err); ok {
		return nil
	} else if err != nil {
		return err
	}
	r.Eval, err = rates(func() (*Accuracy, error) { return m.EvaluateInteger(ctx, net, m.Data.Test) })
	return err
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}

// benched is how many convolutions bench measures alone.
const benched = 3

// heaviest returns the shapes of a network's convolutions that take most multiplications in all, each for as many images as
// make a batch of some size.
func heaviest(n *networks.Network) ([]kernels.Conv, error) {
	shapes, err := n.Shapes()
	if err != nil {
		return nil, err
	}
	var all []kernels.Conv
	macs := map[kernels.Conv]int64{}
	for _, node := range n.Nodes {
		op, ok := node.Op.(networks.Conv)
		if !ok {
			continue
		}
		in := shapes[node.Inputs[0]]
		const elements = 1 << 18 // of the input, at least one image's
		g := kernels.Conv{N: min(max(elements/in.Len(), 1), 64), H: in.H, W: in.W, Cin: in.C, Cout: op.Out,
			Kernel: kernels.Size(op.Kernel), Stride: kernels.Size(op.Stride), Pad: kernels.Border(op.Pad), Groups: max(op.Groups, 1)}
		if macs[g] == 0 {
			all = append(all, g)
		}
		macs[g] += op.MACs([]networks.Shape{in})
	}
	slices.SortStableFunc(all, func(a, b kernels.Conv) int { return cmp.Compare(macs[b], macs[a]) })
	return all[:min(len(all), benched)], nil
}

// convShape is "32x32x16-16", of another kernel than 3x3 or stride than 1 "56x56x64-128 1x1/2", with groups "... g64".
func convShape(g kernels.Conv) string {
	shape := fmt.Sprintf("%dx%dx%d-%d", g.H, g.W, g.Cin, g.Cout)
	kernel, stride := networks.Size(g.Kernel), networks.Size(g.Stride)
	switch {
	case stride.H != stride.W:
		shape += fmt.Sprintf(" %v/%v", kernel, stride)
	case kernel != (networks.Size{H: 3, W: 3}) || stride.H != 1:
		shape += fmt.Sprintf(" %v/%d", kernel, stride.H)
	}
	if g.Groups > 1 {
		shape += fmt.Sprintf(" g%d", g.Groups)
	}
	return shape
}

// benchKernels measures the passes of convolutions on one thread.
func benchKernels(convs []kernels.Conv, peak float64) []KernelRate {
	p := kernels.NewPool(1)
	defer p.Close()
	var rates []KernelRate
	for _, g := range convs {
		x, w, y := make([]float32, g.InLen()), make([]float32, g.WeightLen()), make([]float32, g.OutLen())
		codes, scale := make([]uint8, g.InLen()), make([]float32, g.Cout)
		packed := kernels.PackIntWeights(nil, g, make([]int8, g.WeightLen()), 15)
		// The loops keep their memory from one run to the next, as in a training.
		xs, ys := kernels.Batch(x, g.N), kernels.Batch(y, g.N)
		forward := &kernels.Forward{G: g, Y: ys, X: xs, W: w}
		inputGrad := &kernels.InputGrad{G: g, DX: xs, DY: ys, W: w}
		weightGrad := &kernels.WeightGrad{G: g, DW: w, X: xs, DY: ys, Scale: 1}
		integers := &kernels.IntForward{Weights: packed, Codes: kernels.Batch(codes, g.N), Y: ys, Scale: scale}
		for _, k := range []struct {
			name string
			run  func()
		}{
			{"conv2d", func() { p.Run(g.N, forward) }},
			{"conv2d input gradient", func() { p.Run(g.N, inputGrad) }},
			{"conv2d weight gradient", func() { weightGrad.Run(p) }},
			{"conv2d int8", func() { p.Run(g.N, integers) }},
		} {
			best := time.Duration(1<<63 - 1)
			for start := time.Now(); time.Since(start) < 100*time.Millisecond; {
				t := time.Now()
				k.run()
				best = min(best, time.Since(t))
			}
			rate := 2 * float64(g.MACs()) / float64(best.Nanoseconds())
			rates = append(rates, KernelRate{k.name, convShape(g), rate, rate / peak})
		}
	}
	return rates
}
