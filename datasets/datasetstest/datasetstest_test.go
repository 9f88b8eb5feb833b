package datasetstest_test

import (
	"testing"

	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/datasets/datasetstest"
)

// Both are data sets.
func TestMade(t *testing.T) {
	for name, make := range map[string]func(testing.TB, string, int, int, int){"linked": datasetstest.Linked, "packed": datasetstest.Packed} {
		dir := t.TempDir()
		make(t, dir, 3, 5, 2)
		d, err := datasets.Open("imagenet", datasets.Options{Dir: dir})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d.Train.Len() != 15 || d.Test.Len() != 6 || len(d.Classes) != 3 || d.Train.Labels[5] != 1 {
			t.Errorf("%s: %d and %d images of %v, labels %v", name, d.Train.Len(), d.Test.Len(), d.Classes, d.Train.Labels)
		}
		if im, err := d.Test.Images.Image(5); err != nil || len(im.Pixels) != 3*im.Height*im.Width {
			t.Errorf("%s: %v", name, err)
		}
	}
}
