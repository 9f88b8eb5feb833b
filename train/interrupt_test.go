package train

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/qat-go/qat/internal/digest"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/internal/safetensors"
)

// A step that is interrupted leaves nothing behind, wherever it is: neither in the network nor in the steps after it.
func TestInterruptedStepLeavesNothing(t *testing.T) {
	for _, name := range []string{"resnet20_affine_w8a8", "resnet20_lq_nets_w2a2"} {
		cfg := binaryConfig(t, name)
		var want []byte
		for _, interrupted := range []bool{false, true} {
			m, err := Open(cfg, "", 2)
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
			l := newLine(t, m, 0)
			ctx, cancel := context.WithCancel(context.Background())
			at := -1
			if l.step, err = m.newStepper(machine.Options{Before: func(step int) {
				if step == at {
					cancel()
				}
			}}); err != nil {
				t.Fatal(err)
			}
			l.step.total = 3
			running := slices.Clone(m.Net.Store.Running()[0].Data())
			if l.train(t, 1); slices.Equal(m.Net.Store.Running()[0].Data(), running) {
				t.Errorf("%s: a step that is whole leaves running statistics as they were", name)
			}
			b, _ := l.data.Next()
			before, steps := l.bytes(t), l.step.vm.Steps()
			for _, at = range []int{steps / 4, steps - 1} {
				if !interrupted {
					break
				}
				if _, _, err := l.step.forwardBackward(ctx, b); !errors.Is(err, context.Canceled) {
					t.Fatalf("%s: interrupted before operation %d: error %v", name, at, err)
				}
				if !bytes.Equal(l.bytes(t), before) {
					t.Fatalf("%s: interrupted before operation %d, the network has changed", name, at)
				}
				ctx, cancel = context.WithCancel(context.Background())
			}
			at = -1
			l.train(t, 2)
			if cancel(); !interrupted {
				want = l.bytes(t)
			} else if !bytes.Equal(l.bytes(t), want) {
				t.Errorf("%s: the network differs from that of a training without interruptions", name)
			}
		}
	}
}

// ending is a context that ends when it is asked for the n-th time.
type ending struct {
	context.Context
	mu   sync.Mutex
	n    int
	done chan struct{}
}

func (e *ending) Done() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.n--; e.n == 0 {
		close(e.done)
	}
	return e.done
}

func (e *ending) Err() error {
	select {
	case <-e.done:
		return context.Canceled
	default:
		return nil
	}
}

// Wherever a run is interrupted, in calibration, in a step or in an evaluation, it continues to the same bits.
func TestInterruptionsAnywhereGiveTheSameBits(t *testing.T) {
	over := []string{"train.max_steps=2", "train.weight_ema=0.9", "quant.batch_norm_reestimation=2"}
	whole := t.TempDir()
	if err := trainOnly(context.Background(), loadConfig(t, over...), Options{Out: whole, Progress: &quiet{}}); err != nil {
		t.Fatal(err)
	}
	for n := 1; ; n++ {
		dir := t.TempDir()
		ctx := &ending{Context: context.Background(), n: n, done: make(chan struct{})}
		err := trainOnly(ctx, loadConfig(t, over...), Options{Out: dir, Progress: &quiet{}})
		if err == nil {
			if n < 7 {
				t.Errorf("a run asks for the end of its context %d times", n-1)
			}
			return
		}
		if !errors.Is(err, ErrInterrupted) && !errors.Is(err, context.Canceled) {
			t.Fatalf("interrupted at %d: %v", n, err)
		}
		if err := trainOnly(context.Background(), loadConfig(t, over...), Options{Out: dir, Resume: true, Progress: &quiet{}}); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(tensors(t, dir), tensors(t, whole)) {
			t.Errorf("interrupted at %d: the checkpoint differs from that of an uninterrupted run", n)
		}
		if got, want := losses(t, dir), losses(t, whole); got != want {
			t.Errorf("interrupted at %d: metrics:\n%s\nwant:\n%s", n, got, want)
		}
	}
}

func TestAwait(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	if v, err := Await(ctx, func() (int, error) { return 7, nil }); v != 7 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
	forever := make(chan int)
	defer close(forever)
	if _, err := Await(ctx, func() (int, error) { cancel(); return <-forever, nil }); err != context.Canceled {
		t.Errorf("error %v", err)
	}
	// One after the other does not wait again.
	if _, err := Await(ctx, func() (int, error) { t.Error("it begins"); return <-forever, nil }); err != context.Canceled {
		t.Errorf("error %v", err)
	}
}

// Whatever a run is at before its first step, it ends soon after its context: here neither a checkpoint's reading nor a
// calibration would ever end. Nobody is told of it then.
func TestNothingKeepsARunThatHasNoStep(t *testing.T) {
	forever := make(chan int)
	defer close(forever)
	ctx, cancel := context.WithCancel(context.Background())
	told := 0
	watched := Watch(ctx, func(Work) { told++; cancel(); <-forever })
	if err := trainOnly(watched, loadConfig(t), Options{Out: t.TempDir(), Progress: &quiet{}}); err != context.Canceled {
		t.Errorf("in calibration: error %v", err)
	}
	if tell(watched, Work{}); told != 1 {
		t.Errorf("told %d times", told)
	}
	dir := t.TempDir()
	stopped(t, dir)
	rewrite(t, filepath.Join(dir, CheckpointFile), func(f *safetensors.File) { delete(f.Metadata, digest.Key) })
	ctx, cancel = context.WithCancel(context.Background())
	notes := &blocking{block: func() { cancel(); <-forever }}
	if err := trainOnly(ctx, loadConfig(t), Options{Out: dir, Resume: true, Force: true, Progress: notes}); err != context.Canceled {
		t.Errorf("in the checkpoint's reading: error %v", err)
	}
}

// blocking is told of something.
type blocking struct {
	quiet
	block func()
}

func (b *blocking) Message(string, ...any) { b.block() }

// A lock is waited for as long as the one who waits wants.
func TestLockIsNotWaitedForInVain(t *testing.T) {
	defer func(before time.Duration) { lockPatience = before }(lockPatience)
	lockPatience = time.Hour
	dir := t.TempDir()
	defer lockedDir(t, dir).Release()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := LockDir(ctx, dir, t.Errorf); err != context.Canceled {
		t.Errorf("error %v", err)
	}
}
