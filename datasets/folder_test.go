package datasets

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/internal/imagefile/imagefiletest"
)

// drawn is a PNG file of so many pixels, all of one color.
func drawn(t testing.TB, w, h int, c color.Color) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, c)
		}
	}
	return imagefiletest.Encoded(t, m, false)
}

func put(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

// zoo writes n images of each class below dir/split, of other sizes each; the red of an image is 10 times its class and its
// number.
func zoo(t testing.TB, dir, split string, classes []string, n int) {
	for c, class := range classes {
		for i := range n {
			put(t, filepath.Join(dir, split, class, fmt.Sprintf("%03d.JPEG", i)), drawn(t, 20+3*i, 16+c, color.RGBA{uint8(10*c + i), 100, 200, 255}))
		}
	}
}

var animals = []string{"cat", "dog", "emu"}

func small() Options { return Options{Folder: Folder{Size: 8, TestShare: 0.25}} }

// reds are the values of the red channel in a split's images, without transformations.
func reds(t testing.TB, s Split) (r []int) {
	t.Helper()
	for i := range s.Len() {
		im, err := s.Images.Image(i)
		if err != nil {
			t.Fatal(err)
		}
		r = append(r, int(im.Pixels[0]))
	}
	return r
}

func open(t testing.TB, o Options) *Dataset {
	t.Helper()
	d, err := Open("folder", o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestFolder(t *testing.T) {
	o := small()
	o.Dir = t.TempDir()
	zoo(t, o.Dir, "train", animals, 4)
	zoo(t, o.Dir, "val", animals[1:], 2)
	put(t, filepath.Join(o.Dir, "train", "cat", "deeper", "z.png"), drawn(t, 9, 9, color.RGBA{77, 0, 0, 255}))
	put(t, filepath.Join(o.Dir, "train", "cat", "notes.txt"), []byte("no image"))
	put(t, filepath.Join(o.Dir, "train", "cat", ".hidden.png"), []byte("no image"))
	d := open(t, o)
	if !slices.Equal(d.Classes, animals) || d.Height != 8 || d.Width != 8 || d.Channels != 3 {
		t.Errorf("classes %v, %dx%dx%d", d.Classes, d.Height, d.Width, d.Channels)
	}
	if got, want := reds(t, d.Train), []int{0, 1, 2, 3, 77, 10, 11, 12, 13, 20, 21, 22, 23}; !slices.Equal(got, want) {
		t.Errorf("training images %v, want %v", got, want)
	}
	if got, want := d.Test.Labels, []int32{1, 1, 2, 2}; !slices.Equal(got, want) {
		t.Errorf("test labels %v, want %v", got, want)
	}
	if n, err := TrainLen("folder", o); n != 0 || err != nil { // which listing would tell
		t.Errorf("%d training images, %v", n, err)
	}
	if d, err := Describe("folder", o); err != nil || !slices.Equal(d.Classes, animals) {
		t.Errorf("described with classes %v, %v", d.Classes, err)
	}
	o.Folder.Classes = []string{"emu", "cat", "dog"}
	if got := open(t, o).Test.Labels; !slices.Equal(got, []int32{2, 2, 0, 0}) {
		t.Errorf("test labels %v by another order", got)
	}
	o.Folder.Classes = nil
	o.Validation = 3
	v := open(t, o)
	if v.Train.Len() != 10 || v.Validation.Len() != 3 || !slices.Equal(v.Validation.Labels, []int32{0, 1, 2}) {
		t.Errorf("%d images and %v held out", v.Train.Len(), v.Validation.Labels)
	}
}

func TestFolderShare(t *testing.T) {
	o := small()
	o.Dir = t.TempDir()
	zoo(t, o.Dir, "", animals, 8)
	a, b := open(t, o), open(t, o)
	o.Folder.SplitSeed = 1
	c := open(t, o)
	all := append(reds(t, a.Train), reds(t, a.Test)...)
	slices.Sort(all)
	if len(slices.Compact(all)) != 24 || a.Test.Len() != 6 || !slices.Equal(a.Test.Labels, []int32{0, 0, 1, 1, 2, 2}) {
		t.Errorf("train %v, test %v", reds(t, a.Train), reds(t, a.Test))
	}
	if !slices.Equal(reds(t, a.Test), reds(t, b.Test)) || slices.Equal(reds(t, a.Test), reds(t, c.Test)) {
		t.Error("the seed does not choose the test images")
	}
	if a.Test.Checksum() != b.Test.Checksum() || a.Test.Checksum() == c.Test.Checksum() || a.Test.Checksum() == a.Train.Checksum() {
		t.Error("checksums do not tell splits apart")
	}
	// A file of another size or name is another data set.
	before := open(t, o).Train.Checksum()
	put(t, filepath.Join(o.Dir, "cat", "000.JPEG"), drawn(t, 300, 20, color.Black))
	put(t, filepath.Join(o.Dir, "cat", "001.JPEG"), drawn(t, 310, 20, color.Black))
	put(t, filepath.Join(o.Dir, "cat", "002.JPEG"), drawn(t, 320, 20, color.Black))
	put(t, filepath.Join(o.Dir, "cat", "003.JPEG"), drawn(t, 330, 20, color.Black))
	if open(t, o).Train.Checksum() == before {
		t.Error("other files have the same checksum")
	}
}

// The lists that flat folders of test images come with.
func TestFlat(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"names":    {"val.txt": "b.png dog\na.png cat\n\nc.png 2\n"},
		"inside":   {"val/val.txt": "val/b.png dog\na cat\nc emu\n"},
		"kaggle":   {"LOC_val_solution.csv": "ImageId,PredictionString\nc,emu 1 2 3 4\nb,dog 1 2 3 4 dog 5 6 7 8\na,cat 1 2 3 4 \n"},
		"official": {"ILSVRC2012_validation_ground_truth.txt": "3\n1\n2\n", "synsets.txt": "dog a dog\nemu\ncat\n"},
		"in order": {"imagenet_2012_validation_synset_labels.txt": "cat\ndog\nemu\n"},
	} {
		o := small()
		o.Dir = t.TempDir()
		zoo(t, o.Dir, "train", animals, 1)
		for _, f := range []string{"a.png", "b.png", "c.png"} {
			put(t, filepath.Join(o.Dir, "val", f), drawn(t, 8, 8, color.Black))
		}
		_, err := Open("folder", o)
		wantError(t, err, "images without folders of classes, and no list of them; wanted val.txt")
		for f, text := range files {
			put(t, filepath.Join(o.Dir, f), []byte(text))
		}
		d, err := Open("folder", o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !slices.Equal(d.Test.Labels, []int32{0, 1, 2}) {
			t.Errorf("%s: labels %v", name, d.Test.Labels)
		}
	}
	for text, want := range map[string]string{
		"a.png cat\nb.png dog\n":                "has labels of 2 images; ",
		"a.png cat\nb.png dog\nx.png emu\n":     "val.txt:3: there is no image x.png",
		"a.png cat\nb.png dog\nc.png emm\n":     `val.txt:3: class "emm" is not among the training images`,
		"a.png cat\nb.png dog\nc.png 3\n":       `class "3" is not`,
		"a.png cat\nb.png dog\nb.png 2\n":       "val.txt:3: a second label of b.png",
		"a.png cat\nb.png a dog\nc.png 2\n":     `val.txt:2: wanted a file and its class, found "b.png a dog"`,
		"a.png cat\nb.png dog\nc.png -1\n":      `class "-1" is not`,
		strings.Repeat("a.png cat ", 7000*1000): "token too long",
	} {
		o := small()
		o.Dir = t.TempDir()
		zoo(t, o.Dir, "train", animals, 1)
		for _, f := range []string{"a.png", "b.png", "c.png"} {
			put(t, filepath.Join(o.Dir, "val", f), drawn(t, 8, 8, color.Black))
		}
		put(t, filepath.Join(o.Dir, "val.txt"), []byte(text))
		_, err := Open("folder", o)
		wantError(t, err, want)
	}
}

func TestFolderRejects(t *testing.T) {
	reject := func(want string, change func(dir string, o *Options)) {
		t.Helper()
		o := small()
		o.Dir = filepath.Join(t.TempDir(), "d")
		zoo(t, o.Dir, "train", animals, 2)
		zoo(t, o.Dir, "val", animals, 1)
		change(o.Dir, &o)
		_, err := Open("folder", o)
		wantError(t, err, want)
	}
	reject(`has class "emu", which data.classes lacks`, func(_ string, o *Options) { o.Folder.Classes = animals[:2] })
	reject(`has no class "gnu", which data.classes names`, func(_ string, o *Options) { o.Folder.Classes = append([]string{"gnu"}, animals...) })
	reject("no test images; wanted val/CLASS/*.jpg beside train", func(dir string, _ *Options) { os.RemoveAll(filepath.Join(dir, "val")) })
	reject(`class "gnu" is not in`, func(dir string, _ *Options) { zoo(t, dir, "val", []string{"gnu"}, 1) })
	reject("no folders of classes", func(dir string, _ *Options) {
		os.RemoveAll(filepath.Join(dir, "train"))
		put(t, filepath.Join(dir, "train", "a.png"), nil)
	})
	reject(`no image of class "gnu"`, func(dir string, _ *Options) { put(t, filepath.Join(dir, "train", "gnu", "readme"), nil) })
	reject("holds val but no train", func(dir string, _ *Options) { os.RemoveAll(filepath.Join(dir, "train")) })
	reject("more than 16 folders in each other", func(dir string, _ *Options) {
		if err := os.Symlink(filepath.Join(dir, "train", "cat"), filepath.Join(dir, "train", "cat", "again")); err != nil {
			t.Skip(err)
		}
	})
	reject("does not exist; name one that holds train/CLASS", func(dir string, o *Options) { o.Dir = filepath.Join(dir, "none") })
	reject("too few to take a share of 0.9", func(dir string, o *Options) { o.Dir, o.Folder.TestShare = filepath.Join(dir, "train"), 0.9 })
	reject("a validation split of 6 takes 2 images", func(dir string, o *Options) { o.Validation = 6 })
	if _, err := Open("imagenet", Options{Dir: t.TempDir()}); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "imagenet is not downloaded") {
		t.Error(err)
	}
}

// Broken images are counted once each. Training takes the next of the split in their place, evaluation leaves them out.
func TestBroken(t *testing.T) {
	o := small()
	o.Dir = t.TempDir()
	zoo(t, o.Dir, "train", animals, 3)
	zoo(t, o.Dir, "val", animals, 2)
	put(t, filepath.Join(o.Dir, "train", "cat", "002.JPEG"), []byte("not an image"))
	put(t, filepath.Join(o.Dir, "val", "emu", "001.JPEG"), drawn(t, 99, 99, color.White)[:60])
	labels := func(o Options, s func(*Dataset) Split, shuffle bool, workers int) (y []int32, x []float32, d *Dataset, err error) {
		d = open(t, o)
		l, err := NewLoader(d, s(d), LoaderOptions{Batch: 2, Shuffle: shuffle, Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		it := l.Epoch(0, 0)
		defer it.Close()
		for b, ok := it.Next(); ok; b, ok = it.Next() {
			y, x = append(y, b.Y[:b.N]...), append(x, b.X...)
			it.Release(b)
		}
		if _, ok := it.Next(); ok {
			t.Error("another batch after the last")
		}
		return y, x, d, it.Err()
	}
	train, test := func(d *Dataset) Split { return d.Train }, func(d *Dataset) Split { return d.Test }
	_, _, _, err := labels(o, train, true, 1)
	wantError(t, err, filepath.Join("cat", "002.JPEG")+": not a JPEG, PNG, GIF, BMP or WebP image")
	wantError(t, err, "1 images cannot be read, and data.max_broken is 0")
	o.MaxBroken = 1
	y, x, d, err := labels(o, train, true, 1)
	counts := [3]int{}
	for _, l := range y {
		counts[l]++
	}
	if err != nil || counts != [3]int{2, 4, 3} || len(d.Broken.List()) != 1 {
		t.Errorf("labels %v, broken %v, %v", y, d.Broken.List(), err)
	}
	if _, again, _, err := labels(o, train, true, 3); err != nil || !slices.Equal(x, again) {
		t.Errorf("more workers make another epoch; %v", err)
	}
	put(t, filepath.Join(o.Dir, "train", "cat", "002.JPEG"), drawn(t, 9, 9, color.White))
	put(t, filepath.Join(o.Dir, "train", "cat", "001.JPEG"), nil) // the next is a cat
	y, _, _, err = labels(o, train, true, 1)
	counts = [3]int{}
	for _, l := range y {
		counts[l]++
	}
	if err != nil || counts != [3]int{3, 3, 3} {
		t.Errorf("labels %v, %v", y, err)
	}
	if y, _, _, err = labels(o, test, false, 2); err != nil || !slices.Equal(y, []int32{0, 0, 1, 1, 2, -1}) {
		t.Errorf("labels %v, %v", y, err)
	}
	o.MaxBroken = 0
	_, _, _, err = labels(o, test, false, 2)
	wantError(t, err, filepath.Join("emu", "001.JPEG")+": damaged png image")
}
