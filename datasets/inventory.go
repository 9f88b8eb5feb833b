package datasets

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// parted are images whose parts tell one data set from another: files, shards.
type parted interface {
	// part is where image i lies, without the directory of the data set, and what tells it from another of that name;
	// alone says that it holds no other image.
	part(i int) (name, content string, alone bool)
}

// Inventory writes what the data set is made of: a line for each file of images or shard, with its name, the split, the class
// and what tells its content from another's, separated by tabs. Directories do not count. Of a split in memory it is a line
// for the labels; of its pixels there is [Split.Checksum].
func (d *Dataset) Inventory(w io.Writer) error {
	if d == nil || w == nil {
		return errors.New("there is nothing to list, or to write to; want a data set and a writer")
	}
	b := bufio.NewWriter(w)
	line := func(name, split, class, content string) {
		fmt.Fprintf(b, "%q\t%s\t%q\t%s\n", name, split, class, content)
	}
	for _, s := range []Split{d.Train, d.Validation, d.Test} {
		p, ok := s.Images.(parted)
		if !ok && s.Len() > 0 {
			line(s.Name+" labels", s.Name, "", fmt.Sprintf("%d of SHA-256 %.12x...", s.Len(), sha256.Sum256(labelBytes(s.Labels))))
			continue
		}
		last := ""
		for i, label := range s.Labels {
			switch name, content, alone := p.part(i); {
			case alone:
				line(name, s.Name, d.Classes[label], content)
			case name != last:
				line(name, s.Name, "", content)
				last = name
			}
		}
	}
	return b.Flush()
}

// told is how many changes of a kind are told one by one.
const told = 3

// Changes says in which parts two inventories differ: the first few of each kind, then how many others.
func Changes(then, now []byte) (changes []string) {
	a, b := sortedLines(then), sortedLines(now)
	kinds := make([][]string, 5) // by weight: a file that is new may move others to another split
	others := 0
	tell := func(kind int, format string, args ...any) {
		if len(kinds[kind]) == told {
			others++
			return
		}
		kinds[kind] = append(kinds[kind], fmt.Sprintf(format, args...))
	}
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(a) == 0 || len(b) > 0 && b[0][0] < a[0][0]:
			tell(1, "%s is new", b[0][0])
			b = b[1:]
			continue
		case len(b) == 0 || a[0][0] < b[0][0]:
			tell(0, "%s is gone", a[0][0])
			a = a[1:]
			continue
		}
		x, y := a[0], b[0]
		a, b = a[1:], b[1:]
		switch {
		case x[3] != y[3]:
			tell(2, "%s is %s, was %s", x[0], y[3], x[3])
		case x[2] != y[2]:
			tell(3, "%s is of class %s, was of %s", x[0], y[2], x[2])
		case x[1] != y[1]:
			tell(4, "%s is in the %s split, was in %s", x[0], y[1], x[1])
		}
	}
	changes = slices.Concat(kinds...)
	if others > 0 {
		changes = append(changes, fmt.Sprintf("and %d more", others))
	}
	return changes
}

// sortedLines are the lines of an inventory, each in four parts, by their names.
func sortedLines(text []byte) [][4]string {
	var all [][4]string
	for line := range strings.Lines(string(text)) {
		var parts [4]string
		copy(parts[:], strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
		all = append(all, parts)
	}
	slices.SortFunc(all, func(x, y [4]string) int { return cmp.Or(strings.Compare(x[0], y[0]), strings.Compare(x[1], y[1])) })
	return all
}
