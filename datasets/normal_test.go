package datasets

import (
	"errors"
	"hash"
	"math"
	"runtime"
	"slices"
	"testing"

	. "github.com/qat-go/qat/internal/npy/npytest"
)

// Statistics of pixels are those of their values, rounded once, whatever the number of processors; of numbers also the range.
func TestMeasure(t *testing.T) {
	d := noise(200)
	s, err := Measure(t.Context(), d, d.Train, nil)
	must(t, err)
	for c := range 3 {
		mean, square, n := 0.0, 0.0, 0.0
		for i := c; i < len(d.Train.Pixels); i += 3 {
			v := float64(d.Train.Pixels[i]) / 255
			mean, square, n = mean+v, square+v*v, n+1
		}
		mean /= n
		if std := math.Sqrt(square/n - mean*mean); math.Abs(float64(s.Mean[c])-mean) > 1e-7 || math.Abs(float64(s.Std[c])-std) > 1e-7 || s.Least != nil {
			t.Errorf("channel %d: %v and %v, want %v and %v", c, s.Mean[c], s.Std[c], mean, std)
		}
	}
	files := *d // the same pixels, of files
	files.Train = Split{Name: "train", Labels: d.Train.Labels, Images: inMemory{d}}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	for range 20 { // with processors that get no image
		one := Split{Name: "train", Labels: d.Train.Labels[:1], Images: inMemory{&Dataset{Height: 32, Width: 32, Channels: 3, Train: d.Train.Head(1)}}}
		if first, err := Measure(t.Context(), &files, one, nil); err != nil || first.Std[0] <= 0 {
			t.Fatalf("of one image %+v, %v", first, err)
		}
	}
	for _, workers := range []int{1, 3} {
		runtime.GOMAXPROCS(workers)
		if again, err := Measure(t.Context(), &files, files.Train, nil); err != nil || !slices.Equal(again.Mean, s.Mean) || !slices.Equal(again.Std, s.Std) {
			t.Errorf("%d workers: %+v, want %+v; %v", workers, again, s, err)
		}
	}
	path := Save(t, "", map[string][]byte{"x_train": Array([]float32{1, 0.1, 3, 0.1, 5, 0.1}, 3, 2), "y_train": Array([]int8{0, 0, 0}, 3), "x_test": Array([]float32{9, 9}, 1, 2), "y_test": Array([]int8{0}, 1)})
	numbers, err := Open("arrays", Options{Dir: path})
	must(t, err)
	s, err = Measure(t.Context(), numbers, numbers.Train, nil)
	must(t, err)
	if want := (Statistics{[]float32{3, 0.1}, []float32{float32(math.Sqrt(8. / 3)), 0}, []float32{1, 0.1}, []float32{5, 0.1}}); !slices.Equal(s.Mean, want.Mean) || !slices.Equal(s.Std, want.Std) || !slices.Equal(s.Least, want.Least) || !slices.Equal(s.Most, want.Most) {
		t.Errorf("%+v, want %+v", s, want)
	}
	if lo, hi := s.Range([]float32{3, 0}, []float32{2, 0.1}); lo != -1 || hi != 1 {
		t.Errorf("the range is %v to %v", lo, hi)
	}
	if lo, hi := s.Range([]float32{3, 0.2}, []float32{2, 0.1}); lo != -1 || hi != 1 { // the last channel's is -1 to -1
		t.Errorf("the range is %v to %v", lo, hi)
	}
	if _, err := Measure(t.Context(), numbers, Split{}, nil); err == nil {
		t.Error("an empty split is measured")
	}
}

// What cannot be read is an error, or left out as far as the data set lets it be.
func TestMeasureBroken(t *testing.T) {
	d := noise(6)
	files := *d
	files.Train = Split{Name: "train", Labels: d.Train.Labels, Images: secondBroken{inMemory{d}}}
	_, err := Measure(t.Context(), &files, files.Train, nil)
	wantError(t, err, "broken")
	files.Broken = &Broken{}
	_, err = Measure(t.Context(), &files, files.Train, nil)
	wantError(t, err, "broken")
	files.Broken = &Broken{Max: 1}
	got, err := Measure(t.Context(), &files, files.Train, nil)
	must(t, err)
	size := len(d.Train.Pixels) / 6
	rest := Split{Name: "train", Labels: d.Train.Labels[1:], Pixels: slices.Delete(slices.Clone(d.Train.Pixels), size, 2*size)}
	want, err := Measure(t.Context(), d, rest, nil)
	must(t, err)
	if !slices.Equal(got.Mean, want.Mean) || !slices.Equal(got.Std, want.Std) || len(files.Broken.List()) != 1 {
		t.Errorf("%+v, want %+v; broken: %v", got, want, files.Broken.List())
	}
}

type secondBroken struct{ inMemory }

func (b secondBroken) Image(i int) (Image, error) {
	if i == 1 {
		return Image{}, errors.New("broken")
	}
	return b.inMemory.Image(i)
}

// inMemory gives a data set's images one by one.
type inMemory struct{ *Dataset }

func (m inMemory) Len() int                   { return m.Train.Len() }
func (m inMemory) Image(i int) (Image, error) { return m.image(m.Train, i) }
func (m inMemory) Name(int) string            { return "" }
func (m inMemory) Fingerprint(w hash.Hash)    {}

// A mean and a deviation for all channels, or one for each, take the place of the data set's own.
func TestNormalizationOptions(t *testing.T) {
	o := Options{Random: Random{Height: 1, Width: 1, Channels: 5, Classes: 2, Train: 2, Test: 1}, Mean: []float32{0.25}, Std: []float32{1, 2, 3, 4, 5}}
	d, err := Open("random", o)
	if err != nil || !slices.Equal(d.Mean, []float32{0.25, 0.25, 0.25, 0.25, 0.25}) || d.Std[4] != 5 {
		t.Fatalf("%+v, %v", d, err)
	}
	if lo, hi := d.InputRange(); lo != -0.25 || hi != 0.75 {
		t.Errorf("pixels are %v to %v", lo, hi)
	}
	o.Std = o.Std[:4]
	_, err = Open("random", o)
	wantError(t, err, "want a mean and a standard deviation for each of 5 channels, or one for all, found 5 and 4")
}
