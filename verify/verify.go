package verify

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/onnxruntime"
	"github.com/qat-go/qat/internal/regular"
	"github.com/qat-go/qat/train"
)

// maxModel is the size of the largest ONNX file in bytes, that of a Protocol Buffers message.
const maxModel = 1<<31 - 1

// Options say what to compare.
type Options struct {
	Split   datasets.Split
	Files   map[configs.Format]string // exports of the network
	ONNX    export.Options            // that the file of the format onnx was written with
	Threads int                       // of onnxruntime; 0: all cores
	Library string                    // path of onnxruntime; "" if there is none
}

// Certify compares the integer network of a model with its simulation and its
// exports on the images of a split.
func Certify(ctx context.Context, m *train.Model, net *integer.Network, o Options) (_ *Certificate, err error) {
	ctx = cmp.Or(ctx, context.Background())
	if m == nil || m.Data == nil {
		return nil, errors.New("there is no model to certify; want one of train.Open or a checkpoint")
	}
	if err := net.Check(); err != nil {
		return nil, err
	}
	c := &Certificate{Network: net.Name, Target: net.Target.String(), Dataset: m.Data.Name, Images: o.Split.Len(), Runs: []Run{}}
	v := &verifier{m: m, net: net, options: o, scale: net.Logits().Scale}
	a, err := m.EvaluateInteger(ctx, net, o.Split)
	if err != nil {
		return nil, err
	}
	c.IntegerTop1, c.ImagesPerSecond = a.Top1, float64(a.Images)/max(a.Seconds, 1e-9)
	if err := v.simulation(ctx, c); err != nil {
		return nil, err
	}
	if v.net, err = train.Retarget(net, configs.Float32); err != nil { // what ONNX computes
		return nil, err
	}
	for _, format := range []configs.Format{configs.ONNX, configs.QONNX} {
		file, ok := o.Files[format]
		if !ok {
			continue
		}
		if format == configs.ONNX {
			s, err := saturation(file, net, o.ONNX)
			if err != nil {
				return nil, err
			}
			c.Saturation = append(c.Saturation, *s)
		}
		if reason := v.open(); reason != "" {
			c.NotChecked = append(c.NotChecked, fmt.Sprintf("%s in onnxruntime: %s", format, reason))
			continue
		}
		c.Runtime, c.Processor = v.runtime.Version(), onnxruntime.Processor()
		for _, optimize := range []bool{false, true} {
			r, err := v.run(ctx, format, file, optimize)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			c.Runs = append(c.Runs, *r)
		}
	}
	if v.runtime != nil {
		err = v.runtime.Close()
	}
	for _, format := range slices.Sorted(maps.Keys(o.Files)) {
		if format == configs.Safetensors {
			if err := sameNetwork(o.Files[format], net); err != nil {
				return nil, err
			}
		} else if format != configs.ONNX && format != configs.QONNX {
			c.NotChecked = append(c.NotChecked, fmt.Sprintf("%s: %s", format, notRun[format]))
		}
	}
	return c, err
}

// notRun says of formats what a certificate does not tell.
var notRun = map[configs.Format]string{
	configs.C:   "the program was not compiled here; qat's tests compile programs and compare every logit, and docs/export.md compiles this one",
	configs.NPZ: "nothing was computed from it here; qat's tests do that with export/testdata/run.py",
}

type verifier struct {
	m       *train.Model
	net     *integer.Network
	options Options
	scale   []float32 // of the logits' sums
	runtime *onnxruntime.Runtime
	closed  string // why there is no runtime
}

// open loads the runtime once; the result tells why there is none.
func (v *verifier) open() string {
	if v.runtime != nil || v.closed != "" {
		return v.closed
	}
	switch {
	case !onnxruntime.Built:
		v.closed = onnxruntime.ErrNotBuilt.Error() + " (go build -tags onnxruntime)"
	case v.options.Library == "":
		v.closed = "ONNXRUNTIME_LIB is not set; it names the shared library"
	default:
		var err error
		if v.runtime, err = onnxruntime.Open(v.options.Library); err != nil {
			v.closed = err.Error()
		}
	}
	return v.closed
}

