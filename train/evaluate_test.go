package train

import (
	"context"
	"reflect"
	"strconv"
	"testing"

	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/integer"
)

// With target dyadic, classes are compared by integers: 2^25 and 2^25 + 1 are the same
// float32.
func TestEvaluateComparesIntegers(t *testing.T) {
	d, err := datasets.Open("cifar10-mini", datasets.Options{})
	if err != nil {
		t.Fatal(err)
	}
	net := &integer.Network{Classes: d.Classes, Mean: d.Mean, Std: d.Std, Tensors: []integer.Tensor{
		{H: d.Height, W: d.Width, C: d.Channels, Bits: 8, Scale: 1, ZeroPoint: 128},
		{H: 1, W: 1, C: d.Channels, Bits: 8, Scale: 1, ZeroPoint: 128},
	}}
	last := &integer.Linear{Name: "linear", In: 1, Out: 10, Weights: make([]int8, 30), WeightBits: 2, Scale: make([]float32, 10), Bias: make([]int32, 10)}
	for o := range last.Scale {
		last.Scale[o], last.Bias[o] = 1, 1<<25
	}
	last.Bias[7]++
	net.Layers = []integer.Layer{&integer.AveragePool{Name: "pool", In: 0, Out: 1}, last}
	for target, want := range map[integer.Target]int32{integer.Float32: 0, integer.Dyadic: 7} {
		net.Target = target
		a, err := Evaluate(context.Background(), net, d, d.Test.Head(20), 1)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range a.Predictions {
			if p != want {
				t.Fatalf("target %v: image %d has class %d, want %d", target, i, p, want)
			}
		}
		if a.Images != 20 || a.Top1 != 0.1 {
			t.Errorf("target %v: accuracy %g on %d images, want a tenth on 20", target, a.Top1, a.Images)
		}
		if a.Top5 != 0.5 { // of ten classes, two images each, whatever the order is
			t.Errorf("target %v: top-5 accuracy %g, want 0.5", target, a.Top5)
		}
	}
	net.Classes = net.Classes[:9]
	if _, err := Evaluate(context.Background(), net, d, d.Test, 1); err == nil {
		t.Error("a network of 9 classes is evaluated on 10")
	}
}

// The class 999 is not 231, its lowest byte.
func TestPredictionsOfManyClasses(t *testing.T) {
	logits := make([]float32, 2*1000)
	logits[999], logits[1000+231] = 1, 1
	if p := predictions(nil, logits, 2); p[0] != 999 || p[1] != 231 {
		t.Errorf("classes %v, want 999 and 231", p)
	}
	if n := countCorrect(logits, []int32{231, 231}); n != 1 {
		t.Errorf("%d correct, want 1", n)
	}
}

// How many images are computed at once changes no bit of what evaluations give, whether the last batch is full or not.
func TestEvalBatchChangesNothing(t *testing.T) {
	type outcome struct {
		top1, top5 float64
		logits     [2][]float32 // of the simulation and of the integer network
	}
	of := func(batch string) (o outcome) {
		m, err := Open(loadConfig(t, "train.eval_batch="+batch), "", 2)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if _, err := m.initial(); err != nil {
			t.Fatal(err)
		}
		if err := m.calibrate(context.Background()); err != nil {
			t.Fatal(err)
		}
		if want, _ := strconv.Atoi(batch); want > 0 && m.EvalBatch() != want {
			t.Fatalf("batches of %d, want %s", m.EvalBatch(), batch)
		}
		net, err := m.Lower()
		if err != nil {
			t.Fatal(err)
		}
		calls := 0
		for i, evaluate := range []func(context.Context) (*Accuracy, error){
			func(ctx context.Context) (*Accuracy, error) { return m.Simulate(ctx, m.Data.Test.Head(20)) },
			func(ctx context.Context) (*Accuracy, error) {
				return m.EvaluateInteger(ctx, net, m.Data.Test.Head(20))
			},
		} {
			ctx := Record(context.Background(), func(p Predicted) error {
				o.logits[i] = append(o.logits[i], p.Logits...)
				return nil
			})
			a, err := evaluate(Watch(ctx, func(Work) { calls++ }))
			if err != nil {
				t.Fatal(err)
			}
			o.top1, o.top5 = o.top1+a.Top1, o.top5+a.Top5
		}
		if n, _ := strconv.Atoi(batch); n > 0 && calls != 2*((20+n-1)/n) {
			t.Errorf("eval_batch %d: %d batches of 20 images, twice", n, calls)
		}
		return o
	}
	want := of("0")
	if len(want.logits[0]) != 200 || len(want.logits[1]) != 200 {
		t.Fatalf("%d and %d logits, want 200", len(want.logits[0]), len(want.logits[1]))
	}
	for _, batch := range []string{"1", "7", "20"} {
		if got := of(batch); !reflect.DeepEqual(got, want) {
			t.Errorf("eval_batch %s changes results", batch)
		}
	}
}
