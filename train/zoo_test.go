package train

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/layers"
)

// A network takes images of any size and number of channels, and any number of classes, from the data set random: it trains
// on them to the same bits again, and its integer network is evaluated.
func TestRandomData(t *testing.T) {
	for _, overrides := range []string{
		"data.random={height: 11, width: 17, channels: 1, classes: 300, images: 24, test_images: 8}",
		"model.shortcut=B data.random={images: 24, test_images: 8}",
	} {
		var first *Result
		for range 2 {
			cfg, err := configs.Load("resnet20_w4a4", append(strings.Split(strings.Replace(overrides, "B data", "B\ndata", 1), "\n"),
				"model.init=random", "data.dataset=random", "train.epochs=1", "train.batch=8", "train.max_steps=2", "train.schedule.warmup=0ep", "export.formats=[]"))
			if err != nil {
				t.Fatal(err)
			}
			r, err := Run(t.Context(), cfg, Options{Out: filepath.Join(t.TempDir(), "run"), Threads: 1, Progress: &quiet{}})
			if err != nil {
				t.Fatalf("%s: %v", overrides, err)
			}
			if r.Images != 8 || r.NotInteger != "" {
				t.Errorf("%s: %d test images; integer network: %s", overrides, r.Images, r.NotInteger)
			}
			if first == nil {
				first = r
			} else if r.TrainLoss != first.TrainLoss {
				t.Errorf("%s: loss %v, the second time %v", overrides, first.TrainLoss, r.TrainLoss)
			}
		}
	}
}

// What cannot be trained yet is told at the key that asks for it, before anything is read.
func TestUntrainable(t *testing.T) {
	cfg, err := configs.Load("resnet20_w4a4", []string{"model.init=random", "model.arch=squeezenet1_1"})
	if err != nil {
		t.Fatal(err)
	}
	net, trainable, err := Outline(cfg)
	if err != nil || trainable != nil || net.ParamCount() != 1_235_496-1000*513+10*513 {
		t.Fatalf("%v, errors %v, %v", net, trainable, err)
	}
	lacks := &layers.UntrainableError{Causes: []layers.Cause{{Reason: "relu9", Layers: []string{"act"}}}}
	var list configs.ErrorList
	const want = `argument "model.arch=squeezenet1_1": model.arch: squeezenet1_1 cannot be trained yet: relu9 (act)`
	if err := untrainable(cfg, lacks); !errors.As(err, &list) || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
