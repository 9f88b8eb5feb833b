package datasets

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"sync"

	"github.com/qat-go/qat/internal/regular"
)

// A packed data set is a folder of decoded images, in the order of the data set that it was made of:
//
//	packed.json              what it is (type packing), written last
//	train-00000.images ...   the pixels of images, (H, W, 3) bytes each, one after another
//	train-00000.index ...    8 bytes an image, lowest first: uint32 label, uint16 height, uint16 width
//
// and the same of test.

// PackedFile is the file by which a folder is known for a packed data set.
const PackedFile = "packed.json"

// packedFormat is the version of the format.
const packedFormat = 1

// packing is the content of PackedFile.
type packing struct {
	Format      int      `json:"format"`
	Source      string   `json:"source"` // the data set's name
	Decoder     string   `json:"decoder"`
	ShorterSide int      `json:"shorter_side"` // larger images were resized to it; 0: none
	Filter      string   `json:"filter"`
	Turned      bool     `json:"turned"` // by orientation tags
	Classes     []string `json:"classes"`
	Train       []shard  `json:"train"`
	Test        []shard  `json:"test"`
	Skipped     []string `json:"skipped,omitempty"` // images that could not be read
}

// shard is a pair of files.
type shard struct {
	Name   string `json:"name"` // without its ending
	Images int    `json:"images"`
	Bytes  int64  `json:"bytes"`  // of pixels
	SHA256 string `json:"sha256"` // of pixels, in hex
	Index  string `json:"index"`  // SHA-256 of the index
}

const (
	shardImages, shardIndex = ".images", ".index"
	indexRecord             = 8
)

// decoder names what turns files into pixels; another may give others.
func decoder() string { return runtime.Version() + " image, x/image" }

// packed are the images of a split of a packed data set.
type packed struct {
	dir    string
	shards []shard
	first  []int    // of each shard, the number of its first image
	shapes []uint32 // of each image: height<<16 | width
	starts []int64  // of each image, in its shard
	files  []*lazyFile
}

// lazyFile is opened when it is first read.
type lazyFile struct {
	once sync.Once
	file *os.File
	err  error
}

func (p *packed) Len() int { return len(p.shapes) }

// at finds the shard of an image.
func (p *packed) at(i int) int { return sort.SearchInts(p.first, i+1) - 1 }

func (p *packed) Name(i int) string {
	s := p.at(i)
	return fmt.Sprintf("%s, image %d", filepath.Join(p.dir, p.shards[s].Name+shardImages), i-p.first[s])
}

func (p *packed) Image(i int) (Image, error) {
	s := p.at(i)
	f := p.files[s]
	f.once.Do(func() { f.file, _, f.err = regular.Open(filepath.Join(p.dir, p.shards[s].Name+shardImages)) })
	if f.err != nil {
		return Image{}, f.err
	}
	im := Image{Height: int(p.shapes[i] >> 16), Width: int(p.shapes[i] & 0xffff)}
	im.Pixels = make([]uint8, 3*im.Height*im.Width)
	if _, err := f.file.ReadAt(im.Pixels, p.starts[i]); err != nil {
		return Image{}, fmt.Errorf("%s: %w", p.Name(i), err)
	}
	return im, nil
}

// Fingerprint is of the checksums that the folder keeps.
func (p *packed) Fingerprint(h hash.Hash) {
	for i, s := range p.shards {
		fmt.Fprintln(h, s.Images, s.Bytes, s.SHA256, s.Index, p.first[i])
	}
}

func (p *packed) part(i int) (name, content string, alone bool) {
	s := p.shards[p.at(i)]
	return s.Name, fmt.Sprintf("%d images of SHA-256 %s and %s", s.Images, s.SHA256, s.Index), false
}

// packAnew is what to do about damage: a packing that has ended is not begun again where it lies.
const packAnew = "remove the folder and pack again"

// lost says of a file that is gone what to do.
func lost(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the packed data set is damaged: %w; "+packAnew, err)
	}
	return err
}

