package datasets

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"github.com/qat-go/qat/internal/regular"
)

// Description says what there is of a data set.
type Description struct {
	Name     string   `json:"name"`
	Classes  []string `json:"classes"`
	Height   int      `json:"height,omitempty"` // of every image; 0 of images in files, which have sizes of their own
	Width    int      `json:"width,omitempty"`
	Channels int      `json:"channels"`
	Files    []File   `json:"files,omitempty"`

	Splits []SplitInfo `json:"splits,omitempty"` // of images in files and of arrays

	// of images in files
	Sizes  string `json:"sizes,omitempty"`
	Packed string `json:"packed,omitempty"` // what made it
	Others int    `json:"others,omitempty"` // files that are no images by their names
}

// SplitInfo is how many images a split has of each class.
type SplitInfo struct {
	Name   string `json:"name"`
	Images int    `json:"images"`
	Counts []int  `json:"counts,omitempty"` // by label; nil of arrays
}

// PerClass says how even the classes are: "" where they were not counted.
func (s SplitInfo) PerClass() string {
	if len(s.Counts) == 0 || s.Images == 0 {
		return ""
	}
	if least, most := slices.Min(s.Counts), slices.Max(s.Counts); least < most {
		return fmt.Sprintf("%d to %d a class", least, most)
	}
	return fmt.Sprintf("%d a class", s.Counts[0])
}

// File is a file of a data set. One that is embedded has no Path and holds both
// splits.
type File struct {
	Path   string `json:"path,omitempty"`
	Split  string `json:"split"`
	Images int    `json:"images"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // in hex
}

// Info describes the data set of the given name. It fails as [Open] does
// if a file is missing or has no whole number of records; labels it leaves to
// Open. Of images in files it looks at the sizes of some.
func Info(name string, o Options) (*Description, error) {
	s, err := sourceOf(name, o)
	if err != nil {
		return nil, err
	}
	d := s.describe()
	if s.layout != nil {
		return layoutInfo(s, o)
	}
	var files []File
	if s.files != nil {
		if files, err = s.files(o.Dir); err != nil {
			return nil, err
		}
	}
	description := &Description{Name: name, Classes: d.Classes, Height: d.Height, Width: d.Width, Channels: d.Channels, Files: files}
	if s.counts != nil {
		train, test, err := s.counts(o.Dir)
		if err != nil {
			return nil, err
		}
		description.Splits = []SplitInfo{{Name: "train", Images: train}, {Name: "test", Images: test}}
	}
	return description, nil
}

// looked is how many images' sizes are looked at.
const looked = 200

func layoutInfo(s Source, o Options) (*Description, error) {
	l, err := s.layout(o.Dir)
	if err != nil {
		return nil, err
	}
	d := &Description{Name: s.Name, Classes: l.classes, Channels: 3, Others: l.others}
	var sides []int
	for _, split := range []Split{{Name: "train", Labels: l.train.Labels, Images: l.train.Images}, {Name: "test", Labels: l.test.Labels, Images: l.test.Images}} {
		info := SplitInfo{split.Name, split.Len(), make([]int, len(l.classes))}
		for _, label := range split.Labels {
			info.Counts[label]++
		}
		d.Splits = append(d.Splits, info)
		for i := 0; i < split.Len(); i += max(split.Len()/looked, 1) {
			if im, err := split.Images.Image(i); err == nil {
				sides = append(sides, im.Height, im.Width)
			}
		}
	}
	if len(sides) > 0 {
		d.Sizes = fmt.Sprintf("%d to %d pixels on a side (%d looked at)", slices.Min(sides), slices.Max(sides), len(sides)/2)
	} else {
		d.Sizes = "unknown size: none that was looked at can be read"
	}
	if l.packed != nil {
		d.Packed = fmt.Sprintf("from %s by %s, shorter side %s, %s", l.packed.Source, l.packed.Decoder, orAny(l.packed.ShorterSide), l.packed.Filter)
	}
	return d, nil
}

func orAny(side int) string {
	if side == 0 {
		return "as it was"
	}
	return fmt.Sprint(side)
}

// Count returns how many images the data set of the given name has, or will have once it is there. Images in files are not
// counted, which would take as long as [Open]: it is the number that is usual for the data set.
func Count(name string, o Options) int {
	s, err := sourceOf(name, o)
	if err != nil {
		return 0
	}
	if s.images != nil {
		if n, err := s.images(o.Dir); err == nil { // else Open tells
			return n
		}
	}
	if s.counts != nil {
		if train, test, err := s.counts(o.Dir); err == nil { // else Open tells
			return train + test
		}
	}
	return s.Train + s.Test
}

func miniInfo(string) ([]File, error) {
	sum := sha256.Sum256(miniFile)
	return []File{{"", "train, test", miniTrain + miniTest, int64(len(miniFile)), hex.EncodeToString(sum[:])}}, nil
}

func fileSHA256(path string) (string, error) {
	f, _, err := regular.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
