package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/internal/safetensors"
	"github.com/qat-go/qat/layers/pretrained"
)

// Most tests open cifar10-mini, some several times: decoding its JPEG files is most of their time under the race detector.
func init() {
	mini := sync.OnceValues(func() (*datasets.Dataset, error) { return datasets.Open("cifar10-mini", datasets.Options{}) })
	openData = func(name string, o datasets.Options) (*datasets.Dataset, error) {
		if name != "cifar10-mini" || o.Dir != "" || o.Validation != 0 {
			return datasets.Open(name, o)
		}
		d, err := mini()
		if err != nil {
			return nil, err
		}
		own := *d // tests change images and labels
		for _, s := range []*datasets.Split{&own.Train, &own.Test} {
			s.Pixels, s.Labels = slices.Clone(s.Pixels), slices.Clone(s.Labels)
		}
		if testing.Short() { // most of the time under the race detector is that of evaluations
			own.Test = own.Test.Head(300)
		}
		return &own, nil
	}
}

// quiet is a Progress that can act after a step.
type quiet struct {
	after func(step int)
	lines []string
	steps []StepInfo
}

func (q *quiet) Message(format string, args ...any) {
	q.lines = append(q.lines, fmt.Sprintf(format, args...))
}
func (q *quiet) Start(int, int, int) {}
func (q *quiet) Epoch(EpochInfo)     {}
func (q *quiet) Step(s StepInfo) {
	q.steps = append(q.steps, s)
	if q.after != nil {
		q.after(s.Step)
	}
}

func loadConfig(t *testing.T, overrides ...string) *configs.Config {
	t.Helper()
	cfg, err := configs.Load("quickstart", append([]string{"train.batch=8", "train.max_steps=6", "train.checkpoint_every=2it", "train.log_every=1"}, overrides...))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// trainOnly runs the training part of a run, without the final evaluations.
func trainOnly(ctx context.Context, cfg *configs.Config, opt Options) error {
	return trainOn(ctx, cfg, opt, func(*datasets.Dataset) {})
}

// trainOn is trainOnly with other data.
func trainOn(ctx context.Context, cfg *configs.Config, opt Options, change func(d *datasets.Dataset)) error {
	r := &run{opt: opt, dir: opt.Out}
	cfg, err := r.claim(ctx, cfg)
	if err != nil {
		return err
	}
	defer r.Close()
	if r.Model, err = Open(cfg, "", opt.Threads); err != nil {
		return err
	}
	// A few images are enough to judge an epoch by here.
	r.Data.Test = r.Data.Test.Head(20)
	change(r.Data)
	r.Model.reading = r.reading()
	return r.train(ctx)
}

// tensors returns a checkpoint's bytes but for the measured seconds.
func tensors(t *testing.T, dir string) []byte {
	t.Helper()
	f, st, err := readCheckpoint(filepath.Join(dir, CheckpointFile), Reading{})
	if err != nil {
		t.Fatal(err)
	}
	st.Seconds = 0
	js, _ := json.Marshal(st)
	f.Metadata["state"] = string(js)
	var b bytes.Buffer
	if err := safetensors.Write(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// losses returns the loss of each logged step in metrics.jsonl.
func losses(t *testing.T, dir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range bytes.Lines(data) {
		var l struct {
			Kind string
			Step int
			Loss json.Number
		}
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatal(err)
		}
		out = append(out, l.Kind+" "+string(rune('0'+l.Step))+" "+l.Loss.String())
	}
	return strings.Join(out, "\n")
}

// A run that is killed, or interrupted, and resumed ends with the bits of one
// that was not; so does a run on another number of threads.
func TestResumeAndThreadsGiveTheSameBits(t *testing.T) {
	ctx := context.Background()
	whole := t.TempDir()
	if err := trainOnly(ctx, loadConfig(t), Options{Out: whole, Threads: 2, Progress: &quiet{}}); err != nil {
		t.Fatal(err)
	}
	want := tensors(t, whole)
	compare := func(t *testing.T, dir string) {
		if !bytes.Equal(tensors(t, dir), want) {
			t.Error("the checkpoint differs from that of an uninterrupted run")
		}
		if got, want := losses(t, dir), losses(t, whole); got != want {
			t.Errorf("metrics:\n%s\nwant:\n%s", got, want)
		}
	}
	t.Run("killed", func(t *testing.T) {
		dir := t.TempDir()
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the run was not killed")
				}
			}()
			// A panic in the middle leaves what SIGKILL leaves: the files.
			_ = trainOnly(ctx, loadConfig(t), Options{Out: dir, Progress: &quiet{after: func(step int) {
				if step == 5 {
					panic("killed")
				}
			}}})
		}()
		if err := trainOnly(ctx, loadConfig(t), Options{Out: dir, Resume: true, Threads: 2, Progress: &quiet{}}); err != nil {
			t.Fatal(err)
		}
		compare(t, dir)
	})
	t.Run("interrupted", func(t *testing.T) {
		dir := t.TempDir()
		cancelled, cancel := context.WithCancel(ctx)
		err := trainOnly(cancelled, loadConfig(t), Options{Out: dir, Progress: &quiet{after: func(step int) {
			if step == 3 {
				cancel()
			}
		}}})
		if !errors.Is(err, ErrInterrupted) {
			t.Fatalf("error %v, want ErrInterrupted", err)
		}
		p := &quiet{}
		if err := trainOnly(ctx, loadConfig(t), Options{Out: dir, Resume: true, Progress: p}); err != nil {
			t.Fatal(err)
		}
		if len(p.steps) != 3 || p.steps[0].Step != 4 {
			t.Errorf("resumed with %d steps", len(p.steps))
		}
		compare(t, dir)
	})
	for _, threads := range []int{1, 7} {
		dir := t.TempDir()
		if err := trainOnly(ctx, loadConfig(t), Options{Out: dir, Threads: threads, Progress: &quiet{}}); err != nil {
			t.Fatal(err)
		}
		compare(t, dir)
	}
}

