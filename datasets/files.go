package datasets

import (
	"fmt"
	"hash"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/qat-go/qat/internal/imagefile"
)

// imageExtensions are the endings of what is taken for an image, in any case; what is in the file decides how it is read.
var imageExtensions = []string{".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp"}

func isImage(name string) bool {
	return slices.Contains(imageExtensions, strings.ToLower(filepath.Ext(name))) && !strings.HasPrefix(name, ".")
}

// files are images in files. Over a million of them take tens of MB: names lie in one piece, folders once.
type files struct {
	root    string
	turn    bool // by the orientation tag
	folders []string
	folder  []int32  // of each image, in folders
	text    []byte   // names, one after another
	ends    []uint32 // of names in text

	measured sync.Once
	bytes    []uint32 // sizes, once they were asked for: each takes a look at the file
}

func (f *files) Len() int { return len(f.ends) }

func (f *files) name(i int) string {
	from := uint32(0)
	if i > 0 {
		from = f.ends[i-1]
	}
	return string(f.text[from:f.ends[i]])
}

// relative is the path below root.
func (f *files) relative(i int) string { return filepath.Join(f.folders[f.folder[i]], f.name(i)) }

func (f *files) Name(i int) string { return filepath.Join(f.root, f.relative(i)) }

func (f *files) part(i int) (name, content string, alone bool) {
	return filepath.ToSlash(f.relative(i)), fmt.Sprintf("%d bytes", f.sizes()[i]), true
}

func (f *files) Image(i int) (Image, error) {
	return readImage(f.Name(i), f.turn)
}

// Fingerprint is of names and sizes.
func (f *files) Fingerprint(h hash.Hash) {
	var line []byte
	for i, size := range f.sizes() {
		line = fmt.Appendf(line[:0], "%s/%s %d\n", filepath.ToSlash(f.folders[f.folder[i]]), filepath.ToSlash(f.name(i)), size)
		h.Write(line)
	}
}

// lookers look at files at once: one that lies on another machine takes a while to answer.
const lookers = 16

// sizes are the bytes of each file; 0 of one that is not there, and of one that Image finds too large a byte more than the most.
func (f *files) sizes() []uint32 {
	f.measured.Do(func() {
		f.bytes = make([]uint32, f.Len())
		var wg sync.WaitGroup
		for w := range lookers {
			wg.Go(func() {
				for i := w; i < len(f.bytes); i += lookers {
					if info, err := os.Stat(f.Name(i)); err == nil {
						f.bytes[i] = uint32(min(info.Size(), imagefile.MaxBytes+1))
					}
				}
			})
		}
		wg.Wait()
	})
	return f.bytes
}

// add appends an image.
func (f *files) add(folder int32, name string) error {
	if len(f.text)+len(name) > math.MaxUint32 {
		return fmt.Errorf("%s: the names of the images are longer than 4 GB", f.root)
	}
	f.text = append(f.text, name...)
	f.ends = append(f.ends, uint32(len(f.text)))
	f.folder = append(f.folder, folder)
	return nil
}

// listing is the images of one split as the folders have them.
type listing struct {
	files  *files
	labels []int32
	others int // files that are no images by their names
}

// list reads the folders of classes below root/split ("" is root itself), in the order of their names. A class's images are those
// of its folder and of all folders below it, by their paths.
func list(root, split string, classes []string, turn bool) (*listing, error) {
	l := &listing{files: &files{root: root, turn: turn}}
	for label, class := range classes {
		folder := filepath.Join(split, class)
		before := l.files.Len()
		if err := l.walk(folder, int32(label)); err != nil {
			return nil, err
		}
		if l.files.Len() == before {
			return nil, fmt.Errorf("%s: no image of class %q; wanted files that end in %s", filepath.Join(root, folder), class, strings.Join(imageExtensions, ", "))
		}
	}
	return l, nil
}

// maxDepth is how many folders may lie in each other below a class, so that links that lead back end.
const maxDepth = 16

func (l *listing) walk(folder string, label int32) error {
	if strings.Count(filepath.ToSlash(folder), "/") > maxDepth {
		return fmt.Errorf("%s: more than %d folders in each other; does a link lead back?", filepath.Join(l.files.root, folder), maxDepth)
	}
	entries, err := os.ReadDir(filepath.Join(l.files.root, folder))
	if err != nil {
		return err
	}
	own := int32(-1)
	for _, e := range entries {
		switch {
		case isFolder(l.files.root, folder, e):
			if err := l.walk(filepath.Join(folder, e.Name()), label); err != nil {
				return err
			}
			continue
		case !isImage(e.Name()):
			l.others++
			continue
		}
		if own < 0 {
			own = int32(len(l.files.folders))
			l.files.folders = append(l.files.folders, folder)
		}
		if err := l.files.add(own, e.Name()); err != nil {
			return err
		}
		l.labels = append(l.labels, label)
	}
	return nil
}

// isFolder tells that an entry of root/folder is a folder, or a link to one. Entries tell what they are, so that no other file is
// looked at: what is no image is told when it is read.
func isFolder(root, folder string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.IsDir()
	}
	info, err := os.Stat(filepath.Join(root, folder, e.Name()))
	return err == nil && info.IsDir()
}

// checkClass reports a name that configs and exports, which are UTF-8, cannot have.
func checkClass(name string) error {
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return fmt.Errorf("%q cannot name a class: it is not UTF-8, or has control characters; rename it", name)
	}
	return nil
}

// classesIn are the names of the folders in a folder, in their order.
func classesIn(folder string) (names []string, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if isFolder(folder, "", e) {
			if err := checkClass(e.Name()); err != nil {
				return nil, fmt.Errorf("%s: %w", folder, err)
			}
			names = append(names, e.Name())
		}
	}
	return names, nil
}
