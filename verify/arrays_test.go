package verify

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/internal/npy/npytest"
	"github.com/qat-go/qat/internal/onnxruntime"
	"github.com/qat-go/qat/train"
)

// stopping ends a run after a step.
type stopping struct {
	step int
	stop context.CancelFunc
}

func (stopping) Message(string, ...any) {}
func (stopping) Start(int, int, int)    {}
func (stopping) Epoch(train.EpochInfo)  {}
func (s stopping) Step(i train.StepInfo) {
	if i.Step == s.step {
		s.stop()
	}
}

// spectrograms draws arrays for DS-CNN whose classes differ; not all channels of features have mean 0.
func spectrograms(t *testing.T, archive string) string {
	rng := rand.New(rand.NewPCG(1, 2))
	centers := make([]float32, 3*490)
	for i := range centers {
		centers[i] = float32(7 + 3*rng.NormFloat64())
	}
	draw := func(n int) (x []float32, y []int64) {
		for i := range n {
			y = append(y, int64(i%3))
			for _, c := range centers[i%3*490:][:490] {
				x = append(x, c+float32(rng.NormFloat64()))
			}
		}
		return x, y
	}
	x, y := draw(48)
	xt, yt := draw(24)
	return npytest.Save(t, archive, map[string][]byte{
		"x_train": npytest.Array(x, 48, 49, 10, 1), "y_train": npytest.Array(y, 48), "x_test": npytest.Array(xt, 24, 49, 10, 1), "y_test": npytest.Array(yt, 24, 1)})
}

// DS-CNN on arrays of numbers: a run that was stopped ends as one that was not; its integer network is its simulation; and every
// form of it takes the same numbers.
func TestArrays(t *testing.T) {
	data := spectrograms(t, "deflated.npz")
	cfg, err := configs.Parse("keywords.yaml", []byte(strings.NewReplacer("D", filepath.ToSlash(data)).Replace(`
model: {arch: ds_cnn}
data: {dataset: arrays, root: 'D', classes: ["yes", "no", up]}
train: {epochs: 2, batch: 12, lr: 0.05, max_steps: 6, checkpoint_every: 2it}
quant: {weights: {bits: 8}, activations: {bits: 8}}
export: {formats: [safetensors, onnx, qonnx, c, npz]}
`)))
	if err != nil {
		t.Fatal(err)
	}
	whole, broken := t.TempDir(), t.TempDir()
	result, err := train.Run(t.Context(), cfg, train.Options{Out: whole, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	if result.Disagreements == nil || *result.Disagreements != 0 || result.Images != 24 {
		t.Errorf("%+v", result)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := train.Run(ctx, cfg, train.Options{Out: broken, Threads: 2, Progress: stopping{3, cancel}}); !errors.Is(err, train.ErrInterrupted) {
		t.Fatalf("error %v, want ErrInterrupted", err)
	}
	resumed, err := train.Run(t.Context(), cfg, train.Options{Out: broken, Threads: 1, Resume: true})
	if err != nil {
		t.Fatal(err)
	}
	for i, file := range result.Exports {
		a, err1 := os.ReadFile(file)
		b, err2 := os.ReadFile(resumed.Exports[i])
		if err := errors.Join(err1, err2); err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s and %s differ, %v", file, resumed.Exports[i], err)
		}
	}
	c, err := train.OpenCheckpoint(whole, train.Reading{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(data, data+".away"); err != nil { // the run knows all that its network is
		t.Fatal(err)
	}
	alone, err := c.LoadNetwork()
	if err != nil {
		t.Fatal(err)
	}
	defer alone.Close()
	if err := os.Rename(data+".away", data); err != nil {
		t.Fatal(err)
	}
	m, err := c.Load("", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	net, err := m.Lower()
	if err != nil {
		t.Fatal(err)
	}
	again, err := alone.Lower()
	if err != nil || net.Tensors[0] != again.Tensors[0] || !slices.Equal(net.Mean, again.Mean) || !slices.Equal(net.Std, again.Std) {
		t.Errorf("without data %+v, with it %+v; %v", again, net, err)
	}
	d := c.Config.Data
	if !net.Real || len(d.Mean.Values) != 1 || !(d.Mean.Values[0] > 6 && d.Mean.Values[0] < 8) || !(d.Std.Values[0] > 2 && d.Std.Values[0] < 4) || d.Range.Values[0] >= 0 || d.Range.Values[1] <= 0 {
		t.Errorf("real %v, mean %v, std %v, range %v", net.Real, d.Mean, d.Std, d.Range)
	}
	if lo, hi := net.Tensors[0].Range(); float32(int(hi)-int(net.Tensors[0].ZeroPoint))*net.Tensors[0].Scale < d.Range.Values[1]*0.99 || lo != 0 {
		t.Errorf("codes %d to %d of %+v do not cover %v", lo, hi, net.Tensors[0], d.Range)
	}
	read, err := export.Read(result.Exports[0])
	if err != nil || !read.Real || !slices.Equal(read.Classes, []string{"yes", "no", "up"}) {
		t.Errorf("the export has %+v, %v", read, err)
	}
	files := map[configs.Format]string{configs.ONNX: result.Exports[1], configs.QONNX: result.Exports[2]}
	certificate, err := Certify(t.Context(), m, net, Options{Split: m.Data.Test, Files: files, Threads: 1, Library: onnxruntime.Library()})
	if err != nil {
		t.Fatal(err)
	}
	if s := certificate.Simulation; s.Logits != 72 || s.DifferentLogits != 0 {
		t.Errorf("the simulation %+v", s)
	}
	for _, r := range certificate.Runs {
		if r.Format == string(configs.ONNX) && r.DifferentLogits != 0 {
			t.Errorf("onnxruntime: %+v", r)
		}
	}
	if onnxruntime.Built && len(certificate.Runs) != 4 {
		t.Errorf("%d runs of onnxruntime", len(certificate.Runs))
	}
}
