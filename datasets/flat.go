package datasets

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/qat-go/qat/internal/regular"
)

// maxList is the size of the largest list of labels, in bytes.
const maxList = 1 << 28

// A flat folder of test images has its labels in a list beside it or in it. Of these names the first that is there is taken:
//
//	val.txt                    a line an image: its file and its class, by name or by number (classes in the order of their names)
//	LOC_val_solution.csv       ImageId,PredictionString; the class is the prediction's first word
//	ILSVRC2012_validation_ground_truth.txt
//	                           a number a line, images in the order of their names. The numbers are those of the development
//	                           kit (ILSVRC2012_ID), not of sorted classes: synsets.txt has the class of each, a line a class
//	                           in the order of the numbers
//	imagenet_2012_validation_synset_labels.txt
//	                           a class a line, images in the order of their names
const (
	listNamed     = "val.txt"
	listKaggle    = "LOC_val_solution.csv"
	listOfficial  = "ILSVRC2012_validation_ground_truth.txt"
	listSynsets   = "synsets.txt"
	listInOrder   = "imagenet_2012_validation_synset_labels.txt"
	listWanted    = listNamed + " (a line an image: file and class)"
	officialFirst = "n02119789" // ILSVRC2012_ID 1, the kit fox
)

// readMeta writes the kit's classes to a file: in meta.mat, those that have no classes below them, by their numbers.
const readMeta = `python3 -c "import scipy.io; print(*[s[1] for s in sorted(scipy.io.loadmat('meta.mat', squeeze_me=True)['synsets'], key=lambda s: s[0]) if s[4] == 0], sep='\n')" > %q`

// flat lists a folder of images without folders of classes.
func flat(root, split string, classes []string, turn bool) (*listing, error) {
	l := &listing{files: &files{root: root, turn: turn}}
	if err := l.walk(split, -1); err != nil {
		return nil, err
	}
	folder := filepath.Join(root, split)
	if l.files.Len() == 0 {
		return nil, fmt.Errorf("%s: no images and no folders of classes", folder)
	}
	of := map[string]int32{}
	for i, c := range classes {
		of[c] = int32(i)
	}
	for _, name := range []string{listNamed, listKaggle, listOfficial, listInOrder} {
		for _, dir := range []string{folder, root} {
			path := filepath.Join(dir, name)
			if !exists(path) {
				continue
			}
			data, err := regular.Read(path, maxList)
			if err != nil {
				return nil, err
			}
			return l, l.label(path, data, classes, of)
		}
	}
	return nil, fmt.Errorf("%s: images without folders of classes, and no list of them; wanted %s, %s, %s or %s beside them", folder, listWanted, listKaggle, listOfficial, listInOrder)
}

// label gives each image its class from a list.
func (l *listing) label(path string, data []byte, classes []string, of map[string]int32) error {
	lines, err := readLines(data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	switch filepath.Base(path) {
	case listNamed:
		return l.byName(path, lines, false, classes, of)
	case listKaggle:
		if lines, err = kaggleLines(data); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return l.byName(path, lines, true, classes, of)
	case listOfficial:
		if lines, err = officialLines(path, lines); err != nil {
			return err
		}
	}
	if len(lines) != l.files.Len() {
		return fmt.Errorf("%s has %d labels; %s has %d images", path, len(lines), filepath.Join(l.files.root, l.files.folders[0]), l.files.Len())
	}
	for i, class := range lines {
		label, known := of[class]
		if !known {
			return fmt.Errorf("%s:%d: class %q is not among the training images", path, i+1, class)
		}
		l.labels[i] = label
	}
	return nil
}

// byName is of lines with a file and a class each. Files may lack their ending.
func (l *listing) byName(path string, lines []string, words bool, classes []string, of map[string]int32) error {
	at := map[string]int{}
	for i := range l.files.Len() {
		name := l.files.name(i)
		at[name] = i
		at[strings.TrimSuffix(name, filepath.Ext(name))] = i
	}
	found := 0
	for n, line := range lines {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(f) != 2 {
			return fmt.Errorf("%s:%d: wanted a file and its class, found %q", path, n+1, line)
		}
		i, known := at[filepath.Base(f[0])]
		if !known {
			return fmt.Errorf("%s:%d: there is no image %s", path, n+1, f[0])
		}
		label, known := of[f[1]]
		if k, err := strconv.Atoi(f[1]); !known && !words && err == nil && k >= 0 && k < len(classes) {
			label, known = int32(k), true
		}
		if !known {
			return fmt.Errorf("%s:%d: class %q is not among the training images", path, n+1, f[1])
		}
		if l.labels[i] >= 0 {
			return fmt.Errorf("%s:%d: a second label of %s", path, n+1, f[0])
		}
		l.labels[i] = label
		found++
	}
	if found < l.files.Len() {
		i := slices.Index(l.labels, -1)
		return fmt.Errorf("%s has labels of %d images; %s and %d others have none", path, found, l.files.Name(i), l.files.Len()-found-1)
	}
	return nil
}

// officialLines turns the development kit's numbers to classes.
func officialLines(path string, numbers []string) ([]string, error) {
	list := filepath.Join(filepath.Dir(path), listSynsets)
	data, err := regular.Read(list, maxList)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has the numbers of the development kit, which do not follow the names of the classes; wanted %s with the class of each number, a line a class (the first is %s), or %s. The kit's meta.mat has the classes: %s", path, list, officialFirst, listWanted, fmt.Sprintf(readMeta, list))
	}
	if err != nil {
		return nil, err
	}
	synsets, err := readLines(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", list, err)
	}
	for i, s := range synsets {
		synsets[i], _, _ = strings.Cut(s, " ") // a description may follow
	}
	classes := make([]string, len(numbers))
	for i, text := range numbers {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > len(synsets) {
			return nil, fmt.Errorf("%s:%d: wanted a number of 1 to %d (the lines of %s), found %q", path, i+1, len(synsets), list, text)
		}
		classes[i] = synsets[n-1]
	}
	return classes, nil
}

// kaggleLines turns ImageId,PredictionString to lines of a file and a class.
func kaggleLines(data []byte) (lines []string, err error) {
	r := csv.NewReader(bytes.NewReader(data))
	for {
		f, err := r.Read()
		if err == io.EOF {
			return lines, nil
		}
		if err != nil {
			return nil, err
		}
		if f[0] == "ImageId" {
			lines = append(lines, "")
			continue
		}
		class := ""
		if len(f) > 1 {
			class, _, _ = strings.Cut(strings.TrimSpace(f[1]), " ")
		}
		lines = append(lines, f[0]+" "+class)
	}
}

func readLines(data []byte) (lines []string, err error) {
	s := bufio.NewScanner(bytes.NewReader(data))
	for s.Scan() {
		lines = append(lines, strings.TrimSpace(s.Text()))
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines, s.Err()
}
