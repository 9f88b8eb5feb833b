package datasets

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"

	"github.com/qat-go/qat/internal/atomicfile"
	"github.com/qat-go/qat/internal/regular"
	"github.com/qat-go/qat/internal/resize"
)

// PackOptions says how Pack works.
type PackOptions struct {
	ShorterSide int // larger images are resized to it; 0 keeps all as they are
	Shard       int // images in a pair of files; 0 is 4096. It changes no bit of what is trained
	Workers     int // that decode; 0: one for each CPU

	// Progress, unless nil, is told of the images that are packed, of all.
	Progress func(done, total int)
}

// errNotPackable says that a data set is in memory as it is.
var errNotPackable = errors.New("only folders of images (imagenet, folder) are packed: other data sets are read into memory whole")

// Pack decodes the images of a data set of files once, and writes them to the folder out, from which they are read many times as
// fast: [Open] takes that folder in place of the original. Images keep their order, so that training sees the same ones; those
// larger than ShorterSide are resized, by the filter of o.Folder.Fit. A packing that was interrupted goes on where it stopped.
// Images that cannot be read are left out, up to o.MaxBroken.
func Pack(ctx context.Context, name string, o Options, out string, p PackOptions) error {
	ctx = cmp.Or(ctx, context.Background())
	s, err := sourceOf(name, o)
	if err != nil {
		return err
	}
	if s.layout == nil {
		return fmt.Errorf("%s: %w", name, errNotPackable)
	}
	if p.ShorterSide < 0 || p.ShorterSide > math.MaxUint16 || p.Shard < 0 || p.Workers < 0 {
		return fmt.Errorf("want a shorter side of 0 to %d, a shard of 0 or more images and 0 or more workers, found %d, %d and %d", math.MaxUint16, p.ShorterSide, p.Shard, p.Workers)
	}
	l, err := s.layout(o.Dir)
	if err != nil {
		return err
	}
	if _, again := l.train.Images.(*packed); again {
		return fmt.Errorf("%s %w", o.Dir, errPackedTwice)
	}
	if err := os.MkdirAll(out, 0o777); err != nil {
		return err
	}
	w := &packer{
		PackOptions: p, out: out, total: l.train.Len() + l.test.Len(), broken: &Broken{Max: o.MaxBroken}, filter: s.fit.filter(),
		packing: packing{Format: packedFormat, Source: name, Decoder: decoder(), ShorterSide: p.ShorterSide, Filter: string(s.fit.filter()), Turned: o.Folder.Fit.Turn, Classes: l.classes},
	}
	w.Shard, w.Workers = cmp.Or(p.Shard, 4096), cmp.Or(p.Workers, runtime.GOMAXPROCS(0))
	if done, err := w.begin(l); done || err != nil {
		return err
	}
	if w.packing.Train, err = w.split(ctx, "train", l.train); err != nil {
		return err
	}
	if w.packing.Test, err = w.split(ctx, "test", l.test); err != nil {
		return err
	}
	return w.end()
}

type packer struct {
	PackOptions
	out         string
	done, total int
	broken      *Broken
	filter      resize.Filter
	packing     packing
}

// planFile says what a packing that goes on was begun with.
const planFile = "packing.json"

// plan is what has to stay the same.
type plan struct {
	packing
	Shard  int    `json:"shard"`
	Images string `json:"images"` // SHA-256 of names, sizes and labels
}

// begin compares with what lies in the folder; done says that all is there.
func (w *packer) begin(l *layout) (done bool, err error) {
	h := sha256.New()
	h.Write(l.train.fingerprint())
	h.Write(l.test.fingerprint())
	now, err := json.MarshalIndent(plan{w.packing, w.Shard, hex.EncodeToString(h.Sum(nil))}, "", " ")
	if err != nil {
		return false, err
	}
	path := filepath.Join(w.out, planFile)
	then, err := regular.Read(path, maxList)
	switch {
	case errors.Is(err, fs.ErrNotExist) && exists(filepath.Join(w.out, PackedFile)):
		return false, fmt.Errorf("%s holds a packed data set that was not made by this command; choose another folder", w.out)
	case errors.Is(err, fs.ErrNotExist):
		entries, err := os.ReadDir(w.out)
		if err != nil {
			return false, err
		}
		for _, e := range entries {
			if !atomicfile.Temporary(e.Name()) {
				return false, fmt.Errorf("%s is not empty (%s); choose another folder", w.out, e.Name())
			}
		}
		return false, atomicfile.WriteBytes(path, now)
	case err != nil:
		return false, err
	case string(then) != string(now):
		return false, fmt.Errorf("%s was packed from other images, or with other options or another version of the decoder (%s); choose another folder", w.out, planFile)
	}
	atomicfile.Clean(w.out)
	if !exists(filepath.Join(w.out, PackedFile)) {
		return false, nil
	}
	_, err = openPacked(w.out)
	return true, err
}

