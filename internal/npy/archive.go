package npy

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/qat-go/qat/internal/regular"
)

// Archive is NumPy's archive of arrays (.npz): a ZIP file with NAME.npy for each, compressed or not.
type Archive struct {
	file *os.File
	size int64
	zip  *zip.Reader
}

// OpenArchive opens the file of that path. Close it after use.
func OpenArchive(path string) (*Archive, error) {
	f, size, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	a := &Archive{file: f, size: size}
	if a.zip, err = zip.NewReader(f, size); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s is no archive of NumPy (.npz), or is damaged: %w", path, err)
	}
	return a, nil
}

// Close closes the file.
func (a *Archive) Close() error { return a.file.Close() }

const ending = ".npy"

// Names lists the arrays, in the order of the file.
func (a *Archive) Names() (names []string) {
	for _, f := range a.zip.File {
		if name, ok := strings.CutSuffix(f.Name, ending); ok {
			names = append(names, name)
		}
	}
	return names
}

// mostDeflated is how many bytes one byte of DEFLATE can stand for. It keeps a damaged or hostile file from asking for memory
// that its size gives no right to.
const mostDeflated = 1032

// whole reads an entry of the archive and compares the checksum with its last byte: [zip] does so at the end of the file, to which
// whoever counts elements does not read.
type whole struct {
	io.ReadCloser
	left uint64
}

func (w *whole) Read(b []byte) (int, error) {
	n, err := w.ReadCloser.Read(b)
	if w.left -= uint64(n); w.left == 0 && err == nil {
		_, err = io.ReadFull(w.ReadCloser, make([]byte, 1))
	}
	if err != nil && err != io.EOF {
		return 0, fmt.Errorf("the archive is damaged: %w", err)
	}
	return n, err
}

// Open returns a reader of an array, and what closes it. The checksum is compared at the end of the array.
func (a *Archive) Open(name string) (*Reader, io.Closer, error) {
	for _, f := range a.zip.File {
		if f.Name != name+ending {
			continue
		}
		if f.CompressedSize64 > uint64(a.size) || f.UncompressedSize64 > mostDeflated*f.CompressedSize64+1<<10 {
			return nil, nil, fmt.Errorf("the archive is damaged: %d bytes of %s in %d", f.UncompressedSize64, f.Name, f.CompressedSize64)
		}
		entry, err := f.Open()
		if err != nil {
			return nil, nil, err
		}
		r := &whole{entry, f.UncompressedSize64}
		numbers, err := NewNumbers(r, int64(f.UncompressedSize64))
		if err != nil {
			return nil, nil, errors.Join(err, r.Close())
		}
		return numbers, r, nil
	}
	return nil, nil, fmt.Errorf("the archive has no array %q", name)
}
