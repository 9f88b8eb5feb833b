package train

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/qat-go/qat/datasets"
)

// Shares have the mean 1/2 and the variance 1/(4*(2*alpha+1)) of Beta(alpha, alpha), and are finite for any alpha.
func TestBetaVariate(t *testing.T) {
	for _, alpha := range []float64{1e-3, 0.2, 1, 4, 1000} {
		g := rand.New(rand.NewPCG(1, 2))
		const n = 20_000
		mean, square, below := 0.0, 0.0, 0
		for range n {
			v := betaVariate(g, alpha)
			if !(v >= 0 && v <= 1) {
				t.Fatalf("alpha %v: %v", alpha, v)
			}
			mean, square = mean+v/n, square+(v-0.5)*(v-0.5)/n
			if v < 0.1 {
				below++
			}
		}
		variance := 1 / (4 * (2*alpha + 1))
		if math.Abs(mean-0.5) > 4*math.Sqrt(variance/n) || math.Abs(square-variance) > 0.04*variance {
			t.Errorf("alpha %v: mean %v and variance %v, want 0.5 and %v", alpha, mean, square, variance)
		}
		if share := float64(below) / n; alpha == 1 && math.Abs(share-0.1) > 0.01 { // uniform
			t.Errorf("alpha 1: %v of the shares are below 0.1", share)
		}
	}
}

// Each image is mixed with the one before it, and so are the labels; the share follows from the seed and the number of the
// batch, and the labels that count are those with more of it.
func TestMix(t *testing.T) {
	b := &datasets.Batch{X: []float32{1, 2, 10, 20, 100, 200}, Y: []int32{4, 5, 6}, N: 3}
	seen := map[float32]bool{}
	sides := map[bool]bool{}
	for number := range 8 {
		m, again := newMixup(1, 7, 3), newMixup(1, 7, 3)
		x, y := make([]float32, 6), make([]float32, 6)
		labels := m.mix(x, b, number)
		again.mix(y, b, number)
		s := m.share.Float32s()[0]
		seen[s], sides[s < 0.5] = true, true
		want := []float32{5: 0}
		for i, v := range b.X {
			want[i] = s*v + float32(1-float64(s))*b.X[(i+4)%6]
		}
		for i := range want {
			if math.Abs(float64(x[i]-want[i])) > 1e-4 {
				t.Errorf("share %v: %v, want %v", s, x, want)
				break
			}
		}
		counted := b.Y
		if s < 0.5 {
			counted = []int32{6, 4, 5}
		}
		if !slices.Equal(x, y) || !slices.Equal(m.others.Int32s(), []int32{6, 4, 5}) || !slices.Equal(labels, counted) {
			t.Errorf("share %v: %v and %v; others %v, counted %v", s, x, y, m.others, labels)
		}
	}
	if other := newMixup(1, 8, 3); len(seen) != 8 || len(sides) != 2 || seen[func() float32 { other.mix(make([]float32, 6), b, 0); return other.share.Float32s()[0] }()] {
		t.Errorf("shares %v; want another for each batch and seed", seen)
	}
}

// Mixed training, with smoothed labels and several batches a step, goes on to the same bits, on other threads and workers too.
func TestMixupResumes(t *testing.T) {
	overrides := append(slices.Clone(shortEpochs), "train.steps=6", "train.batch=4", "train.accumulate=2", "train.mixup=0.4", "train.label_smoothing=0.1", "train.lr=0.1")
	whole, dir, plain := t.TempDir(), t.TempDir(), t.TempDir()
	with := func(more ...string) []string { return append(slices.Clone(overrides), more...) }
	if err := trainOnly(context.Background(), loadConfig(t, overrides...), Options{Out: whole, Threads: 3, Progress: &quiet{}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	err := trainOnly(ctx, loadConfig(t, overrides...), Options{Out: dir, Threads: 1, Progress: &quiet{after: func(step int) {
		if step == 3 {
			cancel()
		}
	}}})
	if !errors.Is(err, ErrInterrupted) {
		t.Fatal(err)
	}
	if err := trainOnly(context.Background(), loadConfig(t, overrides...), Options{Out: dir, Resume: true, Progress: &quiet{}}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(tensors(t, dir), tensors(t, whole)) {
		t.Error("the checkpoint differs from that of an uninterrupted run")
	}
	workers := t.TempDir()
	if err := trainOnly(context.Background(), loadConfig(t, with("data.workers=5")...), Options{Out: workers, Progress: &quiet{}}); err != nil {
		t.Fatal(err)
	}
	if err := trainOnly(context.Background(), loadConfig(t, with("train.mixup=0")...), Options{Out: plain, Progress: &quiet{}}); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(tensorsOf(t, workers), tensorsOf(t, whole)) || maps.Equal(tensorsOf(t, plain), tensorsOf(t, whole)) {
		t.Error("workers change bits, or mixup changes none")
	}
}

// A teacher sees the images that its student sees, and the labels' part of the loss has both labels.
func TestMixupWithTeacher(t *testing.T) {
	loss := func(overrides ...string) float64 {
		m, s := openTraining(t, append(overrides, "train.mixup=1")...)
		return s.runFirst(t, m)
	}
	labels, half := loss(), loss("quant.distillation={teacher: embedded:resnet20_cifar10, weight: 0.5}")
	taught := loss("quant.distillation={teacher: embedded:resnet20_cifar10, weight: 1}")
	if want := (labels + taught) / 2; math.Abs(half-want) > 1e-5*want {
		t.Errorf("loss %v, want half of %v and of %v", half, labels, taught)
	}
	m, s := openTraining(t, "train.mixup=1", "quant.distillation.teacher=embedded:resnet20_cifar10")
	s.runFirst(t, m)
	seen := slices.Clone(s.teacher.logits.Float32s())
	if err := s.teacher.run(); err != nil || !slices.Equal(seen, s.teacher.logits.Float32s()) {
		t.Errorf("the teacher's logits of the mixed images are others (%v)", err)
	}
}

// Each batch of a step has a share of its own.
func TestMixupOfAccumulatedBatches(t *testing.T) {
	m, l := smallModel(t, "train.accumulate=3", "train.mixup=1")
	b, _ := l.data.Next()
	seen := map[float32]bool{}
	for range 6 {
		if _, _, err := l.step.forwardBackward(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		seen[l.step.mixup.share.Float32s()[0]] = true
	}
	if len(seen) != 2*m.Config.Train.Batches() {
		t.Errorf("shares %v of six batches", seen)
	}
}
