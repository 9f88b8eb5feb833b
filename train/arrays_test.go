package train

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/npy/npytest"
)

// What does not go with arrays, whose number and size only they tell, is an error at its key before a step is taken.
func TestArraysThatDoNotGo(t *testing.T) {
	x := make([]float32, 24*6)
	y := make([]int64, 24)
	for i := range x {
		x[i] = float32(i%7) - 3
	}
	for i := range y {
		y[i] = int64(i % 3)
	}
	data := npytest.Save(t, "a.npz", map[string][]byte{
		"x_train": npytest.Array(x, 24, 2, 3), "y_train": npytest.Array(y, 24), "x_test": npytest.Array(x[:18], 3, 2, 3), "y_test": npytest.Array(y[:3], 3)})
	file := filepath.Join(t.TempDir(), "arrays.yaml")
	if err := os.WriteFile(file, []byte(`data: {dataset: arrays}
model: {network: {nodes: [relu, global_average_pool, {linear: {out: classes}}]}}
train: {epochs: 1}
quant: {weights: {bits: 4}, activations: {bits: 4}}
`), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ keys, want string }{
		{"train.batch=25", "train.batch: wanted at most the 24 training images of arrays, found 25"},
		{"train.batch=13 train.accumulate=2", "train.accumulate: a step takes 2 batches of 13 images"},
		{"train.batch=8 train.schedule.kind=step train.schedule.milestones=[9it]", "train.schedule.milestones: 9it, step 9, lies beyond the run of 3 steps"},
		{"train.batch=8 data.augment.crop=2", "data.augment.crop: wanted at most 1 for 2x3 (height, width), found 2; set it to 0"},
		{"train.batch=8 data.augment.resized_crop=true", "data.augment.resized_crop: arrays are numbers"},
		{"train.batch=8 data.augment.color_jitter.hue=0.1", "data.augment.color_jitter.hue: arrays have no colors"},
		{"train.batch=8 data.std=1e-40", "data.std: normalized by it and data.mean, the images of arrays reach from -Inf to +Inf"},
	} {
		cfg, err := configs.Load(file, strings.Fields(tt.keys))
		if err != nil {
			t.Fatal(err)
		}
		_, err = Run(t.Context(), cfg, Options{Data: data, Out: t.TempDir(), Threads: 1})
		if _, placed := err.(configs.ErrorList); !placed || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", tt.keys, err, tt.want)
		}
	}
}
