package datasets

import (
	"bytes"
	"context"
	"errors"
	"image/color"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/internal/mutation"
)

// epoch is what a loader makes of a split.
func epoch(t testing.TB, d *Dataset, s Split, o LoaderOptions) (x []float32, y []int32) {
	t.Helper()
	l, err := NewLoader(d, s, o)
	if err != nil {
		t.Fatal(err)
	}
	it := l.Epoch(1, 0)
	defer it.Close()
	for b, ok := it.Next(); ok; b, ok = it.Next() {
		x, y = append(x, b.X...), append(y, b.Y...)
		it.Release(b)
	}
	if err := it.Err(); err != nil {
		t.Fatal(err)
	}
	return x, y
}

var augmented = LoaderOptions{Batch: 2, Shuffle: true, Workers: 2, Augment: Augment{
	Flip: true, ResizedCrop: ResizedCrop{[2]float64{0.08, 1}, [2]float64{0.75, 4. / 3}}, Jitter: Jitter{0.4, 0.4, 0.4, 0.1},
}}

// A packed data set trains as what it is made of, whatever the size of its shards and after any interruption.
func TestPack(t *testing.T) {
	o := small()
	o.Dir = t.TempDir()
	zoo(t, o.Dir, "train", animals, 4)
	zoo(t, o.Dir, "val", animals, 2)
	whole := open(t, o)
	wantX, wantY := epoch(t, whole, whole.Train, augmented)
	wantTest, _ := epoch(t, whole, whole.Test, LoaderOptions{Batch: 4})
	for _, shard := range []int{1, 5, 100} {
		out := filepath.Join(t.TempDir(), "packed")
		for stop := 1; ; stop += 3 {
			ctx, cancel := context.WithCancel(t.Context())
			err := Pack(ctx, "folder", o, out, PackOptions{Shard: shard, Workers: 2, Progress: func(done, total int) {
				if total != 18 {
					t.Errorf("%d images in all", total)
				}
				if done >= stop {
					cancel()
				}
			}})
			cancel()
			if err == nil {
				break
			}
			if !errors.Is(err, context.Canceled) || stop > 30 {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(out, PackedFile)); err == nil {
				t.Fatal("half of a data set looks whole")
			}
		}
		p := o
		p.Dir = out
		d := open(t, p)
		if !slices.Equal(d.Classes, animals) {
			t.Errorf("classes %v", d.Classes)
		}
		x, y := epoch(t, d, d.Train, augmented)
		if !slices.Equal(x, wantX) || !slices.Equal(y, wantY) {
			t.Errorf("shards of %d images train another way", shard)
		}
		if x, _ := epoch(t, d, d.Test, LoaderOptions{Batch: 4}); !slices.Equal(x, wantTest) {
			t.Errorf("shards of %d images test another way", shard)
		}
		files, err := filepath.Glob(filepath.Join(out, "*"))
		if n := 2 * ((12+shard-1)/shard + (6+shard-1)/shard); err != nil || len(files) != n+2 {
			t.Errorf("%d files, want %d: %v", len(files), n+2, files)
		}
		if err := Pack(t.Context(), "folder", o, out, PackOptions{Shard: shard, Progress: func(int, int) { t.Error("what is packed is packed again") }}); err != nil {
			t.Errorf("packed once more: %v", err)
		}
	}
}

func TestPackShorter(t *testing.T) {
	o := small()
	o.Dir = t.TempDir()
	put(t, filepath.Join(o.Dir, "train", "a", "x.png"), drawn(t, 40, 20, color.White))
	put(t, filepath.Join(o.Dir, "train", "a", "y.png"), drawn(t, 5, 6, color.White))
	put(t, filepath.Join(o.Dir, "train", "a", "z.png"), []byte("broken"))
	put(t, filepath.Join(o.Dir, "val", "a", "x.png"), drawn(t, 9, 18, color.White))
	out := filepath.Join(t.TempDir(), "p")
	wantError(t, Pack(t.Context(), "folder", o, out, PackOptions{ShorterSide: 10}), "z.png: not a JPEG")
	o.MaxBroken = 1
	if err := Pack(t.Context(), "folder", o, out, PackOptions{ShorterSide: 10}); err != nil {
		t.Fatal(err)
	}
	p := o
	p.Dir = out
	d := open(t, p)
	var shapes [][2]int
	for _, s := range []Split{d.Train, d.Test} {
		for i := range s.Len() {
			im, err := s.Images.Image(i)
			if err != nil {
				t.Fatal(err)
			}
			shapes = append(shapes, [2]int{im.Height, im.Width})
		}
	}
	if want := [][2]int{{10, 20}, {6, 5}, {18, 9}}; !slices.Equal(shapes, want) {
		t.Errorf("shapes %v, want %v", shapes, want)
	}
	packing, err := readPacking(out)
	if err != nil || len(packing.Skipped) != 1 || !strings.Contains(packing.Skipped[0], "z.png") {
		t.Errorf("skipped %v, %v", packing.Skipped, err)
	}
	wantError(t, Pack(t.Context(), "folder", o, out, PackOptions{ShorterSide: 11}), "was packed from other images, or with other options")
	wantError(t, Pack(t.Context(), "folder", p, filepath.Join(out, "again"), PackOptions{}), "is packed already")
	wantError(t, Pack(t.Context(), "folder", o, o.Dir, PackOptions{}), "is not empty (train)")
	wantError(t, Pack(t.Context(), "cifar10-mini", o, out, PackOptions{}), "only folders of images")
	p.Folder.Fit.Turn = true
	_, err = Open("folder", p)
	wantError(t, err, "was packed with data.exif: ignore")
}

