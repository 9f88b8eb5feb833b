package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/safetensors"
)

// learning is a config of ten steps, after five of which bit widths stay.
func learning(t *testing.T, overrides ...string) *configs.Config {
	return loadConfig(t, append([]string{
		"model.network=testdata/small.yaml", "model.init=random", "data.dataset=random", "data.random={height: 8, width: 8, classes: 2, images: 32, test_images: 8}",
		"train.epochs=3", "train.max_steps=10", "train.checkpoint_every=1it", "train.weight_ema=0.5", "train.lr=0.05",
		"quant.weights.estimator=fracbits", "quant.activations.estimator=fracbits", "quant.first_last=same", "quant.target={size: 173B, bitops: 25k, lambda: 3, freeze: 50%}",
	}, overrides...)...)
}

// stopAfter trains until a step, which an interrupt ends.
func stopAfter(t *testing.T, cfg *configs.Config, dir string, step int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	err := trainOnly(ctx, cfg, Options{Out: dir, Resume: true, Progress: &quiet{after: func(s int) {
		if s == step {
			cancel()
		}
	}}})
	if !errors.Is(err, ErrInterrupted) {
		t.Fatalf("error %v, want ErrInterrupted", err)
	}
}

// Bit widths are learned, become whole numbers that cost what they may, and stay; a run that is interrupted on either side of
// that, or at it, ends with the same bits.
func TestLearnedBits(t *testing.T) {
	dir, heard := t.TempDir(), &quiet{}
	res, err := Run(context.Background(), learning(t), Options{Out: dir, Threads: 2, Progress: heard})
	if err != nil {
		t.Fatal(err)
	}
	var told string
	for _, l := range heard.lines {
		if strings.HasPrefix(l, "bit widths stay after step 5: first ") {
			told = l
		}
	}
	if told == "" {
		t.Errorf("nobody is told of the bit widths: %q", heard.lines)
	}
	target := learning(t).Quant.Target
	if res.SizeBytes > int64(target.Size) || res.BitOps > int64(target.BitOps) || res.Mode != "integer" || len(res.Exports) == 0 {
		t.Errorf("the network has %d bytes and %d BitOps, %s", res.SizeBytes, res.BitOps, res.Mode)
	}
	checkLearnedMetrics(t, dir, res)
	for _, name := range []string{CheckpointFile, BestFile} {
		c, err := OpenCheckpoint(filepath.Join(dir, name), Reading{})
		if err != nil {
			t.Fatal(err)
		}
		m, err := c.Load("", 1)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if _, err := m.Lower(); err != nil || m.Net.LearnsBits() {
			t.Errorf("%s has no integer form: %v", name, err)
		}
		bits := map[string]int{}
		for _, r := range m.Net.Table() {
			bits[r.Name+" weights"], bits[r.Name+" input"] = r.WeightBits, r.InputBits
		}
		for _, l := range c.state.Bits {
			if bits[l.Layer+" weights"] != l.Weights || l.Layer != "first" && bits[l.Layer+" input"] != l.Activations || l.Layer == "first" && l.Activations != 0 {
				t.Errorf("%s: layers have %v bits, and training learned %+v", name, bits, l)
			}
		}
		if size, bitOps := m.Net.Cost(); size != res.SizeBytes || bitOps != res.BitOps || len(c.state.Bits) != 3 {
			t.Errorf("%s: %d bytes, %d BitOps, of %d layers with learned bits", name, size, bitOps, len(c.state.Bits))
		}
	}
	whole := t.TempDir()
	if err := trainOnly(context.Background(), learning(t), Options{Out: whole, Threads: 1, Progress: &quiet{}}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(tensors(t, whole), tensors(t, dir)) {
		t.Error("another number of threads gives other bits")
	}
	for _, at := range []int{3, 4, 5, 6} {
		cut := t.TempDir()
		stopAfter(t, learning(t), cut, at)
		if best := filepath.Join(cut, BestFile); at <= 5 {
			if _, err := os.Stat(best); err == nil {
				t.Errorf("step %d: there is a best.qat of bit widths that are still learned", at)
			}
		}
		if err := trainOnly(context.Background(), learning(t), Options{Out: cut, Resume: true, Progress: &quiet{}}); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(tensors(t, whole), tensors(t, cut)) || losses(t, whole) != losses(t, cut) {
			t.Errorf("interrupted after step %d, it ends with other bits", at)
		}
	}
	// A run from the checkpoint has what its quantizers have learned.
	next := learning(t, "model.init="+filepath.Join(dir, CheckpointFile))
	m, err := Open(next.WithBits(mustState(t, dir).Bits), "", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if line, err := m.initial(); err != nil || !strings.Contains(line, "quantizers: 6 taken") {
		t.Errorf("%s (%v)", line, err)
	}
}

func mustState(t *testing.T, dir string) state {
	t.Helper()
	_, st, err := readCheckpoint(filepath.Join(dir, CheckpointFile), Reading{})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// checkLearnedMetrics wants costs of each step, which move until bit widths stay, and the penalty until then.
func checkLearnedMetrics(t *testing.T, dir string, res *Result) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	var sizes []float64
	for text := range bytes.Lines(data) {
		var l stepLine
		if err := json.Unmarshal(text, &l); err != nil {
			t.Fatal(err)
		}
		if l.Kind != "step" {
			continue
		}
		if l.SizeBytes == nil || l.BitOps == nil || (l.Penalty != nil) != (l.Step <= 5) {
			t.Fatalf("step %d: %s", l.Step, text)
		}
		sizes = append(sizes, *l.SizeBytes)
		if whole := *l.SizeBytes == float64(res.SizeBytes) && *l.BitOps == float64(res.BitOps); whole != (l.Step > 5) {
			t.Errorf("step %d: %v bytes, %v BitOps; in the end %d and %d", l.Step, *l.SizeBytes, *l.BitOps, res.SizeBytes, res.BitOps)
		}
	}
	if len(sizes) != 10 || len(slices.Compact(slices.Clone(sizes[:5]))) != 5 {
		t.Errorf("sizes by step: %v", sizes)
	}
}

// What a network misses of its target is in its result, when all else is done; a target out of reach is an error of the config.
func TestMissedTarget(t *testing.T) {
	dir := t.TempDir()
	res, err := Run(context.Background(), learning(t, "quant.target={size: 150B, bitops: 40k}", "train.max_steps=2"), Options{Out: dir, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(res.Missed, "quant.target.bitops is 40k, and the network has ") || len(res.Exports) == 0 {
		t.Errorf("missed: %q, exports %v", res.Missed, res.Exports)
	}
	if m, err := ReadManifest(dir); err != nil || m.Result.Missed != res.Missed {
		t.Errorf("the manifest has %+v (%v)", m, err)
	}
	_, err = Describe(learning(t, "quant.target.size=1kB"))
	if placed := configs.ErrorList(nil); !errors.As(err, &placed) || !strings.Contains(err.Error(), `argument "quant.target.size=1kB": quant.target.size: with 2 to 8 bits the network has `) {
		t.Errorf("out of reach: %v", err)
	}
	if err := Check(learning(t, "quant.target.freeze=13it", "train.max_steps=0"), ""); err == nil || !strings.Contains(err.Error(), "quant.target.freeze: 13it, step 13, lies beyond the run of 12 steps") {
		t.Errorf("frozen beyond the end: %v", err)
	}
}

// Bits that no training learns are refused.
func TestLearnedBitsOfDamagedStates(t *testing.T) {
	dir := t.TempDir()
	stopAfter(t, learning(t), dir, 7)
	for _, tt := range []struct{ from, to, want string }{
		{`"weights":`, `"weights":1`, "cannot be learned"},
		{`"layer":"conv"`, `"layer":"cone"`, "\"cone\" matches no layer"},
		{`"bits":[`, `"bats":[`, "quantizer"},
	} {
		copied := filepath.Join(copyRun(t, dir), CheckpointFile)
		rewrite(t, copied, func(f *safetensors.File) {
			f.Metadata["state"] = strings.Replace(f.Metadata["state"], tt.from, tt.to, 1)
		})
		c, err := OpenCheckpoint(copied, Reading{Force: true})
		if err == nil {
			var m *Model
			if m, err = c.LoadNetwork(); err == nil {
				m.Close()
			}
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.to, err, tt.want)
		}
	}
	st := mustState(t, dir)
	if err := st.fits(loadConfig(t, "train.max_steps=10", "train.epochs=3")); err == nil || !strings.Contains(err.Error(), "learned bit widths cannot be without quant.target") {
		t.Errorf("of another config: %v", err)
	}
}
