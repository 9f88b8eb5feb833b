package sensitivity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/train"
)

// Method is a way to measure what few bits lose.
type Method string

// The methods.
const (
	Hessian Method = "hessian" // the second derivative of the loss, times the squared error of quantization
	Perturb Method = "perturb" // the loss, and the accuracy, with one tensor quantized
	Scales  Method = "scales"  // the scale that LSQ learns for each tensor
	SQNR    Method = "sqnr"    // the signal to quantization noise ratio of each tensor
)

// Methods lists them.
func Methods() []Method { return []Method{Hessian, Perturb, SQNR, Scales} }

// DefaultMethods are those that train nothing.
func DefaultMethods() []Method { return []Method{Hessian, Perturb, SQNR} }

// Options say what to measure. Zero values are the defaults.
type Options struct {
	Methods []Method // DefaultMethods
	Widths  []int    // in bits, from 2 to 8; DefaultWidths
	Images  int      // of the validation share, or of the training images where nothing is held out; DefaultImages
	Samples int      // of traces of the Hessian; DefaultSamples
	Error   float64  // takes more of them until the error of each trace is at most that share of it; 0: does not
	Steps   int      // that scales learn; DefaultSteps
	Seed    uint64   // of the images, and of all else that is drawn
	// Cost, unless it is nil, is told what a method is about to compute, and for about how long.
	Cost func(m Method, c Work)
}

// DefaultImages is how many images are measured on.
const DefaultImages = 2000

// DefaultWidths are the bits that are tried.
func DefaultWidths() []int { return []int{2, 3, 4, 6, 8} }

// probeBatch is how many images are measured at once, at most: what a layer reads of them stays in caches.
const probeBatch = 50

// calibrationImages are those on which activations get their levels.
const calibrationImages = 100

// meter measures a network.
type meter struct {
	*train.Model
	opt        Options
	float      *layers.Network
	probe      *layers.Probe
	batch      int
	split      datasets.Split
	seconds    float64 // that an evaluation of an image takes
	quantizers map[site]*layers.Quantizer
	weights    map[site][]float32 // quantized
	ratios     map[site]*ratio    // see noise
}

// site is a tensor at a width.
type site struct {
	name string
	bits int
}

// Measure measures the float network that a model is without its quantizers, each tensor as the model's config quantizes it
// but for the bits. The model stays as it is. Work is told to [train.Watch].
func Measure(ctx context.Context, m *train.Model, opt Options) (*Report, error) {
	ctx = cmp.Or(ctx, context.Background())
	if m == nil || m.Threads() == nil {
		return nil, errors.New("there is no model to measure; want that of a checkpoint")
	}
	if err := opt.fill(); err != nil {
		return nil, err
	}
	defer m.Threads().Until(ctx)()
	t, err := newMeter(m, opt)
	if err != nil {
		return nil, err
	}
	images, err := t.share(ctx)
	if err != nil {
		return nil, err
	}
	r := &Report{Experiment: train.ExperimentOf(m.Config), Split: t.split.Name, Images: len(images.loss), ImageSeed: opt.Seed, Widths: opt.Widths, Loss: mean(images.loss)}
	for _, right := range images.right {
		if right {
			r.Top1 += 1 / float64(len(images.right))
		}
	}
	if r.Calibration, err = t.calibrate(ctx); err != nil {
		return nil, err
	}
	for _, method := range opt.Methods {
		var tables []Table
		switch method {
		case Hessian:
			tables, err = t.hessian(ctx, r)
		case Perturb:
			tables, err = t.perturb(ctx, images)
		case SQNR:
			tables, err = t.sqnr(ctx)
		case Scales:
			tables, err = t.scales(ctx)
		}
		if err != nil {
			return nil, err
		}
		for _, table := range tables {
			if err := table.Validate(); err != nil {
				return nil, err
			}
		}
		r.Tables = append(r.Tables, tables...)
	}
	return r, nil
}