func TestRunsAreNotOverwritten(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	run := func(opt Options, overrides ...string) error {
		opt.Out, opt.Progress = dir, &quiet{}
		return trainOnly(ctx, loadConfig(t, append([]string{"train.max_steps=1"}, overrides...)...), opt)
	}
	if err := run(Options{}); err != nil {
		t.Fatal(err)
	}
	if err := run(Options{}); !errors.Is(err, ErrExists) {
		t.Errorf("a second run: %v, want ErrExists", err)
	}
	err := run(Options{Resume: true}, "train.lr=0.5")
	if !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), "lr: 0.5") {
		t.Errorf("resumed with another config: %v", err)
	}
	stray := t.TempDir()
	if err := os.WriteFile(filepath.Join(stray, "thesis.tex"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := trainOnly(ctx, loadConfig(t), Options{Out: stray, Progress: &quiet{}}); !errors.Is(err, ErrExists) {
		t.Errorf("into a folder of other files: %v, want ErrExists", err)
	}
	// A damaged checkpoint is an error that names the file, and stays.
	path := filepath.Join(dir, CheckpointFile)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data[:len(data)/2], 0o666); err != nil {
		t.Fatal(err)
	}
	if err := run(Options{Resume: true}); err == nil || !strings.Contains(err.Error(), CheckpointFile) {
		t.Errorf("a damaged checkpoint: %v", err)
	}
}

// A checkpoint is enough to go on: model.init may be gone by then.
func TestResumeWithoutInit(t *testing.T) {
	dir := t.TempDir()
	data, err := pretrained.Read("resnet20_cifar10")
	if err != nil {
		t.Fatal(err)
	}
	weights := filepath.Join(dir, "float.safetensors")
	if err := os.WriteFile(weights, data, 0o666); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "run")
	train := func(resume bool) error {
		cfg := loadConfig(t, "model.init="+weights, "train.max_steps=4")
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		return trainOnly(ctx, cfg, Options{Out: out, Resume: resume, Progress: &quiet{after: func(step int) {
			if step == 2 {
				cancel()
			}
		}}})
	}
	if err := train(false); !errors.Is(err, ErrInterrupted) {
		t.Fatalf("error %v, want ErrInterrupted", err)
	}
	if err := os.Remove(weights); err != nil {
		t.Fatal(err)
	}
	if err := train(true); err != nil {
		t.Error(err)
	}
}

// What is not finite stops the run and names the layer.
func TestNonFiniteStopsTheRun(t *testing.T) {
	dir := t.TempDir()
	err := trainOnly(context.Background(), loadConfig(t, "train.lr=1e30"), Options{Out: dir, Progress: &quiet{}})
	if err == nil || !strings.HasPrefix(err.Error(), "step ") {
		t.Fatalf("error %v, want one that names the step", err)
	}
	named := false
	for _, layer := range []string{"bn", "conv", "linear", "loss", "_quantizer"} {
		named = named || strings.Contains(err.Error(), layer)
	}
	if !named {
		t.Errorf("error %v names no layer", err)
	}
}
