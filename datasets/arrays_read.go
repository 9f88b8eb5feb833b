package datasets

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/qat-go/qat/internal/npy"
	"github.com/qat-go/qat/internal/regular"
)

// arrayFiles are the arrays of a data set.
type arrayFiles struct {
	path  string // of the archive, or the directory
	npz   *npy.Archive
	names map[string]string // array by its name in small letters
	pairs []pair            // training and test set, or one to be divided
}

// pair is the names of examples and their labels.
type pair struct{ x, y string }

// arrayNames are what the arrays of a split may be called, x and y.
var arrayNames = map[string][]pair{
	"train": {{"x_train", "y_train"}, {"train_x", "train_y"}, {"train_images", "train_labels"}},
	"test": {{"x_test", "y_test"}, {"test_x", "test_y"}, {"test_images", "test_labels"},
		{"x_val", "y_val"}, {"val_x", "val_y"}, {"val_images", "val_labels"}},
	"all": {{"x", "y"}, {"images", "labels"}, {"data", "labels"}},
}

const wantedArrays = "wanted x_train, y_train, x_test and y_test, or x and y, of which data.test_share becomes the test set"

// findArrays finds the arrays in dir, in a folder or an archive of dir called arrays, or in the archive that dir is.
func findArrays(dir string) (*arrayFiles, error) {
	for _, path := range []string{dir, filepath.Join(dir, arraysName), filepath.Join(dir, arraysName+archiveEnding)} {
		f, err := arraysAt(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return f, f.pair()
	}
	if !exists(dir) {
		return nil, &MissingError{dir, fmt.Sprintf("%s does not exist; name a directory with x_train.npy, y_train.npy, x_test.npy and y_test.npy, or an archive (.npz) that holds them (--data, or data.root of the config)", dir)}
	}
	return nil, &MissingError{dir, fmt.Sprintf("%s holds no arrays of NumPy (.npy) and no archive of them (.npz); %s", dir, wantedArrays)}
}

const archiveEnding = ".npz"

// arraysAt looks at one place.
func arraysAt(path string) (*arrayFiles, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	f := &arrayFiles{path: path, names: map[string]string{}}
	if !info.IsDir() {
		if f.npz, err = npy.OpenArchive(path); err != nil {
			return nil, err
		}
		for _, name := range f.npz.Names() {
			if err := f.name(name, name); err != nil {
				f.close()
				return nil, err
			}
		}
		return f, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var archives []string
	for _, e := range entries {
		switch name := e.Name(); strings.ToLower(filepath.Ext(name)) {
		case ".npy":
			if err := f.name(strings.TrimSuffix(name, filepath.Ext(name)), name); err != nil {
				return nil, err
			}
		case archiveEnding:
			archives = append(archives, filepath.Join(path, name))
		}
	}
	switch {
	case len(f.names) > 0:
		return f, nil
	case len(archives) == 1:
		return arraysAt(archives[0])
	case len(archives) > 1:
		return nil, fmt.Errorf("%s holds several archives: %s and %s; name one of them (--data, or data.root of the config)", path, archives[0], archives[1])
	}
	return nil, fs.ErrNotExist
}

// name lists an array, and refuses a second of its name: which of them is meant nothing says.
func (f *arrayFiles) name(array, name string) error {
	small := strings.ToLower(array)
	if other, listed := f.names[small]; listed {
		return fmt.Errorf("%s holds %s and %s; wanted one of them: remove the other", f.path, other, name)
	}
	f.names[small] = name
	return nil
}

// pair finds out which arrays belong together.
func (f *arrayFiles) pair() error {
	half := "" // of a test set
	find := func(split string) (p pair, found bool) {
		for _, names := range arrayNames[split] {
			x, y := f.names[names.x], f.names[names.y]
			if x != "" && y != "" {
				return pair{x, y}, true
			}
			if has, lacks := cmp.Or(x, y), names.y; split == "test" && has != "" && half == "" {
				if x == "" {
					lacks = names.x
				}
				half = fmt.Sprintf("%s holds %s without %s; wanted both, or neither, and a share of the training images is the test set", f.path, has, lacks)
			}
		}
		return p, false
	}
	train, trains := find("train")
	test, tests := find("test")
	all, any := find("all")
	switch {
	case trains && tests:
		f.pairs = []pair{train, test}
	case trains && half != "":
		f.close()
		return errors.New(half)
	case trains:
		f.pairs = []pair{train}
	case any:
		f.pairs = []pair{all}
	default:
		f.close()
		return fmt.Errorf("%s holds %s; %s", f.path, syntaxList(f.names), wantedArrays)
	}
	return nil
}

// syntaxList names the arrays, in their order.
func syntaxList(names map[string]string) string {
	if len(names) == 0 {
		return "no arrays"
	}
	var all []string
	for _, name := range names {
		all = append(all, name)
	}
	slices.Sort(all)
	if len(all) > 10 {
		all = append(all[:10], "...")
	}
	return strings.Join(all, ", ")
}

func (f *arrayFiles) close() {
	if f.npz != nil {
		f.npz.Close()
	}
}

// file is the path of the file that holds an array.
func (f *arrayFiles) file(name string) string {
	if f.npz != nil {
		return f.path
	}
	return filepath.Join(f.path, name)
}

// called is how errors call an array.
func (f *arrayFiles) called(name string) string {
	if f.npz != nil {
		return f.path + ": " + name
	}
	return f.file(name)
}

// open opens an array.
func (f *arrayFiles) open(name string) (r *npy.Reader, close func() error, err error) {
	var c io.Closer
	if f.npz != nil {
		r, c, err = f.npz.Open(name)
	} else {
		file, size, opening := regular.Open(f.file(name))
		if opening != nil {
			return nil, nil, opening
		}
		if r, err = npy.NewNumbers(bufio.NewReaderSize(file, 1<<16), size); err != nil {
			file.Close()
		}
		c = file
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", f.called(name), err)
	}
	return r, c.Close, nil
}

// examples is an open x.
type examples struct {
	*npy.Reader
	name   string
	n      int
	shape  [3]int // height, width, channels
	planes bool   // (N, channels, height, width)
}

// real tells numbers from pixels.
func (x *examples) real() bool { return x.Type != npy.Type{Kind: npy.Unsigned, Bytes: 1} }

// examples opens an x.
func (f *arrayFiles) examples(name string, a Arrays) (*examples, func() error, error) {
	r, close, err := f.open(name)
	if err != nil {
		return nil, nil, err
	}
	x := &examples{Reader: r, name: name}
	if err := x.axes(a); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s %w", f.called(name), err), close())
	}
	return x, close, nil
}

// axes finds out what the axes are.
func (x *examples) axes(a Arrays) error {
	s := x.Shape
	var shape [3]int
	switch len(s) {
	case 2:
		shape = [3]int{1, 1, s[1]}
	case 3:
		shape = [3]int{s[1], s[2], 1}
	case 4:
		last, first := [3]int{s[1], s[2], s[3]}, [3]int{s[2], s[3], s[1]}
		// As many channels as images have tell which axis they are.
		few := func(n int) bool { return n <= 4 }
		switch {
		case a.Layout == "nhwc", a.Layout == "" && last == a.Shape:
			shape = last
		case a.Layout == "nchw", a.Layout == "" && first == a.Shape:
			shape, x.planes = first, true
		case few(s[3]) && !few(s[1]):
			shape = last
		case few(s[1]) && !few(s[3]):
			shape, x.planes = first, true
		default:
			return fmt.Errorf("has shape %v, whose channels may be the second axis or the last; write data.arrays.layout: nhwc if they are %d, nchw if they are %d", s, s[3], s[1])
		}
	default:
		return fmt.Errorf("has shape %v; wanted (N, height, width, channels), (N, channels, height, width), (N, height, width) or (N, features)", s)
	}
	if _, ok := elements(shape[0], shape[1], shape[2]); !ok || s[0] < 1 {
		return fmt.Errorf("has shape %v; wanted 1 example or more of 1 value or more, and at most %d", s, maxElements)
	}
	if a.Shape != [3]int{} && shape != a.Shape {
		return fmt.Errorf("has examples of %dx%dx%d (height, width, channels); wanted %dx%dx%d", shape[0], shape[1], shape[2], a.Shape[0], a.Shape[1], a.Shape[2])
	}
	x.n, x.shape = s[0], shape
	return nil
}

// like reports examples that are not of the kind of others; numbers are of any type.
func (x *examples) like(first *examples, f *arrayFiles, numbers bool) error {
	if x.shape != first.shape {
		return fmt.Errorf("%s has examples of %dx%dx%d (height, width, channels), and %s of %dx%dx%d; wanted the same", f.called(x.name), x.shape[0], x.shape[1], x.shape[2],
			first.name, first.shape[0], first.shape[1], first.shape[2])
	}
	if x.real() != first.real() && !numbers {
		return fmt.Errorf("%s is %v, and %s %v; wanted both of the same type: bytes are pixels, others numbers", f.called(x.name), x.Type, first.name, first.Type)
	}
	return nil
}

// split reads a pair.
func (f *arrayFiles) split(p pair, a Arrays, real bool) (s Split, err error) {
	x, close, err := f.examples(p.x, a)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, close()) }()
	if x.real() && !real {
		return s, fmt.Errorf("%s is %v; wanted pixels, uint8", f.called(p.x), x.Type)
	}
	if s.Labels, err = f.labels(p, x.n, len(a.Classes)); err != nil {
		return s, err
	}
	size := x.shape[0] * x.shape[1] * x.shape[2]
	if real {
		s.Values, err = read(x, size, func(dst []float32, i int) error { return x.numbers(dst, i) })
	} else {
		s.Pixels, err = read(x, size, func(dst []uint8, _ int) error { return x.ReadBytes(dst) })
	}
	if err != nil {
		err = fmt.Errorf("%s%w", f.called(p.x), err)
	}
	return s, err
}

