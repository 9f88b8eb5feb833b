// Package datasetstest makes data sets for tests: large ones that take no room on the disk.
package datasetstest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"testing"

	"github.com/qat-go/qat/internal/imagefile/imagefiletest"
)

// class is a name as ImageNet's classes have them.
func class(i int) string { return fmt.Sprintf("n%08d", 1000000+i) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Linked writes a data set "folder" or "imagenet" to dir: so many images of each class for training and for testing, all of a
// class links to one small file.
func Linked(t testing.TB, dir string, classes, train, test int) {
	t.Helper()
	for split, n := range map[string]int{"train": train, "val": test} {
		for c := range classes {
			folder := filepath.Join(dir, split, class(c))
			check(t, os.MkdirAll(folder, 0o777))
			m := image.NewRGBA(image.Rect(0, 0, 8+c%5, 8))
			for i := range m.Pix {
				m.Pix[i] = uint8(c + i)
			}
			m.Set(0, 0, color.White)
			name := func(i int) string { return filepath.Join(folder, fmt.Sprintf("%s_%d.JPEG", class(c), i)) }
			check(t, os.WriteFile(name(0), imagefiletest.Encoded(t, m, true), 0o666))
			for i := 1; i < n; i++ {
				check(t, os.Link(name(0), name(i)))
			}
		}
	}
}

// Packed writes what "qat data pack" makes of so many images of each class, all black, of 256 pixels and more on a side, to
// dir: files with holes.
func Packed(t testing.TB, dir string, classes, train, test int) {
	t.Helper()
	const inShard = 4096
	type shard struct {
		Name   string `json:"name"`
		Images int    `json:"images"`
		Bytes  int64  `json:"bytes"`
		SHA256 string `json:"sha256"`
		Index  string `json:"index"`
	}
	split := func(name string, images int) (shards []shard) {
		for first := 0; first < images; first += inShard {
			s := shard{Name: fmt.Sprintf("%s-%05d", name, len(shards)), Images: min(inShard, images-first), SHA256: fmt.Sprintf("%064d", first)}
			var index bytes.Buffer
			for i := range s.Images {
				const height = 256
				width := height + (first+i)%86
				check(t, binary.Write(&index, binary.LittleEndian, struct {
					Label         uint32
					Height, Width uint16
				}{uint32((first + i) * classes / images), height, uint16(width)}))
				s.Bytes += 3 * height * int64(width)
			}
			s.Index = fmt.Sprintf("%x", sha256.Sum256(index.Bytes()))
			path := filepath.Join(dir, s.Name)
			check(t, os.WriteFile(path+".index", index.Bytes(), 0o666))
			check(t, os.WriteFile(path+".images", nil, 0o666))
			check(t, os.Truncate(path+".images", s.Bytes))
			shards = append(shards, s)
		}
		return shards
	}
	check(t, os.MkdirAll(dir, 0o777))
	names := make([]string, classes)
	for c := range names {
		names[c] = class(c)
	}
	data, err := json.Marshal(map[string]any{
		"format": 1, "source": "imagenet", "decoder": "none", "shorter_side": 256, "filter": "bilinear", "classes": names,
		"train": split("train", classes*train), "test": split("test", classes*test),
	})
	check(t, err)
	check(t, os.WriteFile(filepath.Join(dir, "packed.json"), data, 0o666))
}
