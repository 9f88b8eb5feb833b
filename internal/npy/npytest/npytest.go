// Package npytest makes NumPy's files for tests.
package npytest

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/qat-go/qat/internal/npy"
)

// Number is what arrays have.
type Number interface {
	~int8 | ~uint8 | ~int16 | ~uint16 | ~int32 | ~uint32 | ~int64 | ~uint64 | ~float32 | ~float64
}

// Array is an array as numpy.save writes it.
func Array[T Number](values []T, shape ...int) []byte {
	var v T
	name := map[any]string{int8(0): "|i1", uint8(0): "|u1", int16(0): "<i2", uint16(0): "<u2", int32(0): "<i4", uint32(0): "<u4",
		int64(0): "<i8", uint64(0): "<u8", float32(0): "<f4", float64(0): "<f8"}[v]
	b, err := binary.Append(npy.Header(name, shape...), binary.LittleEndian, values)
	if err != nil {
		panic(err) // of no number
	}
	return b
}

// Save writes files into a new folder: NAME.npy, or if archive is a name, all in one archive, which is deflated where its name
// says so. It returns the path of the folder, or of the archive.
func Save(t testing.TB, archive string, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if archive == "" {
		for name, b := range files {
			write(name+".npy", b)
		}
		return dir
	}
	method := zip.Store
	if archive == "deflated.npz" {
		method = zip.Deflate
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name + ".npy", Method: method})
		if err == nil {
			_, err = w.Write(files[name])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	write(archive, out.Bytes())
	return filepath.Join(dir, archive)
}