// Every byte of a packed data set but the pixels is looked at when it is opened; Verify looks at these, too.
func TestPackedDamage(t *testing.T) {
	o := small()
	o.Dir = t.TempDir()
	zoo(t, o.Dir, "train", animals, 1)
	zoo(t, o.Dir, "val", animals, 1)
	out := filepath.Join(t.TempDir(), "p")
	if err := Pack(t.Context(), "folder", o, out, PackOptions{Shard: 2}); err != nil {
		t.Fatal(err)
	}
	from := o
	o.Dir = out
	damage := func(file, want string, change func([]byte) []byte) {
		t.Helper()
		path := filepath.Join(out, file)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		put(t, path, change(slices.Clone(data)))
		defer put(t, path, data)
		if _, err = Open("folder", o); err == nil {
			err = Verify(t.Context(), "folder", o, nil)
		}
		wantError(t, err, want)
	}
	flip := func(at int) func([]byte) []byte { return func(b []byte) []byte { b[at] ^= 1; return b } }
	cut := func(b []byte) []byte { return b[:len(b)-1] }
	damage("train-00000.index", "train-00000.index is damaged", flip(0))
	damage("train-00001.index", "train-00001.index is damaged", cut)
	damage("train-00001.images", "train-00001.images is damaged: 1079 bytes, wanted 1080", cut)
	damage("test-00000.images", "test-00000.images is damaged: its SHA-256 is", flip(17))
	damage(PackedFile, "packed.json is damaged: unexpected end of JSON input; remove the folder and pack again", func([]byte) []byte { return []byte("{") })
	damage(PackedFile, `the class "cat" is listed twice`, func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(`"dog"`), []byte(`"cat"`)) })
	damage(PackedFile, "packed.json is damaged: format 0", func([]byte) []byte { return []byte("{}") })
	damage(PackedFile, `is damaged: "../train-00000" is not the name of a shard`, func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(`"train-00000"`), []byte(`"../train-00000"`)) })
	damage(PackedFile, `packed.json: "c\nt" cannot name a class`, func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(`"cat"`), []byte(`"c\nt"`)) })
	damage(PackedFile, "this version reads up to 1", func([]byte) []byte { return []byte(`{"format": 2}`) })
	if err := Verify(t.Context(), "folder", o, nil); err != nil {
		t.Error(err)
	}
	// Packing again where all ended mends nothing, and does not say that it did.
	for _, file := range []string{"train-00001.images", "test-00000.index"} {
		path := filepath.Join(out, file)
		data, err := os.ReadFile(path)
		must(t, err)
		must(t, Pack(t.Context(), "folder", from, out, PackOptions{Shard: 2}))
		must(t, os.Remove(path))
		for _, err := range []error{Pack(t.Context(), "folder", from, out, PackOptions{Shard: 2}), Verify(t.Context(), "folder", o, nil)} {
			wantError(t, err, "the packed data set is damaged", file, "remove the folder and pack again")
		}
		put(t, path, data)
	}
	must(t, os.Remove(filepath.Join(out, PackedFile)))
	_, err := Open("folder", o)
	wantError(t, err, "the packing of", "has not ended", "qat data pack")
}

// A storm of damaged files of a packed data set: it is refused, and the folder named, or all of it can be read.
func TestPackedStorm(t *testing.T) {
	o := small()
	o.Dir = t.TempDir()
	zoo(t, o.Dir, "train", animals, 2)
	zoo(t, o.Dir, "val", animals, 1)
	out := filepath.Join(t.TempDir(), "p")
	must(t, Pack(t.Context(), "folder", o, out, PackOptions{Shard: 4}))
	o.Dir = out
	for _, file := range []string{PackedFile, "train-00000.index", "train-00001.images"} {
		path := filepath.Join(out, file)
		whole, err := os.ReadFile(path)
		must(t, err)
		mutation.Storm(t, whole, func(damaged []byte) {
			must(t, os.WriteFile(path, damaged, 0o666))
			d, err := Open("folder", o)
			if err == nil {
				err = Verify(t.Context(), "folder", o, nil)
			}
			if err == nil {
				reds(t, d.Train)
				reds(t, d.Test)
			} else if !strings.Contains(err.Error(), out) {
				t.Errorf("%s: %v", file, err)
			}
		})
		must(t, os.WriteFile(path, whole, 0o666))
	}
}
