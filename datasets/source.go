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
	Channels      int // 1 to 3; 0 is 3, red, green and blue

	// A pixel p of channel c enters the network as (p/255 - Mean[c]) / Std[c].
	Mean, Std [3]float32

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
	layout   func(dir string) (*layout, error) // of images in files
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
	if err != nil || s.with == nil {
		return s, err
	}
	s = s.with(o)
	return s, s.describe().checkShape()
}

// describe is the data set without its images.
func (s Source) describe() *Dataset {
	return &Dataset{
		Name:       s.Name,
		Classes:    slices.Clone(s.Classes),
		Height:     s.Height,
		Width:      s.Width,
		Channels:   cmp.Or(s.Channels, 3),
		Mean:       s.Mean,
		Std:        s.Std,
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
	d.Train.Pixels, d.Train.Labels, d.Train.Images = train.Pixels, train.Labels, train.Images
	d.Test.Pixels, d.Test.Labels, d.Test.Images = test.Pixels, test.Labels, test.Images
	for _, split := range []Split{d.Train, d.Test} {
		if err := d.checkSplit(split); err != nil {
			return nil, fmt.Errorf("%s %s: %w", s.Name, split.Name, err)
		}
	}
	return d, nil
}