// fill checks options and gives those that are not given their defaults.
func (o *Options) fill() error {
	if len(o.Methods) == 0 {
		o.Methods = DefaultMethods()
	}
	if len(o.Widths) == 0 {
		o.Widths = DefaultWidths()
	}
	if o.Images == 0 {
		o.Images = DefaultImages
	}
	if o.Samples == 0 {
		o.Samples = DefaultSamples
	}
	if o.Steps == 0 {
		o.Steps = DefaultSteps
	}
	o.Widths = growing(o.Widths)
	var once []Method
	for _, m := range o.Methods {
		if !slices.Contains(once, m) {
			once = append(once, m)
		}
	}
	o.Methods = once
	switch least, most := o.Widths[0], o.Widths[len(o.Widths)-1]; {
	case least < 2 || most > 8:
		return fmt.Errorf("widths are from 2 to 8 bits; found %d to %d", least, most)
	case o.Images < 2:
		return fmt.Errorf("errors of means take 2 images or more; found %d", o.Images)
	}
	if o.Samples < 2 || !(o.Error >= 0) {
		return fmt.Errorf("errors take 2 samples or more, and are not negative; found %d samples and an error of %g", o.Samples, o.Error)
	}
	if o.Steps < 1 {
		return fmt.Errorf("scales learn in 1 step or more; found %d", o.Steps)
	}
	for _, m := range o.Methods {
		if !slices.Contains(Methods(), m) {
			return fmt.Errorf("method %q; want %s", m, join(Methods()))
		}
	}
	return nil
}

// growing are widths by growing bits, each once.
func growing(widths []int) []int { return slices.Compact(slices.Sorted(slices.Values(widths))) }

// join lists methods for a sentence.
func join(methods []Method) string {
	var names []string
	for _, m := range methods {
		names = append(names, string(m))
	}
	return strings.Join(names, ", ")
}

func newMeter(m *train.Model, opt Options) (*meter, error) {
	t := &meter{Model: m, opt: opt, batch: min(m.EvalBatch(), probeBatch), quantizers: map[site]*layers.Quantizer{}, weights: map[site][]float32{}}
	if t.split = m.Data.Validation; t.split.Len() == 0 {
		t.split = m.Data.Train
	}
	var err error
	if t.float, err = m.Net.Float(); err != nil {
		return nil, err
	}
	if t.probe, err = layers.NewProbe(m.Threads(), t.float, t.batch); err != nil {
		return nil, err
	}
	graph, err := m.Config.Model.Build(m.Net.Shape(), len(m.Net.Input.Classes))
	if err != nil {
		return nil, err
	}
	for _, bits := range opt.Widths {
		quant, err := m.Config.Quant.AtBits(configs.Bits(bits), t.float.LayerNames())
		if err != nil {
			return nil, err
		}
		for i := range quant.Layers { // as many as calibrate looks at
			quant.Layers[i].Activations.Values.CalibrationBatches = (min(calibrationImages, m.Data.Train.Len()) + t.batch - 1) / t.batch
		}
		net, err := layers.Describe(graph, quant, m.Net.Input)
		if err != nil {
			return nil, err
		}
		for _, q := range net.Quantizers {
			t.quantizers[site{q.Name, bits}] = q
		}
	}
	return t, nil
}

// weightsOf and inputOf are the names of a layer's tensors.
func weightsOf(layer string) string { return layer + ".weight" }
func inputOf(layer string) string   { return layer + ".input" }

// calibrate gives all quantizers their levels: on the weights, and on images of the training set, of which it returns how many.
func (t *meter) calibrate(ctx context.Context) (int, error) {
	for _, layer := range t.float.LayerNames() {
		w := t.float.Store.Array(weightsOf(layer)).Data()
		for _, bits := range t.opt.Widths {
			t.weights[site{weightsOf(layer), bits}] = make([]float32, len(w))
		}
		err := t.eachWidth(func(bits int) error {
			at := site{weightsOf(layer), bits}
			if err := t.quantizers[at].CalibrateWeights(w); err != nil {
				return fmt.Errorf("%s: %w", at.name, err)
			}
			return t.quantizers[at].Values(t.weights[at], w)
		})
		if err != nil {
			return 0, err
		}
	}
	return t.batches(ctx, "calibrating", t.Data.Train, calibrationImages, func(x []float32, _ []int32, n int) error {
		_, err := t.probe.Run(x, n, func(layer string, in []float32) error {
			return t.eachWidth(func(bits int) error { return t.quantizers[site{inputOf(layer), bits}].Observe(in) })
		})
		return err
	})
}

