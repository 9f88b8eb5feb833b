package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
)

// extendingConfig is that of testdata/extend.yaml, with arguments.
func extendingConfig(t *testing.T, overrides ...string) *configs.Config {
	t.Helper()
	cfg, err := configs.Load("testdata/extend.yaml", overrides)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// goOn trains, or goes on, to the end or until it is interrupted after a step.
func goOn(t *testing.T, dir string, threads, until int, overrides ...string) (*quiet, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p := &quiet{after: func(step int) {
		if step == until {
			cancel()
		}
	}}
	return p, trainOnly(ctx, extendingConfig(t, overrides...), Options{Out: dir, Resume: true, Extend: true, Threads: threads, Progress: p})
}

// partOf is a run up to a step, or all of it.
func partOf(t *testing.T, until int, overrides ...string) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := goOn(t, dir, 1, until, overrides...); until == 0 && err != nil || until > 0 && !errors.Is(err, ErrInterrupted) {
		t.Fatal(err)
	}
	return dir
}

// An extension ends with the same bits however often it is interrupted, on any number of threads, and goes on by --resume
// alone.
func TestExtensionsGiveTheSameBits(t *testing.T) {
	more := []string{"train.epochs=4", "train.lr=0.001", "train.log_every=2"}
	const inq = "quant.weights={estimator: inq, bits: 5, options: {share: {kind: linear, from: 0, to: 1}}}"
	for name, over := range map[string][]string{"lsq": nil, "adam, averages, a schedule": {"train.optimizer.kind=adam", "train.weight_ema=0.5", "quant.batch_norm_reestimation=1", inq}} {
		for _, from := range []int{4, 6} { // of 6
			t.Run(fmt.Sprint(name, " from ", from), func(t *testing.T) {
				base := partOf(t, from%6, over...)
				whole := copyRun(t, base)
				p, err := goOn(t, whole, 2, 0, append(over, more...)...)
				if err != nil {
					t.Fatal(err)
				}
				want := []string{
					fmt.Sprintf("extending %s after step %d: train.epochs 4, before 2; train.lr 0.001, before 0.01; train.log_every 2, before 1", whole, from),
					fmt.Sprintf("learning rate: 0.001 in step %d, ", from+1),
				}
				for _, line := range want {
					if !strings.Contains(strings.Join(p.lines, "\n"), line) {
						t.Errorf("messages %q, want %q", p.lines, line)
					}
				}
				if strings.Contains(strings.Join(p.lines, "\n"), "damaged") {
					t.Errorf("messages %q", p.lines)
				}
				if n := 12 - from; len(p.steps) != n || p.steps[0].LR != 0.001 || p.steps[n-1].LR > 0.0005 {
					t.Errorf("steps %+v", p.steps)
				}
				for _, at := range []int{from, 7, 10} { // at from, before its first step
					dir := copyRun(t, base)
					if at == from {
						recorded(t, dir, append(over, more...)...)
					} else if _, err := goOn(t, dir, 1, at, append(over, more...)...); !errors.Is(err, ErrInterrupted) {
						t.Fatal(err)
					}
					p, err := goOn(t, dir, 3, 0, over...)
					if err != nil {
						t.Fatal(err)
					}
					if strings.Contains(strings.Join(p.lines, "\n"), "damaged") || strings.Contains(strings.Join(p.lines, "\n"), "extending") {
						t.Errorf("messages %q", p.lines)
					}
					if !bytes.Equal(tensors(t, dir), tensors(t, whole)) {
						t.Errorf("interrupted after step %d, the checkpoint is another", at)
					}
					if got, want := losses(t, dir), losses(t, whole); got != want {
						t.Errorf("interrupted after step %d: metrics:\n%s\nwant:\n%s", at, got, want)
					}
				}
			})
		}
	}
}