// read reads examples of a size. Memory grows with what the file really has.
func read[T any](x *examples, size int, next func(dst []T, i int) error) ([]T, error) {
	var all []T
	one := make([]T, size)
	all = slices.Grow(all, min(x.n*size, 1<<26))
	pixels, channels := x.shape[0]*x.shape[1], x.shape[2]
	for i := range x.n {
		if err := next(one, i); err != nil {
			return nil, err
		}
		if !x.planes {
			all = append(all, one...)
			continue
		}
		at := len(all)
		all = append(all, one...)
		for j, v := range one {
			all[at+j%pixels*channels+j/pixels] = v
		}
	}
	return all, nil
}

// numbers reads example i.
func (x *examples) numbers(dst []float32, i int) error {
	inexact, err := x.Read(dst)
	if err != nil {
		return fmt.Errorf(": %w", err)
	}
	if bad := slices.IndexFunc(dst, func(v float32) bool { return v-v != 0 }); bad >= 0 && (inexact < 0 || bad <= inexact) {
		return fmt.Errorf("%v is %v; wanted finite numbers", x.index(i, bad), dst[bad])
	}
	if inexact >= 0 {
		return fmt.Errorf("%v is %v, which float32 does not have exactly; save %s.astype('float32') to round it", x.index(i, inexact), x.Type, x.base())
	}
	return nil
}

