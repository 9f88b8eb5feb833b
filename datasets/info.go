package datasets

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"

	"github.com/qat-go/qat/internal/regular"
)

// Description says what there is of a data set.
type Description struct {
	Name     string   `json:"name"`
	Classes  []string `json:"classes"`
	Height   int      `json:"height"`
	Width    int      `json:"width"`
	Channels int      `json:"channels"`
	Files    []File   `json:"files"`
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

// Info describes the data set of the given name in dir. It fails as [Open] does
// if a file is missing or has no whole number of records; labels it leaves to
// Open.
func Info(name, dir string) (*Description, error) {
	s, err := sourceNamed(name)
	if err != nil {
		return nil, err
	}
	var files []File
	if s.files != nil {
		if files, err = s.files(dir); err != nil {
			return nil, err
		}
	}
	d := s.describe()
	return &Description{name, d.Classes, d.Height, d.Width, d.Channels, files}, nil
}

// Images returns how many images the data set of the given name has, or will have once it is there.
func Images(name string, o Options) int {
	s, err := sourceOf(name, o)
	if err != nil {
		return 0
	}
	if s.images != nil {
		if n, err := s.images(o.Dir); err == nil { // else Open tells
			return n
		}
	}
	return s.Train + s.Test
}

func cifar10Images(dir string) (n int, err error) {
	_, counts, err := findCIFAR10(dir)
	for _, c := range counts {
		n += c
	}
	return n, err
}

func cifar10Info(dir string) ([]File, error) {
	folder, counts, err := findCIFAR10(dir)
	if err != nil {
		return nil, err
	}
	files := make([]File, len(cifar10Files))
	for i, name := range cifar10Files {
		path := filepath.Join(folder, name)
		sum, err := fileSHA256(path)
		if err != nil {
			return nil, err
		}
		files[i] = File{path, "train", counts[i], int64(counts[i]) * cifarRecord, sum}
	}
	files[len(files)-1].Split = "test"
	return files, nil
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
