package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/safetensors"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/networks"
)

// Weights after each of eight updates, and the moments at the end, are those of torch.optim.Adam and AdamW
// (testdata/adam.py): with and without weight decay, with a group's own learning rate, and with gradients of 0.
func TestAdamAgreesWithPyTorch(t *testing.T) {
	data, err := os.ReadFile("testdata/adam.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []struct {
			Kind                         configs.OptimizerKind
			LR, Beta1, Beta2, Eps, Decay float64
			Updates                      []struct{ A, B []float64 }
			ExpAvg                       []float64 `json:"exp_avg"`
			ExpAvgSq                     []float64 `json:"exp_avg_sq"`
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	for _, c := range golden.Cases {
		what := fmt.Sprintf("%s with decay %v", c.Kind, c.Decay)
		near := func(name string, got []float32, want []float64) {
			t.Helper()
			for i := range want {
				if math.Abs(float64(got[i])-want[i]) > 2e-6*max(math.Abs(want[i]), 0.1) {
					t.Errorf("%s: %s[%d] is %v, want %v", what, name, i, got[i], want[i])
				}
			}
		}
		cfg := configs.Train{LR: c.LR, Optimizer: configs.Optimizer{Kind: c.Kind, Beta1: c.Beta1, Beta2: c.Beta2, Eps: c.Eps, WeightDecay: c.Decay},
			Groups: configs.Groups{Weights: configs.Group{LRMultiplier: 1, WeightDecay: configs.Decay{Inherit: true}}, Bias: configs.Group{LRMultiplier: 0.5}}}
		start := func(n, factor, of, less int) []float32 {
			v := make([]float32, n)
			for i := range v {
				v[i] = float32(factor*i%of-less) / 4
			}
			return v
		}
		a := &layers.Array{Name: "a", Group: networks.WeightsGroup, Value: tensor.New(tensor.WithShape(20), tensor.WithBacking(start(20, 7, 11, 5)))}
		b := &layers.Array{Name: "b", Group: networks.BiasGroup, Value: tensor.New(tensor.WithShape(6), tensor.WithBacking(start(6, 5, 7, 3)))}
		o := NewOptimizer(&cfg, []*layers.Array{a, b})
		for k, want := range c.Updates {
			for _, p := range []*layers.Array{a, b} {
				g := make([]float32, len(p.Data()))
				for i := range g {
					if k != 4 {
						g[i] = float32((13*i+5*k)%17-8) / 2 // twice PyTorch's, which clipping halves
					}
				}
				if bad := o.update(o.slots[p.Name], p.Data(), g, 0.5); bad >= 0 {
					t.Fatalf("%s: element %d", what, bad)
				}
			}
			o.Updates++
			near(fmt.Sprintf("update %d: a", k+1), a.Data(), want.A)
			near(fmt.Sprintf("update %d: b", k+1), b.Data(), want.B)
		}
		near("exp_avg", a.Kept[0].Data, c.ExpAvg)
		near("exp_avg_sq", a.Kept[1].Data, c.ExpAvgSq)
	}
	if len(golden.Cases) != 4 {
		t.Errorf("%d cases", len(golden.Cases))
	}
}

// A gradient whose square is no float32, or is NaN, ends the step, and nothing of its element has moved.
func TestAdamNotFinite(t *testing.T) {
	for _, bad := range []float32{1e21, infinity, float32(math.NaN())} {
		a := &layers.Array{Name: "a", Value: tensor.New(tensor.WithShape(3), tensor.WithBacking([]float32{1, 2, 3}))}
		cfg := configs.Train{LR: 1, Optimizer: configs.Optimizer{Kind: configs.Adam, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8}}
		o := NewOptimizer(&cfg, []*layers.Array{a})
		if i := o.update(o.slots["a"], a.Data(), []float32{1, bad, 1}, 1); i != 1 || a.Data()[1] != 2 || a.Kept[0].Data[1] != 0 || a.Kept[1].Data[1] != 0 {
			t.Errorf("gradient %v: element %d; weights %v, moments %v", bad, i, a.Data(), a.Kept)
		}
	}
}

// Adam's moments and the number of its updates are part of a run: interrupted, it ends with the same bits.
func TestAdamResumes(t *testing.T) {
	for _, kind := range []string{"adam", "adamw"} {
		overrides := append(slices.Clone(shortEpochs), "train.steps=12", "train.lr=0.01", "train.weight_ema=0.9", "train.optimizer={kind: "+kind+", weight_decay: 0.1}")
		whole, dir := t.TempDir(), t.TempDir()
		if err := trainOnly(context.Background(), loadConfig(t, overrides...), Options{Out: whole, Progress: &quiet{}}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		err := trainOnly(ctx, loadConfig(t, overrides...), Options{Out: dir, Progress: &quiet{after: func(step int) {
			if step == 5 {
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
			t.Errorf("%s: the checkpoint differs from that of an uninterrupted run", kind)
		}
	}
}

// Checkpoints have both moments under PyTorch's names, which a network's file has not. A mean of squares below 0 is refused.
func TestAdamCheckpoint(t *testing.T) {
	m, _ := smallModel(t, "train.optimizer.kind=adam")
	path := filepath.Join(t.TempDir(), CheckpointFile)
	for _, training := range []bool{false, true} {
		if err := m.save(path, training, state{Total: 6}, origin{}); err != nil {
			t.Fatal(err)
		}
		f, err := safetensors.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		size := int64(0)
		for _, x := range f.Tensors {
			size += int64(len(x.Data))
		}
		if training && size != m.stateBytes() {
			t.Errorf("a checkpoint has %d bytes of tensors, foreseen are %d", size, m.stateBytes())
		}
		for _, prefix := range []string{"exp_avg.", "exp_avg_sq."} {
			if got := slices.ContainsFunc(f.Tensors, func(x safetensors.Tensor) bool { return x.Name == prefix+"conv.weight" }); got != training {
				t.Errorf("training %v: there is %sconv.weight: %v", training, prefix, got)
			}
		}
	}
	rewrite(t, path, func(f *safetensors.File) {
		for i, x := range f.Tensors {
			if x.Name == "exp_avg_sq.bn.weight" {
				f.Tensors[i] = safetensors.NewTensor(x.Name, x.Shape, []float32{1, -1, 1, 1})
			}
		}
	})
	f, st, err := readCheckpoint(path, Reading{})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.restore(path, f, st, true); err == nil || !strings.Contains(err.Error(), "exp_avg_sq.bn.weight[1] is -1, want no mean of squares below 0") {
		t.Errorf("error %v", err)
	}
}

// Both moments are foreseen.
func TestAdamMemory(t *testing.T) {
	fixed := func(kind string) int {
		m, err := Describe(loadConfig(t, "train.optimizer.kind="+kind))
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		return m.fixedBytes()
	}
	if more := fixed("adam") - fixed("sgd"); more < 4*269_000 || more > 4*280_000 || fixed("adamw") != fixed("adam") {
		t.Errorf("Adam takes %d bytes more than SGD, want those of nearly 270,000 parameters", more)
	}
}
