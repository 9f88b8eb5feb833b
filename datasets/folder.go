package datasets

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
)

// Folder says how images in folders become a data set.
type Folder struct {
	Size int // height and width of what the network sees; 0 is 224
	Fit  Fit

	// Classes are names of folders, in the order of the labels; nil is all folders of the directory, in the order of their
	// names.
	Classes []string

	// TestShare is the share of each class's images that are the test set where the directory has no folder for it, chosen by
	// SplitSeed.
	TestShare float64
	SplitSeed uint64
}

// folderSize is that of ImageNet's networks.
const folderSize = 224

// imagenetMean and imagenetStd are those that torchvision's networks were trained with.
var imagenetMean, imagenetStd = []float32{.485, .456, .406}, []float32{.229, .224, .225}

var (
	_ = Register(withFolder("folder", Source{Train: 1, Classes: placeholders(1)})(Options{}))
	_ = Register(withFolder("imagenet", Source{Train: 1281167, Test: 50000, Classes: placeholders(1000)})(Options{}))
)

// placeholders are names of classes that are known once the data is there.
func placeholders(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("class_%d", i)
	}
	return names
}

// withFolder is a data set of images in folders: base is what is known without it.
func withFolder(name string, base Source) func(Options) Source {
	return func(o Options) Source {
		f := o.Folder
		s := base
		s.Name, s.with = name, withFolder(name, base)
		s.Height, s.Width = f.side(), f.side()
		s.Mean, s.Std = imagenetMean, imagenetStd
		s.fit = f.Fit
		s.Classes = base.Classes
		if len(f.Classes) > 0 {
			s.Classes = f.Classes
		} else if names, err := Classes(name, o.Dir); o.Dir != "" && err == nil {
			s.Classes = names
		}
		s.Open = func(dir string) (train, test Split, err error) {
			p, err := openFolder(name, dir, f)
			if err != nil {
				return Split{}, Split{}, err
			}
			return p.train, p.test, nil
		}
		s.find = func(o Options) (*Found, error) {
			classes, err := Classes(name, o.Dir)
			return &Found{Classes: classes}, err
		}
		s.locate = func(dir string) (string, error) { return locateFolder(name, dir) }
		s.layout = func(dir string) (*layout, error) { return openFolder(name, dir, f) }
		return s
	}
}

func (f Folder) side() int {
	if f.Size == 0 {
		return folderSize
	}
	return f.Size
}

// Classes finds the classes of a data set of images in files, without listing them: nil if the data set is not of files.
func Classes(name, dir string) ([]string, error) {
	if !OfFiles(name) {
		return nil, nil
	}
	dir, err := locateFolder(name, dir)
	if err != nil {
		return nil, err
	}
	if exists(filepath.Join(dir, PackedFile)) {
		p, err := readPacking(dir)
		if err != nil {
			return nil, err
		}
		return p.Classes, nil
	}
	if train := filepath.Join(dir, "train"); exists(train) {
		dir = train
	}
	classes, err := classesIn(dir)
	if err == nil && len(classes) == 0 {
		err = fmt.Errorf("%s: no folders of classes", dir)
	}
	return classes, err
}

// CheckClasses says why it is not known yet how many classes the data set of the given name has: they are folders, which are
// not there. Then [Describe] has one class.
func CheckClasses(name string, o Options) error {
	s, err := sourceNamed(name)
	if err != nil || s.layout == nil || len(s.Classes) > 1 || len(o.Folder.Classes) > 0 {
		return err
	}
	_, err = Classes(name, o.Dir)
	return err
}

// layout is what a directory holds.
type layout struct {
	classes     []string
	train, test Split
	others      int      // files that are no images by their names
	packed      *packing // nil: files
}

// testFolders are names for the folder of the test set, the first that is there is taken.
var testFolders = []string{"val", "validation", "test"}

