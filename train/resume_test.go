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
	"testing"

	"github.com/qat-go/qat/internal/digest"
	"github.com/qat-go/qat/internal/safetensors"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/layers/pretrained"
)

// plain are the files of a stopped run without overrides, once one was made.
var plain map[string][]byte

// stopped is a run that was interrupted after its third step of six.
func stopped(t *testing.T, dir string, overrides ...string) {
	t.Helper()
	if len(overrides) == 0 && plain == nil {
		plain = map[string][]byte{}
		made := t.TempDir()
		stopped(t, made, "train.seed=0")
		for _, name := range []string{ConfigFile, ManifestFile, MetricsFile, CheckpointFile} {
			data, err := os.ReadFile(filepath.Join(made, name))
			if err != nil {
				t.Fatal(err)
			}
			plain[name] = data
		}
	}
	if len(overrides) == 0 {
		for name, data := range plain {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	err := trainOnly(ctx, loadConfig(t, overrides...), Options{Out: dir, Progress: &quiet{after: func(step int) {
		if step == 3 {
			cancel()
		}
	}}})
	if !errors.Is(err, ErrInterrupted) {
		t.Fatalf("error %v, want ErrInterrupted", err)
	}
}

// copyRun copies a run's files.
func copyRun(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// prepare resumes a run for one step.
func prepare(t *testing.T, dir string, force bool, change func(r *run), overrides ...string) (*quiet, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p := &quiet{after: func(int) { cancel() }}
	r := &run{opt: Options{Out: dir, Resume: true, Force: force, Progress: p}, dir: dir}
	cfg, err := r.claim(context.Background(), loadConfig(t, overrides...))
	if err != nil {
		return p, err
	}
	defer r.Close()
	if r.Model, err = Open(cfg, "", 1); err != nil {
		t.Fatal(err)
	}
	r.Model.reading = r.reading()
	r.Data.Test = r.Data.Test.Head(20)
	if change != nil {
		change(r)
	}
	err = r.train(ctx)
	return p, err
}

func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(data), 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// rewrite changes a checkpoint and gives it its digest.
func rewrite(t *testing.T, path string, change func(f *safetensors.File)) {
	t.Helper()
	f, err := safetensors.ReadFile(path)
	if err == nil {
		change(f)
		err = safetensors.WriteFile(path, f)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What a run was made from is what it goes on from.
func TestResumeComparesOrigins(t *testing.T) {
	weights := filepath.Join(t.TempDir(), "float.safetensors")
	data, err := pretrained.Read("resnet20_cifar10")
	if err == nil {
		err = os.WriteFile(weights, data, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	overrides := []string{"model.init=" + weights, "quant.distillation.teacher=" + weights}
	base := t.TempDir()
	stopped(t, base, overrides...)
	other := t.TempDir()
	stopped(t, other, append(overrides, "train.seed=7")...)

	another := func(t *testing.T) { // weights
		f, err := safetensors.Read(data)
		if err != nil {
			t.Fatal(err)
		}
		f.Tensors[3].Data = bytes.Clone(f.Tensors[3].Data)
		f.Tensors[3].Data[0] ^= 1
		if err := safetensors.WriteFile(weights, f); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]struct {
		change func(t *testing.T, dir string)
		data   func(r *run)
		want   []string
	}{
		"unchanged":  {},
		"train data": {data: func(r *run) { r.Data.Train.Pixels[77] ^= 1 }, want: []string{"the train images (SHA-256 "}},
		"less data":  {data: func(r *run) { r.Data.Train = r.Data.Train.Head(4000) }, want: []string{"the train images (SHA-256 "}},
		"test data":  {data: func(r *run) { r.Data.Test.Labels[0] ^= 1 }, want: []string{"the test images (SHA-256 "}},
		"other weights": {change: func(t *testing.T, _ string) { another(t) },
			want: []string{"the weights of model.init (SHA-256 ", "the weights of quant.distillation.teacher (SHA-256 "}},
		"of another run": {change: func(t *testing.T, dir string) {
			edit(t, filepath.Join(dir, CheckpointFile), func([]byte) []byte {
				data, err := os.ReadFile(filepath.Join(other, CheckpointFile))
				if err != nil {
					t.Fatal(err)
				}
				return data
			})
		}, want: []string{CheckpointFile + " is of a run with another config", `"seed: 7" then, "seed: 0" now`}},
		"config edited": {change: func(t *testing.T, dir string) {
			edit(t, filepath.Join(dir, ConfigFile), func(b []byte) []byte { return bytes.Replace(b, []byte("seed: 0"), []byte("seed: 7"), 1) })
		}, want: []string{`another config ("seed: 7" then, "seed: 0" now)`}},
		"checkpoint gone": {change: func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, CheckpointFile)); err != nil {
				t.Fatal(err)
			}
		}, want: []string{"is missing, though metrics.jsonl goes on to step 3"}},
		"another number of steps": {change: func(t *testing.T, dir string) {
			rewrite(t, filepath.Join(dir, CheckpointFile), func(f *safetensors.File) {
				f.Metadata["state"] = strings.Replace(f.Metadata["state"], `"total":6`, `"total":5`, 1)
			})
		}, want: []string{"step 3 of 5, the run has 6 steps"}},
		"config gone": {change: func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, ConfigFile)); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := copyRun(t, base)
			defer func() {
				if err := os.WriteFile(weights, data, 0o666); err != nil {
					t.Fatal(err)
				}
			}()
			if tt.change != nil {
				tt.change(t, dir)
			}
			before := filesOf(t, dir)
			p, err := prepare(t, dir, false, tt.data, overrides...)
			if tt.want == nil {
				if !errors.Is(err, ErrInterrupted) || !strings.Contains(strings.Join(p.lines, "\n"), "after step 3") {
					t.Errorf("error %v, messages %q", err, p.lines)
				}
				return
			}
			if err == nil {
				t.Fatal("it goes on")
			}
			for _, want := range append(tt.want, "") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want one with %q", err, want)
				}
			}
			if name != "another number of steps" && !errors.Is(err, ErrExists) {
				t.Errorf("error %v is not ErrExists", err)
			}
			if after := filesOf(t, dir); !slices.Equal(after, before) {
				t.Errorf("the folder's files were %q, are %q", before, after)
			}
		})
	}
}

