package datasets

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/internal/mutation"
	"github.com/qat-go/qat/internal/npy"
	. "github.com/qat-go/qat/internal/npy/npytest"
)

// count is n numbers from 0 on.
func count[T Number](n int) []T {
	v := make([]T, n)
	for i := range v {
		v[i] = T(i)
	}
	return v
}

// small are two training examples of 2x3x2 and a test example.
func smallArrays() map[string][]byte {
	return map[string][]byte{
		"x_train": Array(count[float32](24), 2, 2, 3, 2), "y_train": Array([]int64{1, 0}, 2),
		"x_test": Array(count[float32](12), 1, 2, 3, 2), "y_test": Array([]uint8{2}, 1),
	}
}

func openArraysAt(t *testing.T, path string, a Arrays) *Dataset {
	t.Helper()
	d, err := Open("arrays", Options{Dir: path, Arrays: a, Std: []float32{1}, Mean: []float32{0}, Range: []float32{0, 23}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Arrays are read alike from a folder and from archives, by any of their names, from any type of numbers.
func TestArrays(t *testing.T) {
	for _, archive := range []string{"", "a.npz", "deflated.npz"} {
		d := openArraysAt(t, Save(t, archive, smallArrays()), Arrays{Layout: "nhwc"})
		if !d.Real || d.Height != 2 || d.Width != 3 || d.Channels != 2 || !slices.Equal(d.Train.Values, count[float32](24)) ||
			!slices.Equal(d.Train.Labels, []int32{1, 0}) || !slices.Equal(d.Test.Labels, []int32{2}) || len(d.Classes) != 3 || d.Lo != 0 || d.Hi != 23 {
			t.Errorf("%s: %+v", archive, d)
		}
	}
	names := smallArrays()
	other := map[string][]byte{"Train_Images": names["x_train"], "train_labels": names["y_train"], "val_images": names["x_test"], "val_labels": names["y_test"]}
	if d := openArraysAt(t, filepath.Dir(Save(t, "arrays.npz", other)), Arrays{Layout: "nhwc"}); d.Test.Len() != 1 {
		t.Errorf("%+v", d)
	}
	for name, x := range map[string][]byte{"float64": Array(count[float64](24), 2, 2, 3, 2), "int8": Array(count[int8](24), 2, 2, 3, 2), "int16": Array(count[int16](24), 2, 2, 3, 2),
		"uint16": Array(count[uint16](24), 2, 2, 3, 2), "uint32": Array(count[uint32](24), 2, 2, 3, 2), "int64": Array(count[int64](24), 2, 2, 3, 2), "uint64": Array(count[uint64](24), 2, 2, 3, 2)} {
		files := smallArrays()
		files["x_train"] = x
		if d := openArraysAt(t, Save(t, "", files), Arrays{Layout: "nhwc"}); !slices.Equal(d.Train.Values, count[float32](24)) {
			t.Errorf("%s: %v", name, d.Train.Values)
		}
	}
}

// Axes are found out where they can be, and said where not; channels come last in memory.
func TestArraysLayout(t *testing.T) {
	of := func(x []byte, a Arrays) (*Dataset, error) {
		return Open("arrays", Options{Dir: Save(t, "", map[string][]byte{"x": x, "y": Array([]int32{0, 1, 0, 1}, 4)}), Arrays: a, Mean: []float32{0}})
	}
	n := count[uint8](240)
	planes := make([]uint8, 60) // the first image of (4, 3, 4, 5) with channels last
	for i := range planes {
		planes[i] = uint8(i%3*20 + i/3)
	}
	for _, tt := range []struct {
		shape []int
		a     Arrays
		want  [3]int
		first []uint8
	}{
		{[]int{4, 60}, Arrays{}, [3]int{1, 1, 60}, n[:60]},
		{[]int{4, 5, 12}, Arrays{}, [3]int{5, 12, 1}, n[:60]},
		{[]int{4, 5, 4, 3}, Arrays{}, [3]int{5, 4, 3}, n[:60]},
		{[]int{4, 3, 4, 5}, Arrays{}, [3]int{4, 5, 3}, planes},
		{[]int{4, 3, 4, 5}, Arrays{Layout: "nhwc"}, [3]int{3, 4, 5}, n[:60]},
		{[]int{4, 3, 4, 5}, Arrays{Shape: [3]int{3, 4, 5}}, [3]int{3, 4, 5}, n[:60]},
		{[]int{4, 3, 10, 2}, Arrays{Shape: [3]int{10, 2, 3}}, [3]int{10, 2, 3}, nil},
	} {
		d, err := of(Array(n, tt.shape...), tt.a)
		if err != nil {
			t.Errorf("%v: %v", tt.shape, err)
			continue
		}
		if d.Real || [3]int{d.Height, d.Width, d.Channels} != tt.want || d.Train.Len()+d.Test.Len() != 4 || tt.first != nil && !slices.Equal(append(d.Train.Pixels, d.Test.Pixels...)[:60], tt.first) && d.Train.Len() == 4 {
			t.Errorf("%v: %dx%dx%d %v", tt.shape, d.Height, d.Width, d.Channels, d.Train.Pixels)
		}
		if all, err := openArraysDivided(t, Array(n, tt.shape...), tt.a); err != nil || tt.first != nil && !slices.Equal(all.Pixels[:60], tt.first) {
			t.Errorf("%v: %v, %v", tt.shape, all.Pixels, err)
		}
	}
	for _, shape := range [][]int{{4, 3, 10, 2}, {4, 6, 2, 5}} {
		_, err := of(Array(n, shape...), Arrays{})
		wantError(t, err, "x.npy has shape", "write data.arrays.layout: nhwc if they are", "nchw if they are")
	}
}

// openArraysDivided opens arrays of which no share is the test set.
func openArraysDivided(t *testing.T, x []byte, a Arrays) (Split, error) {
	a.Classes = []string{"a", "b"}
	train, _, err := openArrays(Save(t, "", map[string][]byte{"x": x, "y": Array([]int32{0, 1, 0, 1}, 4)}), a, false)
	return train, err
}

// A share of each class is the test set, the same for every type of y; it is counted without reading x.
func TestArraysShare(t *testing.T) {
	y := make([]int16, 50)
	for i := range y {
		y[i] = int16(i % 3)
	}
	dir := Save(t, "a.npz", map[string][]byte{"x": Array(count[float32](100), 50, 2), "y": Array(y, 50, 1)})
	o := Options{Dir: dir, Arrays: Arrays{TestShare: 0.3, SplitSeed: 7}}
	d, err := Open("arrays", o)
	if err != nil {
		t.Fatal(err)
	}
	if d.Test.Len() != 15 || d.Train.Len() != 35 {
		t.Errorf("%d and %d examples", d.Train.Len(), d.Test.Len())
	}
	seen := map[float32]bool{}
	for _, s := range []Split{d.Train, d.Test} {
		last := float32(-1)
		for i, label := range s.Labels {
			v := s.Values[2*i]
			if s.Values[2*i+1] != v+1 || int32(v)/2%3 != label || v < last || seen[v] {
				t.Errorf("%s %d: %v of class %d", s.Name, i, s.Values[2*i:2*i+2], label)
			}
			last, seen[v] = v, true
		}
	}
	if n := Count("arrays", o); n != 50 {
		t.Errorf("%d examples", n)
	}
	if info, err := Info("arrays", o); err != nil || len(info.Files) != 1 || info.Files[0].Images != 50 || info.Channels != 2 || len(info.Files[0].SHA256) != 64 {
		t.Errorf("%+v, %v", info, err)
	}
	again, err := Open("arrays", o)
	if err != nil || again.Train.Checksum() != d.Train.Checksum() {
		t.Errorf("another split the second time, %v", err)
	}
	again.Train.Values[3]++
	if again.Train.Checksum() == d.Train.Checksum() {
		t.Error("the checksum does not see a value")
	}
	o.Arrays.SplitSeed, o.Validation = 8, 3
	other, err := Open("arrays", o)
	if err != nil || other.Train.Checksum() == d.Train.Checksum() || other.Validation.Len() != 3 || len(other.Validation.Values) != 6 || len(other.Train.Values) != 64 || len(other.Train.Head(2).Values) != 4 {
		t.Errorf("%+v, %v", other, err)
	}
}

// Classes go up to the largest label of either split, and as many labels are read as there are. Files say which split is in them.
func TestArraysLabels(t *testing.T) {
	y := make([]int32, 9000)
	for i := range y {
		y[i] = int32(i % 4999)
	}
	files := map[string][]byte{"x_train": Array(make([]uint8, 9000), 9000, 1), "y_train": Array(y, 9000), "x_test": Array([]uint8{7}, 1, 1), "y_test": Array([]uint8{2}, 1)}
	for archive, splits := range map[string][]string{"": {"train", "train", "test", "test"}, "a.npz": {"train, test"}} {
		path := Save(t, archive, files)
		d, err := Open("arrays", Options{Dir: path})
		must(t, err)
		if !slices.Equal(d.Train.Labels, y) || len(d.Classes) != 4999 {
			t.Errorf("%d labels of %d classes", d.Train.Len(), len(d.Classes))
		}
		info, err := Info("arrays", Options{Dir: path})
		must(t, err)
		var got []string
		images := 0
		for _, f := range info.Files {
			got, images = append(got, f.Split), images+f.Images
		}
		if !slices.Equal(got, splits) || images != 9001 {
			t.Errorf("%q: %d images of splits %q", archive, images, got)
		}
	}
}

// What is wrong with arrays is said with the array, the index, and what to do.
func TestArraysErrors(t *testing.T) {
	nan, many := count[float32](24), make([]float64, 24)
	nan[17] = float32(math.NaN())
	many[5] = 0.1
	for want, change := range map[string]func(files map[string][]byte){
		"x_train.npy[1 0 2 1] is NaN; wanted finite":                                     func(f map[string][]byte) { f["x_train"] = Array(nan, 2, 2, 3, 2) },
		"x_train.npy[0 0 2 1] is float64, which float32 does not":                        func(f map[string][]byte) { f["x_train"] = Array(many, 2, 2, 3, 2) },
		"y_train.npy has 3 labels, and x_train.npy 2 examples":                           func(f map[string][]byte) { f["y_train"] = Array([]int64{0, 1, 0}, 3) },
		"y_train.npy[1] is -1; wanted a label of 0 to 65535":                             func(f map[string][]byte) { f["y_train"] = Array([]int64{0, -1}, 2) },
		"y_train.npy[1] is 65536":                                                        func(f map[string][]byte) { f["y_train"] = Array([]int64{0, 65536}, 2) },
		"y_train.npy[1] is 9223372036854775807":                                          func(f map[string][]byte) { f["y_train"] = Array([]uint64{0, math.MaxUint64}, 2) },
		"y_train.npy is float32; wanted integers: save y_train.astype":                   func(f map[string][]byte) { f["y_train"] = Array([]float32{0, 1}, 2) },
		"y_train.npy has shape [2 4]; wanted (N) labels: of rows with":                   func(f map[string][]byte) { f["y_train"] = Array(make([]int64, 8), 2, 4) },
		"y_train.npy has shape [0]":                                                      func(f map[string][]byte) { f["y_train"] = Array([]int64{}, 0) },
		"x_train.npy has shape [24]; wanted (N, height":                                  func(f map[string][]byte) { f["x_train"] = Array(count[float32](24), 24) },
		"x_train.npy has shape [0 2 3 2]; wanted 1 example":                              func(f map[string][]byte) { f["x_train"] = Array([]float32{}, 0, 2, 3, 2) },
		"x_test.npy has examples of 2x2x3 (height, width, channels), and x_train.npy of": func(f map[string][]byte) { f["x_test"] = Array(count[float32](12), 1, 2, 2, 3) },
		"x_test.npy is uint8, and x_train.npy float32; wanted both":                      func(f map[string][]byte) { f["x_test"] = Array(count[uint8](12), 1, 2, 3, 2) },
		"x_test.npy: not a NumPy array":                                                  func(f map[string][]byte) { f["x_test"] = []byte("no array of any kind") },
		"holds x_test.npy, x_train.npy, y_test.npy; wanted x_train, y":                   func(f map[string][]byte) { delete(f, "y_train") },
	} {
		files := smallArrays()
		change(files)
		_, err := Open("arrays", Options{Dir: Save(t, "", files), Arrays: Arrays{Layout: "nhwc"}})
		wantError(t, err, want)
	}
	for _, tt := range []struct {
		want string
		a    Arrays
	}{
		{"y_test.npy[0] is 2; wanted a label of 0 to 1, as there are names of 2 classes (data.classes)", Arrays{Layout: "nhwc", Classes: []string{"a", "b"}}},
		{"x_train.npy is float32; wanted pixels, uint8", Arrays{Layout: "nhwc", Classes: []string{"a", "b", "c"}, Shape: [3]int{2, 3, 2}}},
		{"x_train.npy has examples of 2x3x2 (height, width, channels); wanted 3x3x2", Arrays{Layout: "nhwc", Shape: [3]int{3, 3, 2}}},
	} {
		_, err := Open("arrays", Options{Dir: Save(t, "", smallArrays()), Arrays: tt.a})
		wantError(t, err, tt.want)
	}
	empty := t.TempDir()
	for dir, want := range map[string]string{empty: "holds no arrays of NumPy", filepath.Join(empty, "none"): "none does not exist; name a directory with x_train.npy"} {
		_, err := Open("arrays", Options{Dir: dir})
		if wantError(t, err, want); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v is no missing file", err)
		}
		if n, err := TrainLen("arrays", Options{Dir: dir}); n != 0 || err != nil {
			t.Errorf("%d training examples of none, %v", n, err)
		}
	}
	if d, err := Describe("arrays", Options{Dir: empty, Arrays: Arrays{Shape: [3]int{1, 2, 300}, Real: true, Classes: []string{"a"}}}); err != nil || d.Channels != 300 || len(d.Std) != 300 {
		t.Errorf("%+v, %v", d, err)
	}
	for _, name := range []string{"a.npz", "b.npz"} {
		must(t, os.WriteFile(filepath.Join(empty, name), nil, 0o666))
	}
	_, err := Open("arrays", Options{Dir: empty})
	wantError(t, err, "several archives", "name one")
	_, err = Open("arrays", Options{Dir: filepath.Join(empty, "a.npz")})
	wantError(t, err, "a.npz is no archive of NumPy")
	if err := ContactSheet(t.Context(), io.Discard, "arrays", Options{Dir: Save(t, "", smallArrays()), Arrays: Arrays{Layout: "nhwc"}}); err == nil || !strings.Contains(err.Error(), "numbers") {
		t.Errorf("a sheet of numbers: %v", err)
	}
}

// An archive whose bytes are not those of its checksums is refused, stored or deflated, though all elements are numbers.
func TestArraysChecksum(t *testing.T) {
	for _, name := range []string{"a.npz", "deflated.npz"} {
		path := Save(t, name, smallArrays())
		b, err := os.ReadFile(path)
		must(t, err)
		o := Options{Dir: path, Arrays: Arrays{Layout: "nhwc"}}
		if _, err := Open("arrays", o); err != nil {
			t.Fatal(err)
		}
		z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		must(t, err)
		for _, f := range z.File {
			// The checksum stands in the directory at the end, before the name.
			at := bytes.LastIndex(b, []byte(f.Name)) - 46 + 16
			damaged := slices.Clone(b)
			damaged[at]++
			must(t, os.WriteFile(path, damaged, 0o666))
			_, err := Open("arrays", o)
			wantError(t, err, strings.TrimSuffix(f.Name, ".npy")+": the archive is damaged: zip: checksum error")
			wantError(t, Verify(t.Context(), "arrays", o, nil), "checksum error")
		}
	}
}

// Which of two arrays of one name is meant, or what is tested without labels, is not guessed.
func TestArraysTwice(t *testing.T) {
	files := smallArrays()
	files["X_train"] = files["x_train"]
	for _, name := range []string{"", "a.npz"} {
		_, err := Open("arrays", Options{Dir: Save(t, name, files)})
		wantError(t, err, "holds X_train", "and x_train", "wanted one of them")
	}
	for _, lost := range []string{"x_test", "y_test"} {
		files := smallArrays()
		delete(files, lost)
		_, err := Open("arrays", Options{Dir: Save(t, "a.npz", files)})
		wantError(t, err, "_test without "+lost)
	}
	both := smallArrays()
	both["x_val"] = both["x_test"] // beside a test set that is whole
	openArraysAt(t, Save(t, "a.npz", both), Arrays{Layout: "nhwc"})
	for _, dtype := range []string{">i8", "|O", "<U1"} {
		files := smallArrays()
		files["y_train"] = append(npy.Header(dtype, 2), make([]byte, 16)...)
		_, err := Open("arrays", Options{Dir: Save(t, "", files), Arrays: Arrays{Layout: "nhwc"}})
		wantError(t, err, "y_train.npy: elements are '"+dtype+"'", "save y_train.astype('int64')")
	}
}

// A storm of damaged archives: each is refused or read.
func TestDamagedArrays(t *testing.T) {
	path := Save(t, "deflated.npz", smallArrays())
	whole, err := os.ReadFile(path)
	must(t, err)
	mutation.Storm(t, whole, func(damaged []byte) {
		must(t, os.WriteFile(path, damaged, 0o666))
		if d, err := Open("arrays", Options{Dir: path, Arrays: Arrays{Layout: "nhwc"}}); err == nil && d.Train.Len() == 0 {
			t.Error("no training examples, and no error")
		}
	})
}

// Numbers are normalized, cropped and mirrored as pixels are.
func TestArraysBatches(t *testing.T) {
	d := openArraysAt(t, Save(t, "", smallArrays()), Arrays{Layout: "nhwc"})
	d.Mean, d.Std = []float32{1, 2}, []float32{2, 4}
	pixels := &Dataset{Name: "pixels", Height: 2, Width: 3, Channels: 2, Classes: d.Classes, Mean: []float32{1. / 255, 2. / 255}, Std: []float32{2. / 255, 4. / 255}, Train: Split{Pixels: count[uint8](24), Labels: d.Train.Labels}}
	o := LoaderOptions{Batch: 2, Seed: 3, Shuffle: true, Augment: Augment{Crop: 1, Flip: true}}
	batch := func(d *Dataset, epoch int) []float32 {
		l, err := NewLoader(d, d.Train, o)
		must(t, err)
		it := l.Epoch(epoch, 0)
		defer it.Close()
		b, _ := it.Next()
		return slices.Clone(b.X)
	}
	for epoch := range 8 {
		x, want := batch(d, epoch), batch(pixels, epoch)
		for i, v := range x {
			if math.Abs(float64(v-want[i])) > 1e-5 || (v == 0) != (want[i] == 0) && math.Abs(float64(want[i])) > 1e-6 {
				t.Fatalf("epoch %d: value %d is %v, that of pixels %v", epoch, i, v, want[i])
			}
		}
	}
	for _, a := range []Augment{{Jitter: Jitter{Hue: 0.1}}, {ResizedCrop: ResizedCrop{[2]float64{0.5, 1}, [2]float64{1, 1}}}} {
		_, err := NewLoader(d, d.Train, LoaderOptions{Batch: 1, Augment: a})
		wantError(t, err, "found real numbers")
	}
	d.Train.Values[13] = float32(math.Inf(1))
	_, err := NewLoader(d, d.Train, LoaderOptions{Batch: 1})
	wantError(t, err, "image 1: value 1 is +Inf")
}