// eachWidth calls do for every width, on as many threads as the model has.
func (t *meter) eachWidth(do func(bits int) error) error {
	errs := make([]error, len(t.opt.Widths))
	var all sync.WaitGroup
	room := make(chan struct{}, t.Threads().Len())
	for i, bits := range t.opt.Widths {
		room <- struct{}{}
		all.Go(func() {
			if err := do(bits); err != nil {
				errs[i] = fmt.Errorf("%d bits: %w", bits, err)
			}
			<-room
		})
	}
	all.Wait()
	return cmp.Or(errs...)
}

// batches calls do for images of a split, drawn by the seed, and returns how many they were.
func (t *meter) batches(ctx context.Context, doing string, split datasets.Split, images int, do func(x []float32, labels []int32, n int) error) (int, error) {
	images = min(images, split.Len())
	l, err := datasets.NewLoader(t.Data, split, datasets.LoaderOptions{Batch: t.batch, Seed: t.opt.Seed, Shuffle: true, Workers: t.Threads().Len()})
	if err != nil {
		return 0, err
	}
	it := l.Epoch(0, 0)
	defer it.Close()
	done := 0
	for done < images {
		b, ok := it.Next()
		if !ok {
			break
		}
		if err := ctx.Err(); err != nil {
			return done, err
		}
		n := min(b.N, images-done)
		if err := do(b.X, b.Y[:n], n); err != nil {
			return done, err
		}
		done += n
		it.Release(b)
		train.Tell(ctx, train.Work{Doing: doing, What: "images", Done: done, Total: images})
	}
	return done, it.Err()
}

// outcome is what a network makes of images: the loss of each, and whether it is classified correctly.
type outcome struct {
	loss  []float64
	right []bool
}

// add appends the outcome of logits (n, classes).
func (o *outcome) add(logits []float32, labels []int32) {
	classes := len(logits) / len(labels)
	for i, label := range labels {
		loss, right := crossEntropy(logits[i*classes:][:classes], int(label))
		o.loss, o.right = append(o.loss, loss), append(o.right, right)
	}
}

// crossEntropy is -log softmax(logits)[label], and whether no logit is larger than the label's, nor as large and before it.
func crossEntropy(logits []float32, label int) (loss float64, right bool) {
	most, at := math.Inf(-1), 0
	for c, v := range logits {
		if float64(v) > most {
			most, at = float64(v), c
		}
	}
	sum := 0.0
	for _, v := range logits {
		sum += math.Exp(float64(v) - most)
	}
	return most + math.Log(sum) - float64(logits[label]), at == label
}

// share evaluates the float network on the images that all is measured on, and notes how long that takes: the first batch takes
// longer than others.
func (t *meter) share(ctx context.Context) (*outcome, error) {
	o := &outcome{}
	t.seconds = math.Inf(1)
	_, err := t.batches(ctx, "evaluating", t.split, t.opt.Images, func(x []float32, labels []int32, n int) error {
		start := time.Now()
		logits, err := t.probe.Run(x, n, nil)
		t.seconds = min(t.seconds, time.Since(start).Seconds()/float64(t.batch))
		if err == nil {
			o.add(logits, labels)
		}
		return err
	})
	if err == nil && len(o.loss) < 2 {
		err = fmt.Errorf("%s has %d %s images; want 2 or more to measure on", t.Data.Name, len(o.loss), t.split.Name)
	}
	return o, err
}

// mean is that of values.
func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// stdErr is the standard error of the mean of n values with a sum, and a sum of squares.
func stdErr(sum, squares float64, n int) float64 {
	if n < 2 {
		return 0
	}
	m := sum / float64(n)
	return math.Sqrt(max(squares/float64(n)-m*m, 0) / float64(n-1))
}

// Work is what a method computes: evaluations of an image, or gradients of its loss.
type Work struct {
	Evaluations, Gradients int
	Seconds                float64 // about, on this machine
}

// gradientTime is about how many evaluations one takes.
const gradientTime = 4

// evaluations tells what a method is about to compute: so many evaluations of each image.
func (t *meter) evaluations(m Method, each float64) {
	if n := int(each * float64(min(t.opt.Images, t.split.Len()))); t.opt.Cost != nil {
		t.opt.Cost(m, Work{Evaluations: n, Seconds: float64(n) * t.seconds})
	}
}

// gradients tells it of a method that takes so many gradients.
func (t *meter) gradients(m Method, n int) {
	if t.opt.Cost != nil {
		t.opt.Cost(m, Work{Gradients: n, Seconds: float64(n) * t.seconds * gradientTime})
	}
}