// locateFolder finds dir, or a folder of the data set's name in it.
func locateFolder(name, dir string) (string, error) {
	for _, d := range []string{dir, filepath.Join(dir, name)} {
		for _, inside := range []string{"train", PackedFile} {
			if exists(filepath.Join(d, inside)) {
				return d, nil
			}
		}
	}
	classes, err := classesIn(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", &MissingError{dir, fmt.Sprintf("data directory %s does not exist; name one that holds train/CLASS/*.jpg and val/CLASS/*.jpg, or CLASS/*.jpg, or what \"qat data pack\" made (--data, or data.root of the config)", dir)}
	case err != nil:
		return "", err
	case exists(filepath.Join(dir, planFile)):
		return "", &MissingError{dir, fmt.Sprintf("the packing of %s has not ended; run the same \"qat data pack\" again, which goes on with it", dir)}
	case name == "imagenet" || len(classes) == 0:
		return "", &MissingError{dir, fmt.Sprintf("data directory %s holds neither train/CLASS/*.jpg nor what \"qat data pack\" made; %s is not downloaded: get it from its owners, or use data.dataset: folder for images of your own", dir, name)}
	}
	return dir, nil
}

// openFolder lists a directory.
func openFolder(name, dir string, f Folder) (*layout, error) {
	dir, err := locateFolder(name, dir)
	if err != nil {
		return nil, err
	}
	p := &layout{}
	switch {
	case exists(filepath.Join(dir, PackedFile)):
		p, err = openPacked(dir)
	case exists(filepath.Join(dir, "train")):
		err = p.split(dir, f)
	default:
		err = p.share(dir, f)
	}
	if err == nil && len(f.Classes) > 0 {
		err = p.order(dir, f.Classes)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// order numbers the classes as they are wanted.
func (p *layout) order(dir string, classes []string) error {
	of := map[string]int32{}
	for i, c := range classes {
		of[c] = int32(i)
	}
	to := make([]int32, len(p.classes))
	for i, c := range p.classes {
		label, wanted := of[c]
		if !wanted {
			return fmt.Errorf("%s has class %q, which data.classes lacks", dir, c)
		}
		to[i] = label
		delete(of, c)
	}
	for _, c := range classes {
		if _, left := of[c]; left {
			return fmt.Errorf("%s has no class %q, which data.classes names", dir, c)
		}
	}
	for _, s := range []Split{p.train, p.test} {
		for i, label := range s.Labels {
			s.Labels[i] = to[label]
		}
	}
	p.classes = classes
	return nil
}

// split lists train/CLASS/* and the same of a test folder, or a flat one with its list.
func (p *layout) split(dir string, f Folder) (err error) {
	train := filepath.Join(dir, "train")
	if p.classes, err = classesIn(train); err != nil {
		return err
	}
	if len(p.classes) == 0 {
		return fmt.Errorf("%s: no folders of classes; wanted train/CLASS/*.jpg", train)
	}
	l, err := list(dir, "train", p.classes, f.Fit.Turn)
	if err != nil {
		return err
	}
	p.train, p.others = Split{Labels: l.labels, Images: l.files}, l.others
	at := slices.IndexFunc(testFolders, func(name string) bool { return exists(filepath.Join(dir, name)) })
	if at < 0 {
		return fmt.Errorf("%s: no test images; wanted val/CLASS/*.jpg beside train (or validation, or test)", dir)
	}
	test := filepath.Join(dir, testFolders[at])
	classes, err := classesIn(test)
	if err != nil {
		return err
	}
	if len(classes) == 0 {
		l, err = flat(dir, testFolders[at], p.classes, f.Fit.Turn)
	} else if extra := slices.IndexFunc(classes, func(c string) bool { return !slices.Contains(p.classes, c) }); extra >= 0 {
		return fmt.Errorf("%s: class %q is not in %s", test, classes[extra], train)
	} else if l, err = list(dir, testFolders[at], classes, f.Fit.Turn); err == nil {
		to := make([]int32, len(classes)) // a class may have no test images
		for i, c := range classes {
			to[i] = int32(slices.Index(p.classes, c))
		}
		for i, label := range l.labels {
			l.labels[i] = to[label]
		}
	}
	if err != nil {
		return err
	}
	p.test, p.others = Split{Labels: l.labels, Images: l.files}, p.others+l.others
	return nil
}

// share lists CLASS/* and takes a share of each class as the test set.
func (p *layout) share(dir string, f Folder) (err error) {
	if p.classes, err = classesIn(dir); err != nil {
		return err
	}
	if i := slices.IndexFunc(p.classes, func(c string) bool { return slices.Contains(testFolders, c) }); i >= 0 {
		return fmt.Errorf("%s holds %s but no train; wanted both, or folders of classes alone", dir, p.classes[i])
	}
	l, err := list(dir, "", p.classes, f.Fit.Turn)
	if err != nil {
		return err
	}
	p.others = l.others
	all := Split{Labels: l.labels, Images: l.files}
	images := make([]int, len(p.classes))
	for _, label := range l.labels {
		images[label]++
	}
	if c := slices.Index(images, 0); c >= 0 {
		return fmt.Errorf("%s: class %q has 0 images; add some, or remove its folder", dir, p.classes[c])
	}
	train, test, err := shareOf(dir, l.labels, p.classes, f.TestShare, f.SplitSeed)
	if err != nil {
		return err
	}
	p.train, p.test = all.pick(train), all.pick(test)
	return nil
}
