package train

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
)

// What a run would not do, or fail at, is told with its place before it starts; all of it at once.
func TestCheck(t *testing.T) {
	huge := filepath.Join(t.TempDir(), "huge.pth") // 300 GB of nothing
	if err := os.WriteFile(huge, []byte("PK\x03\x04"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(huge, 300e9); err != nil {
		t.Logf("no sparse files here: %v", err)
		if err := os.Truncate(huge, 1<<32+1); err != nil {
			t.Fatal(err)
		}
	}
	nothing := filepath.Join(t.TempDir(), "nothing.pth")
	if err := os.WriteFile(nothing, make([]byte, 100), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ overrides, want string }{
		{"train.batch=5001", "train.batch: wanted at most the 5000 training images of cifar10-mini, found 5001"},
		{"data.validation=4900 train.batch=128", "train.batch: wanted at most the 100 training images"},
		{"data.validation=5000", "data.validation: 5000 of the 5000 training images of cifar10-mini are held out; wanted fewer"},
		{"train.epochs=2 train.schedule.warmup=3ep", "train.schedule.warmup: 3ep, step 117, lies beyond the run of 78 steps, 39 in an epoch"},
		{"train.epochs=2 train.schedule.warmup=79it", "train.schedule.warmup: 79it, step 79, lies beyond"},
		{"train.epochs=2 train.schedule={kind: step, milestones: [1ep, 2ep]}", "train.schedule.milestones: 2ep, step 78, lies beyond"},
		{"train.epochs=2 train.batch_norm_freeze=2ep", "train.batch_norm_freeze: 2ep, step 78, lies beyond"},
		{"model.init=nowhere.pth", `model.init: no file "nowhere.pth"`},
		{"quant.distillation.teacher=nowhere.pth", `quant.distillation.teacher: no file "nowhere.pth"`},
		{"model.init=" + huge, "bytes; want at most 4294967296"},
		{"quant.distillation.teacher=" + huge, "bytes; want at most 4294967296"},
		{"model.init=" + nothing, "the header does not begin with"},
		{"train.epochs=2 train.schedule.warmup=2ep", ""},
		{"train.epochs=2 train.schedule.warmup=78it", ""},
		{"train.epochs=2 train.schedule.warmup=100%", ""},
		{"train.epochs=0 train.schedule.warmup=5ep", ""},
		{"train.batch=5000", ""},
		{"data.dataset=cifar10 train.batch=8192", ""},
	} {
		overrides := append(strings.Split(strings.ReplaceAll(tt.overrides, " train.", "\ntrain."), "\n"), "train.log_every=1")
		cfg, err := configs.Load("quickstart", append([]string{"train.batch=128"}, overrides...))
		if err != nil {
			t.Fatal(err)
		}
		err = Check(cfg, "")
		var list configs.ErrorList
		if tt.want == "" && err == nil {
			continue
		}
		if !errors.As(err, &list) || tt.want == "" || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "argument ") {
			t.Errorf("%s: %v, want %q", tt.overrides, err, tt.want)
		}
	}
	cfg, err := configs.Load("quickstart", []string{"train.epochs=1", "train.schedule.warmup=2ep", "model.init=x.qat", "train.batch_norm_freeze=1ep"})
	if err != nil {
		t.Fatal(err)
	}
	if list, ok := Check(cfg, "").(configs.ErrorList); !ok || len(list) != 3 {
		t.Errorf("%v, want three mistakes", list)
	}
	for _, e := range configs.Names() {
		if cfg, err := configs.Load(e.Name, nil); err != nil || Check(cfg, "") != nil {
			t.Errorf("%s: %v, %v", e.Name, fmt.Sprint(err), Check(cfg, ""))
		}
	}
}

// What only the images' folder tells becomes part of the config.
func TestResolve(t *testing.T) {
	if _, err := Resolve(nil, ""); err == nil {
		t.Error("no config is resolved")
	}
	cfg, err := configs.Load("folder_quickstart", nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := Resolve(cfg, filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without the folder: %v", err)
	}
	for _, c := range []string{"b", "a"} {
		if err := os.MkdirAll(filepath.Join(dir, "train", c), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Resolve(cfg, dir)
	if err != nil || !slices.Equal(got.Data.Folder.Classes, []string{"a", "b"}) || len(cfg.Data.Folder.Classes) != 0 {
		t.Errorf("classes %v, %v; the config that was given has %v", got.Data.Folder.Classes, err, cfg.Data.Folder.Classes)
	}
	mini := loadConfig(t)
	if same, err := Resolve(mini, "nowhere"); err != nil || same != mini {
		t.Errorf("a config of another data set is changed, or %v", err)
	}
}
