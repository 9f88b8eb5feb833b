package datasets

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// Arrays says how NumPy arrays become a data set: x_train, y_train, x_test and y_test, or x and y alone, of which a share is the
// test set. x is (N, height, width, channels), (N, channels, height, width), (N, height, width) or (N, features), of bytes, which
// are pixels, or of numbers; y is the labels.
type Arrays struct {
	Layout string // "nhwc" or "nchw", of x with four axes; "" finds out

	// Of one example: height, width and channels, and whether it is of numbers. Zero: what the files say.
	Shape [3]int
	Real  bool

	Classes []string // names of the labels 0, 1, ...; nil: class_0, class_1, ... up to the largest label

	TestShare float64
	SplitSeed uint64
}

// Layouts are those of x with four axes.
var Layouts = []string{"nhwc", "nchw"}

const arraysName = "arrays"

var _ = Register(withArrays(Options{}))

// withArrays is the data set that the options describe. What they do not say the files do.
func withArrays(o Options) Source {
	a := o.Arrays
	s := Source{
		Name: arraysName, Height: 1, Width: 1, Channels: 1, Classes: placeholders(1), Train: 1, Test: 1, with: withArrays,
		Real: a.Real, find: findInArrays,
		locate: func(dir string) (string, error) {
			f, err := findArrays(dir)
			if err != nil {
				return "", err
			}
			return f.path, nil
		},
		files: filesOfArrays,
	}
	if known := a.Shape != [3]int{}; !known || len(a.Classes) == 0 {
		x, err := lookAtArrays(o.Dir, &a)
		switch {
		case err == nil:
			a.Shape, s.Real = x.shape, a.Real || x.real()
		case !errors.Is(err, fs.ErrNotExist):
			s.unknown = err
		case !known:
			s.unknown = fmt.Errorf("%w; until they are there, data.arrays.shape and data.classes say what they will be", err)
		}
	}
	if s.unknown == nil {
		s.Height, s.Width, s.Channels = a.Shape[0], a.Shape[1], a.Shape[2]
	}
	if len(a.Classes) > 0 {
		s.Classes = a.Classes
	}
	s.counts = func(dir string) (train, test int, err error) { return countArrays(dir, a) }
	s.Open = func(dir string) (train, test Split, err error) { return openArrays(dir, a, s.Real) }
	return s
}

func findInArrays(o Options) (*Found, error) {
	x, err := lookAtArrays(o.Dir, &o.Arrays)
	if err != nil {
		return nil, err
	}
	return &Found{o.Arrays.Classes, x.shape, o.Arrays.Real || x.real()}, nil
}

// lookAtArrays reads the headers of x, and the labels where the classes are not known.
func lookAtArrays(dir string, a *Arrays) (*examples, error) {
	f, err := findArrays(dir)
	if err != nil {
		return nil, err
	}
	defer f.close()
	var first *examples
	most := int32(0)
	for _, p := range f.pairs {
		x, close, err := f.examples(p.x, *a)
		if err != nil {
			return nil, err
		}
		if err := close(); err != nil {
			return nil, err
		}
		if first == nil {
			first = x
		}
		if err := x.like(first, f, a.Real); err != nil {
			return nil, err
		}
		if len(a.Classes) > 0 {
			continue
		}
		labels, err := f.labels(p, x.n, 0)
		if err != nil {
			return nil, err
		}
		most = max(most, slices.Max(labels))
	}
	if len(a.Classes) == 0 {
		a.Classes = placeholders(int(most) + 1)
	}
	return first, nil
}

// countArrays reads no x but its header.
func countArrays(dir string, a Arrays) (train, test int, err error) {
	f, err := findArrays(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	defer f.close()
	if len(f.pairs) == 1 {
		labels, err := f.labels(f.pairs[0], -1, 0)
		if err != nil {
			return 0, 0, err
		}
		kept, out, err := shareOf(f.path, labels, placeholders(int(slices.Max(labels))+1), a.TestShare, a.SplitSeed)
		return len(kept), len(out), err
	}
	var n [2]int
	for i, p := range f.pairs {
		if n[i], err = f.count(p.y); err != nil {
			return 0, 0, err
		}
	}
	return n[0], n[1], nil
}

// openArrays reads them all.
func openArrays(dir string, a Arrays, real bool) (train, test Split, err error) {
	f, err := findArrays(dir)
	if err != nil {
		return Split{}, Split{}, err
	}
	defer f.close()
	var splits [2]Split
	for i, p := range f.pairs {
		if splits[i], err = f.split(p, a, real); err != nil {
			return Split{}, Split{}, err
		}
	}
	if len(f.pairs) == 2 {
		return splits[0], splits[1], nil
	}
	all := splits[0]
	_, out, err := shareOf(f.path, all.Labels, a.Classes, a.TestShare, a.SplitSeed)
	if err != nil {
		return Split{}, Split{}, err
	}
	held := make([]bool, all.Len())
	for _, i := range out {
		held[i] = true
	}
	train.Labels, test.Labels = divided(all.Labels, held)
	train.Pixels, test.Pixels = divided(all.Pixels, held)
	train.Values, test.Values = divided(all.Values, held)
	return train, test, nil
}

func filesOfArrays(dir string) (all []File, err error) {
	f, err := findArrays(dir)
	if err != nil {
		return nil, err
	}
	defer f.close()
	names := map[string]File{}
	var order []string
	for i, p := range f.pairs {
		n, err := f.count(p.y)
		if err != nil {
			return nil, err
		}
		split := "train, test"
		if len(f.pairs) == 2 {
			split = []string{"train", "test"}[i]
		}
		for _, name := range []string{p.x, p.y} {
			path := f.file(name)
			file, listed := names[path]
			if !listed {
				order = append(order, path)
				file = File{Path: path, Split: split}
				if file.Bytes, file.SHA256, err = sizeAndSHA256(path); err != nil {
					return nil, err
				}
			} else if file.Split != split {
				file.Split = "train, test"
			}
			if name == p.x {
				file.Images += n
			}
			names[path] = file
		}
	}
	for _, path := range order {
		all = append(all, names[path])
	}
	return all, nil
}
