package datasets

import (
	"errors"
	"io/fs"
	"math"
	"slices"
	"strings"
	"testing"
)

// two returns a data set of 2x1 images of two classes.
func two(change func(*Source)) Source {
	s := Source{
		Name: "two", Classes: []string{"dark", "light"}, Height: 2, Width: 1, Mean: make([]float32, 3), Std: []float32{1, 1, 1}, Train: 2, Test: 1,
		Open: func(string) (train, test Split, err error) {
			return Split{Pixels: make([]uint8, 12), Labels: []int32{0, 1}}, Split{Pixels: make([]uint8, 6), Labels: []int32{1}}, nil
		},
	}
	change(&s)
	return s
}

// given is what Open of the data set "given" returns.
var given struct {
	dir         string
	train, test Split
	err         error
}

var _ = Register(two(func(s *Source) {
	s.Name = "given"
	s.Open = func(dir string) (train, test Split, err error) {
		given.dir = dir
		return given.train, given.test, given.err
	}
}))

func TestRegister(t *testing.T) {
	for _, tt := range []struct {
		want   string
		change func(*Source)
	}{
		{`registering the data set "": wanted a name`, func(s *Source) { s.Name = "" }},
		{`registering the data set "cifar10": the name is taken`, func(s *Source) { s.Name = "cifar10" }},
		{`registering the data set "two": Open is nil`, func(s *Source) { s.Open = nil }},
		{"0 training", func(s *Source) { s.Train = 0 }},
		{"-1 test", func(s *Source) { s.Test = -1 }},
		{"classes", func(s *Source) { s.Classes = nil }},
		{"found 0x1", func(s *Source) { s.Height = 0 }},
		{"found 2x-1", func(s *Source) { s.Width = -1 }},
		{"channel 1", func(s *Source) { s.Std[1] = 0 }},
		{"channel 2", func(s *Source) { s.Mean[2] = float32(math.NaN()) }},
		{"channel 0", func(s *Source) { s.Std[0] = float32(math.Inf(1)) }},
	} {
		func() {
			defer func() {
				if said, _ := recover().(string); !strings.Contains(said, tt.want) {
					t.Errorf("said %q, want %q", said, tt.want)
				}
			}()
			Register(two(tt.change))
		}()
	}
	if want := []string{"arrays", "cifar10", "cifar10-mini", "cifar100", "folder", "given", "imagenet", "random"}; !slices.Equal(Names(), want) {
		t.Errorf("names %v, want %v", Names(), want)
	}
}

// A data set of anyone's is opened as ours are, and what is wrong with it is told.
func TestOpenRegistered(t *testing.T) {
	whole := two(func(*Source) {})
	given.train, given.test, _ = whole.Open("")
	d, err := Open("given", Options{Dir: "somewhere", Validation: 0})
	if err != nil || given.dir != "somewhere" || d.Name != "given" || d.Train.Name != "train" || d.Test.Name != "test" || d.Train.Len() != 2 || d.Height != 2 || d.Channels != 3 {
		t.Errorf("opened %+v from %q, %v", d, given.dir, err)
	}
	if n, err := TrainLen("given", Options{}); n != 2 || err != nil || Count("given", Options{}) != 3 {
		t.Errorf("%d training images, %v; %d in all", n, err, Count("given", Options{}))
	}
	if info, err := Info("given", Options{Dir: ""}); err != nil || info.Name != "given" || len(info.Files) != 0 {
		t.Errorf("info %+v, %v", info, err)
	}
	if folder, err := Locate("given", "nowhere"); folder != "" || err != nil {
		t.Errorf("located %q, %v", folder, err)
	}
	if err := Download(t.Context(), "given", "nowhere", DownloadOptions{}); err != nil {
		t.Error(err)
	}
	given.train.Labels = []int32{0, 2}
	_, err = Open("given", Options{Validation: 1})
	wantError(t, err, "given train: image 1: want a label of 0 to 1, found 2")
	given.train.Labels = []int32{0}
	_, err = Open("given", Options{})
	wantError(t, err, "given train: want 6 pixel bytes for each of 1 labels, found 12 in all")
	given.err = fs.ErrNotExist
	if _, err := Open("given", Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want that of Open", err)
	}
	_, err = Open("gievn", Options{})
	wantError(t, err, `unknown data set "gievn"; expected one of "arrays", "cifar10", "cifar10-mini", "cifar100", "folder", "given", "imagenet", "random"`)
}
