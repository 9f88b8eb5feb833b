package datasets

import (
	"math"
	"slices"
	"testing"
)

// tagged is a data set of 1x1 images; image i has the pixels (i>>8, i, 0)
// and the label i mod 10.
func tagged(n int) *Dataset {
	d := cifarSource(Source{Name: "tagged"}, cifar10Classes).describe()
	d.Height, d.Width = 1, 1
	for i := range n {
		d.Train.Pixels = append(d.Train.Pixels, uint8(i>>8), uint8(i), 0)
		d.Train.Labels = append(d.Train.Labels, int32(i%10))
	}
	return d
}

func tags(s Split) (tags []int) {
	for p := range slices.Chunk(s.Pixels, 3) {
		tags = append(tags, int(p[0])<<8|int(p[1]))
	}
	return tags
}

func TestHoldOut(t *testing.T) {
	const n = 400
	for _, want := range []int{0, 1, 10, 57, 390} {
		d := tagged(n)
		if err := d.holdOut(want, 1); err != nil {
			t.Fatal(err)
		}
		train, val := tags(d.Train), tags(d.Validation)
		if len(val) != want || len(train) != n-want || d.Validation.Len() != want || d.Train.Len() != n-want {
			t.Fatalf("hold out %d: got %d and %d training images", want, len(val), len(train))
		}
		if !slices.IsSorted(train) || !slices.IsSorted(val) {
			t.Errorf("hold out %d: the order changed", want)
		}
		all := slices.Concat(train, val)
		slices.Sort(all)
		for i, tag := range all {
			if tag != i {
				t.Fatalf("hold out %d: image %d is lost or in both", want, i)
			}
		}
		perClass := make([]int, 10)
		for _, s := range []Split{d.Train, d.Validation} {
			for i, tag := range tags(s) {
				if int(s.Labels[i]) != tag%10 {
					t.Fatalf("hold out %d: image %d lost its label", want, tag)
				}
				if s.Name == "validation" {
					perClass[tag%10]++
				}
			}
		}
		if slices.Max(perClass)-slices.Min(perClass) > 1 {
			t.Errorf("hold out %d: %v images of the classes", want, perClass)
		}
	}
}

func TestHoldOutSeed(t *testing.T) {
	pick := func(seed uint64) []int {
		d := tagged(400)
		if err := d.holdOut(10, seed); err != nil {
			t.Fatal(err)
		}
		return tags(d.Validation)
	}
	if got := pick(7); !slices.Equal(got, []int{17, 104, 120, 122, 155, 201, 349, 363, 386, 388}) { // of this code; a change changes results
		t.Errorf("seed 7 picks %#v", got)
	}
	if slices.Equal(pick(7), pick(8)) {
		t.Error("seeds 7 and 8 pick the same images")
	}
}

func TestHoldOutErrors(t *testing.T) {
	wantError(t, tagged(400).holdOut(-1, 0), "0 or more, found -1")
	wantError(t, tagged(400).holdOut(391, 0), "takes 40 images", `"airplane"`, "must keep one")
	wantError(t, tagged(400).holdOut(math.MaxInt, 0), "must keep one")
	_, err := Open("cifar10-mini", Options{Validation: 5000})
	wantError(t, err, "cifar10-mini", "hold out fewer")
}
