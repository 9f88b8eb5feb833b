// Command gen writes cifar10-mini.bin, the data set that package datasets
// embeds, from a tar.gz of JPEG files named SPLIT/CLASS/NUMBER.jpg:
//
//	go run ./datasets/gen -in cifar10-jpeg.tar.gz -out datasets/cifar10-mini.bin
//
// It takes the images whose number is a multiple of 10, which is 500 of the
// 5,000 training images of a class and 100 of its 1,000 test images, and
// writes them in order of number, then class. The same archive gives the same
// bytes. The file's format is described in datasets/mini.go.
package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"strconv"
	"strings"
)

var classes = []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}

var splits = []struct {
	name     string
	perClass int
}{{"train", 500}, {"test", 100}}

const stride = 10

func main() {
	in := flag.String("in", "cifar10-jpeg.tar.gz", "the archive of JPEG images")
	out := flag.String("out", "datasets/cifar10-mini.bin", "the file to write")
	flag.Parse()
	log.SetFlags(0)
	if err := run(*in, *out); err != nil {
		log.Fatal("gen: ", err)
	}
}

func run(in, out string) error {
	f, err := os.Open(in)
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := pack(f)
	if err != nil {
		return fmt.Errorf("%s: %w", in, err)
	}
	return os.WriteFile(out, b, 0o644)
}

// pack returns the contents of cifar10-mini.bin for an archive.
func pack(archive io.Reader) ([]byte, error) {
	files, err := images(archive)
	if err != nil {
		return nil, err
	}
	type entry struct {
		label uint8
		jpeg  []byte
	}
	var picked []entry
	for _, s := range splits {
		for i := range s.perClass {
			for label, class := range classes {
				k := key{s.name, class, i * stride}
				if files[k] == nil {
					return nil, fmt.Errorf("want %s/%s/%04d.jpg, found no such file", k.split, k.class, k.number)
				}
				picked = append(picked, entry{uint8(label), files[k]})
			}
		}
	}

	head := picked[0].jpeg
	for _, p := range picked {
		head = head[:commonPrefix(head, p.jpeg)]
	}
	out, err := appendBlock(nil, head)
	for _, p := range picked {
		if err != nil {
			return nil, err
		}
		out, err = appendBlock(append(out, p.label), p.jpeg[len(head):])
	}
	return out, err
}

type key struct {
	split, class string
	number       int
}

// images reads the archive's files whose number is a multiple of stride.
func images(archive io.Reader) (map[key][]byte, error) {
	gz, err := gzip.NewReader(archive)
	if err != nil {
		return nil, err
	}
	files := map[key][]byte{}
	for tr := tar.NewReader(gz); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		part := strings.Split(strings.TrimSuffix(h.Name, ".jpg"), "/")
		if len(part) != 3 {
			return nil, fmt.Errorf("want files named SPLIT/CLASS/NUMBER.jpg, found %q", h.Name)
		}
		number, err := strconv.Atoi(part[2])
		if err != nil {
			return nil, fmt.Errorf("want files named SPLIT/CLASS/NUMBER.jpg, found %q", h.Name)
		}
		if number%stride != 0 {
			continue
		}
		if files[key{part[0], part[1], number}], err = io.ReadAll(tr); err != nil {
			return nil, fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

func commonPrefix(a, b []byte) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

func appendBlock(b, block []byte) ([]byte, error) {
	if len(block) > math.MaxUint16 {
		return nil, fmt.Errorf("want images of at most %d bytes, found %d", math.MaxUint16, len(block))
	}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(block)))
	return append(b, block...), nil
}
