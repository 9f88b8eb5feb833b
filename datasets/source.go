package datasets

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/qat-go/qat/internal/registry"
)

// Source is a data set that configs can name.
type Source struct {
	Name    string // in configs, such as "cifar10"
	Classes []string

	Height, Width int // of every image
	Channels      int // 0 is 3, red, green and blue

	// A pixel p of channel c enters the network as (p/255 - Mean[c]) / Std[c], a real number v as (v - Mean[c]) / Std[c]. There is
	// one of each for every channel, or one for all; none is 0 and 1.
	Mean, Std []float32

	// Real says that Open gives Values, no pixels: numbers that, normalized, lie between Lo and Hi. The network's first quantizer
	// clips what does not.
	Real   bool
	Lo, Hi float32

	// Train and Test are how many images there are, for what is to be known before they are read: steps, memory. Open may
	// return another number.
	Train, Test int

	// Open reads the images. dir is what --data or data.root of a config says. The error of what is not there should
	// wrap io/fs.ErrNotExist.
	Open func(dir string) (train, test Split, err error)

	// of those that the commands get and describe; a data set without needs nothing
	with     func(Options) Source // the data set that follows from options; nil if it is the same for all
	locate   func(dir string) (folder string, err error)
	download func(ctx context.Context, dir string, o DownloadOptions) error
	files    func(dir string) ([]File, error)
	images   func(dir string) (int, error)
	layout   func(dir string) (*layout, error)             // of images in files
	counts   func(dir string) (train, test int, err error) // of what a directory says; nil: Train and Test
	labels   []string                                      // names of the sets of labels to choose from; nil: there is one
	find     func(Options) (*Found, error)                 // of what is known with the files only
	unknown  error                                         // why shape and classes are not known
	builtIn  bool
	fit      Fit
}

var sources = registry.Registry[Source]{Kind: "data set", Name: func(s Source) string { return s.Name }}

// Register lets configs name a data set, and returns its name. It is for the initialization of packages, of any module: once
// a config was read, or [Names] called, it is too late. A name that is taken or cannot stand in a config, and a data set that
// is not whole, panic.
func Register(s Source) string {
	switch {
	case s.Open == nil:
		sources.Refuse(s, "Open is nil; wanted a function that reads the images")
	case s.Train < 1 || s.Test < 0:
		sources.Refuse(s, "%d training and %d test images; wanted 1 or more, and 0 or more", s.Train, s.Test)
	}
	if err := s.describe().checkShape(); err != nil {
		sources.Refuse(s, "%v", err)
	}
	return sources.Add(s)
}

// Names returns the names of all data sets, in their order.
func Names() (names []string) {
	for _, s := range sources.All() {
		names = append(names, s.Name)
	}
	return names
}

// OfFiles tells that a data set's images are files of any size: see [Folder].
func OfFiles(name string) bool {
	s, _ := sources.Named(name)
	return s.layout != nil
}

// Described names the data sets whose files are known: they are described and verified.
func Described() (names []string) {
	for _, s := range sources.All() {
		if s.files != nil || s.layout != nil {
			names = append(names, s.Name)
		}
	}
	return names
}

// Obtained names the data sets that are downloaded, or built in.
func Obtained() (names []string) {
	for _, s := range sources.All() {
		if s.download != nil || s.builtIn {
			names = append(names, s.Name)
		}
	}
	return names
}

// OfArrays tells that a data set is NumPy arrays: see [Arrays].
func OfArrays(name string) bool {
	s, _ := sources.Named(name)
	return s.counts != nil
}

// OfNumbers tells that a data set is of numbers, no pixels, whatever its options.
func OfNumbers(name string) bool {
	s, _ := sources.Named(name)
	return s.Real
}

// Found is what only the files of a data set tell: what is not known without them is not zero.
type Found struct {
	Classes []string
	Shape   [3]int // height, width, channels
	Real    bool
}

// Find looks at the files of a data set of the given name, if there is something to find: nil says no.
func Find(name string, o Options) (*Found, error) {
	s, err := sourceNamed(name)
	if err != nil || s.find == nil {
		return nil, err
	}
	return s.find(o)
}

func sourceNamed(name string) (Source, error) {
	s, found := sources.Named(name)
	if !found {
		return s, fmt.Errorf("unknown data set %q; expected one of \"%s\"", name, strings.Join(Names(), `", "`))
	}
	return s, nil
}

// sourceOf is the data set of that name that follows from options.
func sourceOf(name string, o Options) (Source, error) {
	s, err := sourceNamed(name)
	if err != nil {
		return s, err
	}
	if s.with != nil {
		s = s.with(o)
	}
	if s.unknown != nil {
		return s, s.unknown
	}
	if o.Mean != nil {
		s.Mean = o.Mean
	}
	if o.Std != nil {
		s.Std = o.Std
	}
	if len(o.Range) == 2 {
		s.Lo, s.Hi = o.Range[0], o.Range[1]
	}
	return s, s.describe().checkShape()
}

// describe is the data set without its images.
func (s Source) describe() *Dataset {
	channels := cmp.Or(s.Channels, 3)
	return &Dataset{
		Name:       s.Name,
		Classes:    slices.Clone(s.Classes),
		Height:     s.Height,
		Width:      s.Width,
		Channels:   channels,
		Mean:       forChannels(s.Mean, channels, 0),
		Std:        forChannels(s.Std, channels, 1),
		Real:       s.Real,
		Lo:         s.Lo,
		Hi:         s.Hi,
		Fit:        s.fit,
		Train:      Split{Name: "train"},
		Validation: Split{Name: "validation"},
		Test:       Split{Name: "test"},
	}
}

// open reads the data set and checks it.
func (s Source) open(o Options) (*Dataset, error) {
	d := s.describe()
	d.Broken = &Broken{Max: o.MaxBroken}
	var train, test Split
	if s.layout != nil {
		l, err := s.layout(o.Dir)
		if err == nil {
			err = l.packed.checkTurned(o.Dir, s.fit)
		}
		if err != nil {
			return nil, err
		}
		train, test, d.Classes = l.train, l.test, l.classes
	} else {
		var err error
		train, test, err = s.Open(o.Dir)
		if err != nil && s.files == nil { // of another module
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		if err != nil {
			return nil, err
		}
	}
	train.Name, test.Name = d.Train.Name, d.Test.Name
	d.Train, d.Test = train, test
	for _, split := range []Split{d.Train, d.Test} {
		if err := d.checkSplit(split); err != nil {
			return nil, fmt.Errorf("%s %s: %w", s.Name, split.Name, err)
		}
	}
	return d, nil
}
