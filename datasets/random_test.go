package datasets

import (
	"slices"
	"testing"
)

// The images are a function of what is asked for, whoever asks; their labels have every class.
func TestRandom(t *testing.T) {
	o := Options{Random: Random{Height: 5, Width: 3, Channels: 1, Classes: 4, Train: 9, Test: 2, Seed: 7}}
	d, err := Open("random", o)
	if err != nil {
		t.Fatal(err)
	}
	if d.Height != 5 || d.Width != 3 || d.Channels != 1 || len(d.Classes) != 4 || len(d.Train.Pixels) != 9*15 || d.Test.Len() != 2 {
		t.Errorf("%dx%dx%d, %d classes, %d and %d images", d.Height, d.Width, d.Channels, len(d.Classes), d.Train.Len(), d.Test.Len())
	}
	if want := []int32{0, 1, 2, 3, 0, 1, 2, 3, 0}; !slices.Equal(d.Train.Labels, want) {
		t.Errorf("labels %v, want %v", d.Train.Labels, want)
	}
	if n, err := TrainLen("random", o); n != 9 || err != nil || Count("random", o) != 11 {
		t.Errorf("%d training images, error %v; %d in all", n, err, Count("random", o))
	}
	again, err := Open("random", o)
	if err != nil || again.Train.Checksum() != d.Train.Checksum() || again.Test.Checksum() != d.Test.Checksum() {
		t.Errorf("other images the second time, error %v", err)
	}
	if slices.Equal(d.Test.Pixels, d.Train.Pixels[:len(d.Test.Pixels)]) || slices.Max(d.Train.Pixels) < 250 || slices.Min(d.Train.Pixels) > 5 {
		t.Errorf("test images %v, training images %v", d.Test.Pixels, d.Train.Pixels)
	}
	if tail := d.Train.Pixels[len(d.Train.Pixels)-7:]; slices.Max(tail) == 0 {
		t.Errorf("the last pixels are %v", tail)
	}
	o.Random.Seed++
	if other, err := Open("random", o); err != nil || slices.Equal(other.Train.Pixels, d.Train.Pixels) {
		t.Errorf("the same images of another seed, error %v", err)
	}
	o.Random.Channels = -1
	if _, err := Open("random", o); err == nil {
		t.Error("-1 channels: no error")
	}
	if usual, err := Describe("random", Options{}); err != nil || usual.Height != 32 || usual.Channels != 3 || len(usual.Classes) != 10 {
		t.Errorf("by default %+v, error %v", usual, err)
	}
	if _, err := NewLoader(d, d.Train, LoaderOptions{Batch: 2}); err != nil {
		t.Error(err)
	}
}