// base is the array's name as Python has it.
func (x *examples) base() string { return strings.TrimSuffix(x.name, filepath.Ext(x.name)) }

// index is that of value at of example i, as NumPy has it.
func (x *examples) index(i, at int) []int {
	index := make([]int, len(x.Shape))
	for axis := len(index) - 1; axis > 0; axis-- {
		index[axis], at = at%x.Shape[axis], at/x.Shape[axis]
	}
	index[0] = i
	return index
}

// count is the number of labels.
func (f *arrayFiles) count(name string) (int, error) {
	r, close, err := f.open(name)
	if err != nil {
		return 0, err
	}
	return r.Shape[0], close()
}

// labels reads a y, of n examples unless that is below 0, and of so many classes unless that is 0.
func (f *arrayFiles) labels(p pair, n, classes int) (labels []int32, err error) {
	called, base := f.called(p.y), strings.TrimSuffix(p.y, filepath.Ext(p.y))
	r, close, err := f.open(p.y)
	if e := new(npy.ElementError); errors.As(err, &e) {
		return nil, fmt.Errorf("%s: elements are %s; wanted integers 0, 1, 2 and so on, little-endian: save %s.astype('int64')", called, e.Found, base)
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, close()) }()
	switch s := r.Shape; {
	case len(s) == 2 && s[1] > 1:
		return nil, fmt.Errorf("%s has shape %v; wanted (N) labels: of rows with a 1 at the class save %s.argmax(1)", called, s, base)
	case len(s) > 2, len(s) == 2 && s[1] != 1, s[0] < 1:
		return nil, fmt.Errorf("%s has shape %v; wanted (N) labels, 1 or more", called, s)
	case r.Type.Kind == npy.Float:
		return nil, fmt.Errorf("%s is %v; wanted integers: save %s.astype('int64')", called, r.Type, base)
	case n >= 0 && s[0] != n:
		return nil, fmt.Errorf("%s has %d labels, and %s %d examples; wanted as many", called, s[0], p.x, n)
	}
	part := make([]int64, 4096)
	for i := 0; i < r.Shape[0]; i += len(part) {
		part = part[:min(len(part), r.Shape[0]-i)]
		if err := r.ReadInts(part); err != nil {
			return nil, fmt.Errorf("%s: %w", called, err)
		}
		for j, v := range part {
			if v < 0 || v >= maxLabels || classes > 0 && v >= int64(classes) {
				err := fmt.Errorf("%s[%d] is %d; wanted a label of 0 to %d", called, i+j, v, cmp.Or(classes, maxLabels)-1)
				if v >= 0 && v < maxLabels {
					err = fmt.Errorf("%w, as there are names of %d classes (data.classes)", err, classes)
				}
				return nil, err
			}
			labels = append(labels, int32(v))
		}
	}
	return labels, nil
}

// maxLabels is more classes than any data set has.
const maxLabels = 1 << 16

// sizeAndSHA256 is of a file.
func sizeAndSHA256(path string) (size int64, sum string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, "", err
	}
	sum, err = fileSHA256(path)
	return info.Size(), sum, err
}
