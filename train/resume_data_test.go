package train

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/internal/imagefile/imagefiletest"
)

// drawFolder writes n images of each class, of different sizes in bytes, below dir/split.
func drawFolder(t *testing.T, dir, split string, n int, classes ...string) {
	t.Helper()
	for c, class := range classes {
		for i := range n {
			drawImage(t, filepath.Join(dir, split, class, fmt.Sprintf("%d.png", i)), c, i)
		}
	}
}

func drawImage(t *testing.T, path string, class, i int) {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, 9+i, 9))
	rng := rand.New(rand.NewPCG(uint64(class), uint64(i)))
	for k := range m.Pix {
		m.Pix[k] = uint8(rng.UintN(200)+50) | uint8(k%4/3*255)
	}
	err := os.MkdirAll(filepath.Dir(path), 0o777)
	if err == nil {
		err = os.WriteFile(path, imagefiletest.Encoded(t, m, false), 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// folderConfig trains a small network for four steps on images in a folder.
func folderConfig(t *testing.T, dir string, more string) *configs.Config {
	t.Helper()
	cfg, err := configs.Parse("own.yaml", fmt.Appendf(nil, `data: {dataset: folder, root: %q, size: 8, augment: {crop: 0, resized_crop: true}%s}
model: {network: {nodes: [{conv: {out: 4, kernel: 3}}, batch_norm, relu, global_average_pool, {linear: {out: classes}}]}}
train: {epochs: 2, batch: 2, max_steps: 4}
quant: {weights: {bits: 4}, activations: {bits: 4}}
export: {formats: []}
`, dir, more))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// A resumed run says which files, shards or labels are not those that it was made from, and goes on if none is.
func TestResumeTellsWhatChanged(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	top := t.TempDir()
	files, packed, shared := filepath.Join(top, "files"), filepath.Join(top, "packed"), filepath.Join(top, "shared")
	drawFolder(t, files, "train", 5, "ant", "bee")
	drawFolder(t, files, "val", 2, "ant", "bee")
	drawFolder(t, shared, "", 5, "ant", "bee")
	list := func(dir, lines string) { must(os.WriteFile(filepath.Join(dir, "val.txt"), []byte(lines), 0o666)) }
	flat := filepath.Join(top, "flat")
	drawFolder(t, flat, "train", 2, "ant", "bee")
	drawFolder(t, flat, "", 3, "val")
	list(flat, "0.png ant\n1.png bee\n2.png bee\n")
	pack := func() {
		must(datasets.Pack(t.Context(), "folder", datasets.Options{Dir: files}, packed, datasets.PackOptions{Shard: 4}))
	}
	pack()
	start := func(data, more, out string, resume bool, stop int) error {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		_, err := Run(ctx, folderConfig(t, data, more), Options{Out: out, Resume: resume, Threads: 1, Progress: &quiet{after: func(step int) {
			if step == stop {
				cancel()
			}
		}}})
		return err
	}
	for name, tt := range map[string]struct {
		data, more string
		change     func(dir string)
		want       []string
	}{
		"nothing":           {data: files, change: func(string) {}},
		"nothing but where": {data: files, change: func(dir string) { must(os.Rename(dir, dir+"2")); must(os.Symlink(dir+"2", dir)) }},
		"added":             {data: files, change: func(dir string) { drawImage(t, filepath.Join(dir, "train/bee/x.png"), 0, 0) }, want: []string{`the train images (SHA-256 `, `: "train/bee/x.png" is new; go on`}},
		"removed":           {data: files, change: func(dir string) { must(os.Remove(filepath.Join(dir, "val/ant/1.png"))) }, want: []string{`the test images (SHA-256 `, `: "val/ant/1.png" is gone; go on`}},
		"renamed": {data: files, change: func(dir string) {
			must(os.Rename(filepath.Join(dir, "val/ant/1.png"), filepath.Join(dir, "val/ant/3.png")))
		}, want: []string{`: "val/ant/1.png" is gone, "val/ant/3.png" is new; go on`}},
		"of another size": {data: files, more: ", validation: 2", change: func(dir string) {
			must(os.Truncate(filepath.Join(dir, "train/ant/0.png"), 77))
		}, want: []string{`: "train/ant/0.png" is 77 bytes, was `}},
		"of another class": {data: files, change: func(dir string) {
			must(os.Rename(filepath.Join(dir, "train/ant/4.png"), filepath.Join(dir, "train/bee/9.png")))
		}, want: []string{`: "train/ant/4.png" is gone, "train/bee/9.png" is new; go on`}},
		"listed otherwise": {data: flat, change: func(dir string) { list(dir, "0.png ant\n1.png ant\n2.png bee\n") },
			want: []string{`the test images (SHA-256 `, `: "val/1.png" is of class "ant", was of "bee"; go on`}},
		"of another split": {data: shared, change: func(dir string) { drawFolder(t, dir, "", 7, "ant") },
			want: []string{`the test images (SHA-256 `, `the train images (SHA-256 `, `: "ant/5.png" is new, "ant/6.png" is new, "ant/`, ` split, was in `}},
		"many": {data: files, change: func(dir string) { drawFolder(t, dir, "train", 9, "bee") },
			want: []string{`: "train/bee/5.png" is new, "train/bee/6.png" is new, "train/bee/7.png" is new, and 1 more; go on`}},
		"packed otherwise": {data: packed, change: func(dir string) {
			must(os.RemoveAll(dir))
			drawImage(t, filepath.Join(files, "train/bee/4.png"), 7, 4)
			pack()
		}, want: []string{`the train images (SHA-256 `, `: "train-00002" is 2 images of SHA-256 `}},
	} {
		t.Run(name, func(t *testing.T) {
			data, out := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "run")
			must(os.CopyFS(data, os.DirFS(tt.data)))
			if tt.data == packed { // which is packed anew
				data = packed
			}
			if err := start(data, tt.more, out, false, 2); !errors.Is(err, ErrInterrupted) {
				t.Fatal(err)
			}
			tt.change(data)
			err := start(data, tt.more, out, true, 0)
			if tt.want == nil && err != nil || tt.want != nil && !errors.Is(err, ErrExists) {
				t.Fatal(err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want one with %q", err, want)
				}
			}
		})
	}
}