// packedShard is what a finished shard leaves until all are.
type packedShard struct {
	shard
	Skipped []string `json:"skipped,omitempty"`
}

const recordEnding = ".done"

// split packs one split, shard by shard.
func (w *packer) split(ctx context.Context, name string, s Split) (shards []shard, err error) {
	for first, k := 0, 0; first < s.Len(); first, k = first+w.Shard, k+1 {
		n := min(w.Shard, s.Len()-first)
		shardName := fmt.Sprintf("%s-%05d", name, k)
		path := filepath.Join(w.out, shardName+recordEnding)
		var r packedShard
		if data, err := regular.Read(path, maxList); err == nil && json.Unmarshal(data, &r) == nil && r.Name == shardName {
			w.done += n
			w.tell()
		} else if r, err = w.shard(ctx, shardName, s, first, n); err != nil {
			return nil, err
		} else if data, err = json.Marshal(r); err != nil {
			return nil, err
		} else if err = atomicfile.WriteBytes(path, data); err != nil {
			return nil, err
		}
		shards = append(shards, r.shard)
		w.packing.Skipped = append(w.packing.Skipped, r.Skipped...)
	}
	return shards, nil
}

func (w *packer) tell() {
	if w.Progress != nil {
		w.Progress(w.done, w.total)
	}
}

// shard packs images first to first+n of a split: decoded by several, written in order.
func (w *packer) shard(ctx context.Context, name string, s Split, first, n int) (r packedShard, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		im  Image
		err error
	}
	results := make([]chan result, n)
	for i := range results {
		results[i] = make(chan result, 1)
	}
	ahead := make(chan struct{}, 2*w.Workers) // images that are decoded and not yet written
	next := make(chan int)
	for range w.Workers {
		go func() {
			for i := range next {
				im, err := w.image(s, first+i)
				results[i] <- result{im, err}
			}
		}()
	}
	go func() {
		defer close(next)
		for i := range n {
			select {
			case <-ctx.Done():
				return
			case ahead <- struct{}{}:
				next <- i
			}
		}
	}()
	r.Name = name
	var index []byte
	pixels := sha256.New()
	err = atomicfile.Write(filepath.Join(w.out, name+shardImages), func(file io.Writer) error {
		for i := range n {
			var got result
			select {
			case <-ctx.Done():
				return ctx.Err()
			case got = <-results[i]:
			}
			<-ahead
			w.done++
			w.tell()
			if got.err != nil {
				if err := w.broken.add(s.Images.Name(first+i), got.err); err != nil {
					return err
				}
				r.Skipped = append(r.Skipped, got.err.Error())
				continue
			}
			index = binary.LittleEndian.AppendUint32(index, uint32(s.Labels[first+i]))
			index = binary.LittleEndian.AppendUint16(index, uint16(got.im.Height))
			index = binary.LittleEndian.AppendUint16(index, uint16(got.im.Width))
			pixels.Write(got.im.Pixels)
			r.Bytes += int64(len(got.im.Pixels))
			r.Images++
			if _, err := file.Write(got.im.Pixels); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	sum := sha256.Sum256(index)
	r.SHA256, r.Index = hex.EncodeToString(pixels.Sum(nil)), hex.EncodeToString(sum[:])
	return r, atomicfile.WriteBytes(filepath.Join(w.out, name+shardIndex), index)
}

// image reads and resizes an image.
func (w *packer) image(s Split, i int) (Image, error) {
	im, err := s.Images.Image(i)
	if err != nil {
		return im, err
	}
	if w.ShorterSide > 0 && min(im.Height, im.Width) > w.ShorterSide {
		height, width := shorter(w.ShorterSide, im.Height, im.Width)
		im = Image{height, width, resize.Scale(w.filter, im.Pixels, im.Height, im.Width, 3, height, width)}
	}
	if max(im.Height, im.Width) > math.MaxUint16 {
		return im, fmt.Errorf("%s: %dx%d pixels, more than %d on a side", s.Images.Name(i), im.Height, im.Width, math.MaxUint16)
	}
	return im, nil
}

// end writes the file that makes the folder a data set, and removes what was for going on.
func (w *packer) end() error {
	data, err := json.MarshalIndent(w.packing, "", " ")
	if err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(filepath.Join(w.out, PackedFile), data); err != nil {
		return err
	}
	for _, shards := range [][]shard{w.packing.Train, w.packing.Test} {
		for _, s := range shards {
			if err := os.Remove(filepath.Join(w.out, s.Name+recordEnding)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}