// filesOf lists the files of a folder with their content's length and digest.
func filesOf(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s %d %x", e.Name(), len(data), digestOf(data)))
	}
	return all
}

// A checkpoint of before there were digests goes on, with the data that its manifest names.
func TestResumeVersion1(t *testing.T) {
	base := t.TempDir()
	stopped(t, base)
	rewrite(t, filepath.Join(base, CheckpointFile), func(f *safetensors.File) {
		delete(f.Metadata, digest.Key)
		delete(f.Metadata, originKey)
		f.Metadata["version"] = "1"
	})
	dir := copyRun(t, base)
	if _, err := prepare(t, dir, false, func(r *run) { r.Data.Test.Labels[0] ^= 1 }); !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), "the test images") {
		t.Errorf("other data: error %v", err)
	}
	p, err := prepare(t, dir, false, nil)
	if !errors.Is(err, ErrInterrupted) {
		t.Errorf("error %v", err)
	}
	if text := strings.Join(p.lines, "\n"); !strings.Contains(text, "has no digest") {
		t.Errorf("it is not said that the checkpoint has no digest:\n%s", text)
	}
	dir = copyRun(t, base)
	if err := os.Remove(filepath.Join(dir, ManifestFile)); err != nil {
		t.Fatal(err)
	}
	if p, err = prepare(t, dir, false, nil); !errors.Is(err, ErrInterrupted) || !strings.Contains(strings.Join(p.lines, "\n"), "not known which data") {
		t.Errorf("error %v, messages %q", err, p.lines)
	}
}

// Updates that a floor stopped before an interruption count with those after it.
func TestFloorHitsSurvive(t *testing.T) {
	const name = "layer1.0.conv1.weight_quantizer.scale"
	dir := t.TempDir()
	stopped(t, dir)
	for hits := 1; hits <= 2; hits++ {
		_, err := prepare(t, dir, false, func(r *run) {
			for _, p := range r.Net.Store.Of(layers.Learned) {
				if p.Name == name {
					p.Floor = 1e9 * float32(hits) // above the scale
				}
			}
		})
		if !errors.Is(err, ErrInterrupted) {
			t.Fatal(err)
		}
		if _, st, err := readCheckpoint(filepath.Join(dir, CheckpointFile), Reading{}); err != nil || st.FloorHits[name] != hits {
			t.Errorf("step %d: hits %v (%v), want %d of %s", st.Step, st.FloorHits, err, hits, name)
		}
	}
}

// States that cannot be are refused, whatever the digest says.
func TestStateBounds(t *testing.T) {
	dir := t.TempDir()
	stopped(t, dir)
	path := filepath.Join(dir, CheckpointFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for key, values := range map[string][]any{
		"step": {-1, 7, 1e18}, "total": {2, 1e18, -1}, "seen": {-1, 1e18}, "correct": {-1, 1000}, "best_epoch": {-1, 5, 1e18},
		"best_top1": {-0.1, 1.1, 1e300}, "seconds": {-1}, "floor_hits": {map[string]int{"a": -1}}, "loss_sum": {"NaN", 1e308},
		"penalty_sum": {-1e308}, "train_loss": {1e300},
	} {
		for _, v := range values {
			rewrite(t, path, func(f *safetensors.File) {
				var st map[string]any
				if err := json.Unmarshal([]byte(f.Metadata["state"]), &st); err != nil {
					t.Fatal(err)
				}
				if f, ok := v.(float64); ok && f == 1e18 {
					v = int64(1e18)
				}
				st[key] = v
				js, err := json.Marshal(st)
				if err != nil {
					t.Fatal(err)
				}
				f.Metadata["state"] = string(js)
			})
			if _, err := OpenCheckpoint(path, Reading{Force: true}); err == nil || !strings.Contains(err.Error(), `metadata "state"`) {
				t.Errorf("%s %v: error %v", key, v, err)
			}
			if err := os.WriteFile(path, whole, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
}