func (v *verifier) simulation(ctx context.Context, c *Certificate) error {
	simulate, err := v.m.Simulation()
	if err != nil {
		return err
	}
	tracer, err := v.m.Tracer(v.net)
	if err != nil {
		return err
	}
	return v.m.Batches(ctx, v.options.Split, func(x []float32, labels []int32, n int) error {
		want, err := tracer.Run(x, n)
		if err != nil {
			return err
		}
		got, err := simulate(x, n)
		if err == nil {
			c.Simulation.add(want, got, labels, v.scale)
		}
		return err
	})
}

// saturation checks that a file is the network's, and tells how it stores weights.
func saturation(file string, net *integer.Network, o export.Options) (*Saturation, error) {
	data, err := regular.Read(file, maxModel)
	if err != nil {
		return nil, err
	}
	m, err := export.NewONNXModel(net, configs.ONNX, o)
	if err != nil {
		return nil, err
	}
	if want, err := m.Bytes(); err != nil || !bytes.Equal(data, want) {
		return nil, fmt.Errorf("%s: the file is not the network that was written", file)
	}
	s := &Saturation{File: file, Limit: export.PairLimit, Layers: m.Weights}
	for _, w := range m.Weights {
		if w.Type == export.KernelInt8 {
			s.Widest = max(s.Widest, w.Pair)
		}
	}
	return s, nil
}

// run compares one file, in onnxruntime with or without its optimizations.
func (v *verifier) run(ctx context.Context, format configs.Format, file string, optimize bool) (*Run, error) {
	r := &Run{Format: string(format), File: file, Optimized: optimize}
	data, err := regular.Read(file, maxModel)
	if err != nil {
		return nil, err
	}
	model, err := export.NewONNXModel(v.net, format, v.options.ONNX)
	if err != nil {
		return nil, err
	}
	options := onnxruntime.Options{Optimize: optimize, Threads: v.options.Threads}
	session, err := v.runtime.Session(data, options)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	watched, err := v.runtime.Session(model.Watched(), options)
	if err != nil {
		return nil, err
	}
	defer watched.Close()
	tracer, err := v.m.Tracer(v.net)
	if err != nil {
		return nil, err
	}
	in := v.net.Tensors[0]
	layers := newTraces(v.net, model)
	seconds := 0.0
	err = v.m.Batches(ctx, v.options.Split, func(x []float32, labels []int32, n int) error {
		want, err := tracer.Run(x, n)
		if err != nil {
			return err
		}
		planes := export.Planes(x[:n*in.Len()], n, in.C)
		shape := []int64{int64(n), int64(in.C), int64(in.H), int64(in.W)}
		start := time.Now()
		out, err := session.Run(planes, shape...)
		seconds += time.Since(start).Seconds()
		if err != nil {
			return err
		}
		got, err := logitsOf(out, len(want))
		if err != nil {
			return err
		}
		r.Comparison.add(want, got, labels, v.scale)
		if out, err = watched.Run(planes, shape...); err != nil {
			return err
		}
		return layers.add(tracer, out, n)
	})
	r.ImagesPerSecond, r.Layers = float64(r.images)/max(seconds, 1e-9), layers.steps
	if err == nil && optimize {
		err = v.kernels(r, data)
	}
	return r, err
}

func logitsOf(out map[string]onnxruntime.Output, want int) ([]float32, error) {
	for _, o := range out {
		if len(out) == 1 && len(o.Floats) == want {
			if i := graph.FirstNotFinite(o.Floats); i >= 0 {
				return nil, fmt.Errorf("logit %d of the batch is %g, want finite numbers", i, o.Floats[i])
			}
			return o.Floats, nil
		}
	}
	return nil, fmt.Errorf("the model has %d outputs, want one with %d logits", len(out), want)
}
