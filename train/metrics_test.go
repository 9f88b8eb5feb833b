package train

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qat-go/qat/datasets"
)

// A file of metrics that was cut or changed goes on with each step once, and what is lost is said.
func TestMetricsMended(t *testing.T) {
	base := t.TempDir()
	stopped(t, base)
	p := &quiet{}
	r := &run{opt: Options{Progress: p}, st: state{Step: 3, Total: 6, Seen: 24}}
	var err error
	if r.Model, err = Open(loadConfig(t), "", 1); err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.loader, err = r.Model.loader(); err != nil {
		t.Fatal(err)
	}
	lines := func(b []byte) [][]byte { return bytes.SplitAfter(b, []byte{'\n'}) }
	for name, tt := range map[string]struct {
		change func([]byte) []byte
		steps  string // logged in the end
		said   string // "" nothing
	}{
		"whole":                {func(b []byte) []byte { return b }, "1 2 3 4", ""},
		"no last newline":      {func(b []byte) []byte { return bytes.TrimSuffix(b, []byte{'\n'}) }, "1 2 3 4", ""},
		"cut in the last line": {func(b []byte) []byte { return b[:len(b)-5] }, "1 2 4", "1 of its lines up to step 3 are missing (step 3 to step 3), 1 cannot be read"},
		"cut in the first":     {func(b []byte) []byte { return b[:5] }, "4", "3 of its lines up to step 3 are missing (step 1 to step 3), 1 cannot be read"},
		"beyond":               {func(b []byte) []byte { return append(b, `{"kind":"step","step":4}`+"\n"+`{"kind":"ep`...) }, "1 2 3 4", ""},
		"twice":                {func(b []byte) []byte { return append(b, lines(b)[1]...) }, "1 2 3 4", "0 of its lines up to step 3 are missing, 1 cannot"},
		"glued": {func(b []byte) []byte {
			return bytes.Join([][]byte{lines(b)[0], bytes.TrimSuffix(lines(b)[1], []byte{'\n'}), lines(b)[2]}, nil)
		}, "1 4", "2 of its lines up to step 3 are missing (step 2 to step 3), 1 cannot be read"},
		"zeros": {func(b []byte) []byte { clear(b[10:20]); return b }, "2 3 4", "1 of its lines"},
		"empty": {func(b []byte) []byte { return nil }, "4", "3 of its lines"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copyRun(t, base)
			path := filepath.Join(dir, MetricsFile)
			edit(t, path, tt.change)
			r.dir, p.lines = dir, nil
			mended(t, r, p, tt.steps, tt.said)
		})
	}
	t.Run("missing", func(t *testing.T) {
		dir := copyRun(t, base)
		if err := os.Remove(filepath.Join(dir, MetricsFile)); err != nil {
			t.Fatal(err)
		}
		r.dir, p.lines = dir, nil
		mended(t, r, p, "4", "3 of its lines up to step 3 are missing")
	})
}

// mended logs one step more.
func mended(t *testing.T, r *run, p *quiet, steps, said string) {
	t.Helper()
	m, err := r.openMetrics()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(m.step(StepInfo{Step: 4}), m.close()); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range strings.Split(losses(t, r.dir), "\n") {
		got = append(got, strings.Fields(line)[1])
	}
	if strings.Join(got, " ") != steps {
		t.Errorf("steps %q, want %s", got, steps)
	}
	if text := strings.Join(p.lines, "\n"); said == "" && strings.Contains(text, "damaged") || !strings.Contains(text, said) {
		t.Errorf("said:\n%s\nwant %q", text, said)
	}
}

// An epoch's checkpoint is there before its evaluation, and a run that was stopped in the evaluation makes up for it, with the
// bits and the lines of one that was not.
func TestEpochIsEvaluatedOnce(t *testing.T) {
	cfg := loadConfig(t, "train.max_steps=0", "train.epochs=2", "train.checkpoint_every=1ep")
	train := func(ctx context.Context, opt Options) error { // two steps an epoch
		return trainOn(ctx, cfg, opt, func(d *datasets.Dataset) { d.Train = d.Train.Head(16) })
	}
	whole := t.TempDir()
	if err := train(context.Background(), Options{Out: whole, Progress: &quiet{}}); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{2, 4} {
		dir := t.TempDir()
		ctx, cancel := context.WithCancel(context.Background())
		err := train(ctx, Options{Out: dir, Progress: &quiet{after: func(step int) {
			if step == at {
				cancel()
			}
		}}})
		if !errors.Is(err, ErrInterrupted) {
			t.Fatal(err)
		}
		if _, st, err := readCheckpoint(filepath.Join(dir, CheckpointFile), Reading{}); err != nil || st.Step != at || st.Seen != 16 || st.BestEpoch != at/2-1 {
			t.Errorf("the checkpoint is at %+v, %v", st, err)
		}
		if err := train(context.Background(), Options{Out: dir, Resume: true, Progress: &quiet{}}); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(tensors(t, dir), tensors(t, whole)) {
			t.Error("the checkpoint differs from that of an uninterrupted run")
		}
		if got, want := losses(t, dir), losses(t, whole); got != want {
			t.Errorf("metrics:\n%s\nwant:\n%s", got, want)
		}
	}
}