// readPacking reads and checks PackedFile.
func readPacking(dir string) (*packing, error) {
	path := filepath.Join(dir, PackedFile)
	data, err := regular.Read(path, maxList)
	if err != nil {
		return nil, err
	}
	var p packing
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w; "+packAnew, path, err)
	}
	switch {
	case p.Format > packedFormat:
		return nil, fmt.Errorf("%s has format %d; this version reads up to %d: use a newer one, or pack again", path, p.Format, packedFormat)
	case p.Format < 1 || len(p.Classes) == 0 || len(p.Train) == 0:
		return nil, fmt.Errorf("%s is damaged: format %d, %d classes, %d shards of training images; "+packAnew, path, p.Format, len(p.Classes), len(p.Train))
	}
	for _, s := range slices.Concat(p.Train, p.Test) {
		if s.Name != filepath.Base(s.Name) {
			return nil, fmt.Errorf("%s is damaged: %q is not the name of a shard; "+packAnew, path, s.Name)
		}
	}
	seen := make(map[string]bool, len(p.Classes))
	for _, c := range p.Classes {
		if err := checkClass(c); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if seen[c] {
			return nil, fmt.Errorf("%s is damaged: the class %q is listed twice; "+packAnew, path, c)
		}
		seen[c] = true
	}
	return &p, nil
}

// openPacked is the data set of a packed folder.
func openPacked(dir string) (*layout, error) {
	p, err := readPacking(dir)
	if err != nil {
		return nil, err
	}
	l := &layout{classes: p.Classes, packed: p}
	if l.train, err = openShards(dir, p.Train, len(p.Classes)); err == nil {
		l.test, err = openShards(dir, p.Test, len(p.Classes))
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// checkTurned reports that images are wanted by another orientation than they were packed in.
func (p *packing) checkTurned(dir string, f Fit) error {
	if p == nil || f.Turn == p.Turned {
		return nil
	}
	return fmt.Errorf("%s was packed with data.exif: %s; say so in the config, or pack again", dir, map[bool]string{true: "apply", false: "ignore"}[p.Turned])
}

// openShards reads the indices.
func openShards(dir string, shards []shard, classes int) (s Split, err error) {
	p := &packed{dir: dir, shards: shards}
	for _, sh := range shards {
		path := filepath.Join(dir, sh.Name+shardIndex)
		index, err := regular.Read(path, indexRecord*math.MaxInt32)
		if err != nil {
			return s, lost(err)
		}
		if sum := sha256.Sum256(index); hex.EncodeToString(sum[:]) != sh.Index || len(index) != indexRecord*sh.Images {
			return s, fmt.Errorf("%s is damaged: %d bytes with SHA-256 %.12x..., wanted %d with %.12s...; "+packAnew, path, len(index), sum, indexRecord*sh.Images, sh.Index)
		}
		p.first = append(p.first, p.Len())
		p.files = append(p.files, &lazyFile{})
		start := int64(0)
		for r := index; len(r) > 0; r = r[indexRecord:] {
			label, h, w := binary.LittleEndian.Uint32(r), binary.LittleEndian.Uint16(r[4:]), binary.LittleEndian.Uint16(r[6:])
			if int64(label) >= int64(classes) || h == 0 || w == 0 {
				return s, fmt.Errorf("%s is damaged: image %d has label %d of %d and %dx%d pixels; "+packAnew, path, (len(index)-len(r))/indexRecord, label, classes, h, w)
			}
			s.Labels = append(s.Labels, int32(label))
			p.shapes = append(p.shapes, uint32(h)<<16|uint32(w))
			p.starts = append(p.starts, start)
			start += 3 * int64(h) * int64(w)
		}
		images := filepath.Join(dir, sh.Name+shardImages)
		info, err := os.Stat(images)
		if err != nil {
			return s, lost(err)
		}
		if start != sh.Bytes || info.Size() != sh.Bytes {
			return s, fmt.Errorf("%s is damaged: %d bytes, wanted %d; "+packAnew, images, info.Size(), start)
		}
	}
	s.Images = p
	return s, nil
}

// verify compares a shard's pixels with their checksum.
func (s shard) verify(dir string) error {
	path := filepath.Join(dir, s.Name+shardImages)
	sum, err := fileSHA256(path)
	if err != nil {
		return err
	}
	if sum != s.SHA256 {
		return fmt.Errorf("%s is damaged: its SHA-256 is %.12s..., wanted %.12s...; "+packAnew, path, sum, s.SHA256)
	}
	return nil
}

var errPackedTwice = errors.New("is packed already")