// recorded is a process that is killed when the checkpoint has the extension, and config.yaml does not.
func recorded(t *testing.T, dir string, overrides ...string) {
	t.Helper()
	r := &run{opt: Options{Out: dir, Resume: true, Extend: true, Progress: &quiet{}}, dir: dir}
	cfg, err := r.claim(context.Background(), extendingConfig(t, overrides...))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Model, err = Open(cfg, "", 1); err != nil {
		t.Fatal(err)
	}
	r.Data.Test = r.Data.Test.Head(20)
	if _, err = r.begin(); err == nil {
		err = r.save(r.path(CheckpointFile), true, r.st, r.origin)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What changed, and when, stands in the manifest; what is there is no change; a second extension goes on from the first.
func TestExtendingTwice(t *testing.T) {
	dir := t.TempDir()
	if _, err := goOn(t, dir, 1, 0); err != nil {
		t.Fatal(err)
	}
	for _, more := range [][]string{{"train.epochs=3"}, {"train.epochs=3"}, {"train.steps=11", "train.lr=0.1", "train.schedule={kind: step, milestones: [1it]}"}, nil} {
		if _, err := goOn(t, dir, 1, 0, more...); err != nil {
			t.Fatal(more, err)
		}
	}
	m, err := ReadManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	js, err := json.Marshal(m.History)
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"step":6,"total":6,"settings":[{"key":"train.epochs","then":"2","now":"3"}]},` +
		`{"step":9,"total":9,"settings":[{"key":"train.steps","then":"","now":"11"},{"key":"train.lr","then":"0.01","now":"0.1"},` +
		`{"key":"train.schedule.kind","then":"cosine","now":"step"},{"key":"train.schedule.milestones","then":"[]","now":"[1it]"},{"key":"train.epochs","then":"3","now":""}]}]`
	if string(js) != want {
		t.Errorf("history\n%s, want\n%s", js, want)
	}
	cfg, err := configs.Load(filepath.Join(dir, ConfigFile), nil)
	if err != nil || cfg.Train.Steps != 11 || cfg.Train.LR != 0.1 {
		t.Errorf("%s has %+v (%v)", ConfigFile, cfg.Train, err)
	}
	var rates []string
	text, err := os.ReadFile(filepath.Join(dir, MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var s struct {
			Kind string
			Step int
			LR   float64
		}
		if err := json.Unmarshal(line, &s); err != nil {
			t.Fatal(err)
		}
		if s.Kind == "step" && s.Step > 6 {
			rates = append(rates, fmt.Sprintf("%d %.4f", s.Step, s.LR))
		}
	}
	if got := strings.Join(rates, ", "); got != "7 0.0100, 8 0.0075, 9 0.0025, 10 0.1000, 11 0.0100" {
		t.Errorf("learning rates %s", got)
	}
	for _, file := range []string{CheckpointFile, BestFile} {
		c, err := OpenCheckpoint(filepath.Join(dir, file), Reading{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.LoadNetwork(); err != nil {
			t.Error(err)
		}
	}
}

// What counts from the start of the run is over, and held-out images are no fewer.
func TestExtensionsOfLaterSteps(t *testing.T) {
	for _, over := range []string{"train.batch_norm_freeze=5it", "data.validation=12"} {
		dir := partOf(t, 0, over)
		if _, err := goOn(t, dir, 1, 0, over, "train.epochs=3"); err != nil {
			t.Errorf("%s: %v", over, err)
		}
	}
}

// What cannot change, or adds nothing, is refused in a line, and leaves the run as it is.
func TestExtensionsThatAreRefused(t *testing.T) {
	base, calibrated, begun := partOf(t, 0), partOf(t, 0, "train.epochs=0"), t.TempDir()
	if err := os.WriteFile(filepath.Join(begun, ConfigFile), extendingConfig(t).YAML(), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		dir  string
		args []string
		want string
	}{
		{base, []string{"train.lr=0.5"}, "is at step 6 of 6, and with train.lr=0.5 it has 6; give more steps to go on, such as train.epochs=3"},
		{base, []string{"train.epochs=1"}, "with train.epochs=1 it has 3"},
		{partOf(t, 5), []string{"train.epochs=1"}, "is at step 5 of 6, and with train.epochs=1 it has 3; to go on as it is: --resume train.epochs=2"},
		{base, []string{"train.epochs=0"}, "with train.epochs=0 it has 0"},
		{base, []string{"train.epochs=3", "train.batch=4"}, `("batch: 8" then, "batch: 4" now); use that one, or choose another folder with --out; --resume KEY=VALUE extends a run, and can change train.epochs, `},
		{base, []string{"quant.weights.bits=3", "train.epochs=3"}, `("bits: 4" then, "bits: 3" now)`},
		{base, []string{"train.epochs=3", "train.schedule.warmup=2ep"}, "train.schedule.warmup: 2ep, step 6, lies beyond the run of 3 steps"},
		{calibrated, []string{"train.epochs=3"}, "trains nothing, so that train.epochs=3 cannot extend it; begin a run from it: model.init="},
		{begun, []string{"train.epochs=3"}, "has no checkpoint yet that could be extended"},
	} {
		before := filesOf(t, c.dir)
		_, err := goOn(t, c.dir, 1, 0, c.args...)
		var list configs.ErrorList
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || !errors.Is(err, ErrExists) && !errors.As(err, &list) {
			t.Errorf("%v: error %v, want %q", c.args, err, c.want)
		}
		after := filesOf(t, c.dir)
		if c.dir == begun {
			after = after[:1] // and the lock
		}
		if strings.Join(after, "\n") != strings.Join(before, "\n") {
			t.Errorf("%v: files\n%q, were\n%q", c.args, after, before)
		}
	}
	// An edited config is no extension, and hears of it; nor is anything without Extend.
	edited := filepath.Join(t.TempDir(), "edited.yaml")
	text := bytes.Replace(extendingConfig(t).YAML(), []byte("epochs: 2"), []byte("epochs: 3"), 1)
	if err := os.WriteFile(edited, text, 0o666); err != nil {
		t.Fatal(err)
	}
	cfg, err := configs.Load(edited, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = trainOnly(context.Background(), cfg, Options{Out: base, Resume: true, Extend: true, Progress: &quiet{}})
	if want := `("epochs: 2" then, "epochs: 3" now); use that one, or choose another folder with --out; to change it from here on, extend the run: --resume train.epochs=3`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
	err = trainOnly(context.Background(), extendingConfig(t, "train.epochs=3"), Options{Out: base, Resume: true, Progress: &quiet{}})
	if err == nil || !strings.HasSuffix(err.Error(), "choose another folder with --out") {
		t.Errorf("error %v", err)
	}
	// What a run was extended from is no edit; what it never was is, and without Extend it is what it became.
	if _, err := goOn(t, base, 1, 0, "train.epochs=4"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cfg    *configs.Config
		extend bool
		want   string
	}{{extendingConfig(t), true, ""}, {cfg, true, `("epochs: 4" then, "epochs: 3" now)`}, {extendingConfig(t), false, `("epochs: 4" then, "epochs: 2" now)`}} {
		err := trainOnly(context.Background(), c.cfg, Options{Out: base, Resume: true, Extend: c.extend, Progress: &quiet{}})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}
