package torchfile

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/qat-go/qat/internal/mutation"
)

func fixtures(t testing.TB) [][]byte {
	t.Helper()
	var files [][]byte
	for _, name := range []string{"zip.pth", "legacy.pth"} {
		files = append(files, read(t, name))
	}
	return files
}

// Parse recovers from gopickle's panics, so these tests find those that end the process, and files that are read
// although a part is missing.
func TestTruncated(t *testing.T) {
	for _, data := range fixtures(t) {
		for n := range data {
			if _, err := Parse(data[:n:n]); err == nil {
				t.Errorf("no error with %d of %d bytes", n, len(data))
			}
		}
	}
}

func TestMutated(t *testing.T) {
	each := min(mutation.Count/25, 7) // values of a byte, in turn; all of them with the tag long
	for _, data := range fixtures(t) {
		for i := range data {
			values := []byte{0, '(', '.', 'R', 0xff, data[i] ^ 1, data[i] + 1}
			for j := range each {
				mutant := bytes.Clone(data)
				mutant[i] = values[(i*each+j)%len(values)]
				checkBounds(t, mutant)
			}
		}
	}
}

func TestMutatedPretrained(t *testing.T) {
	data := readPretrained(t)
	rng := rand.New(rand.NewPCG(1, 2))
	const pickles = 14063 // bytes before the numbers
	for range 200 {
		mutant := bytes.Clone(data)
		for range 1 + rng.IntN(3) {
			mutant[rng.IntN(pickles)] = byte(rng.Uint32())
		}
		checkBounds(t, mutant)
		if _, err := Parse(data[:rng.IntN(len(data))]); err == nil {
			t.Error("a truncated file was read")
		}
	}
}

// checkBounds parses data and checks that what is returned is consistent.
func checkBounds(t *testing.T, data []byte) {
	t.Helper()
	dicts, err := Parse(data)
	if err != nil {
		return
	}
	for _, d := range dicts {
		for _, tensor := range d.Tensors {
			n := 1
			for _, d := range tensor.Shape {
				n *= d
			}
			if n > 4*len(data) {
				continue // repeats a small storage
			}
			if values, err := tensor.Float32s(); err == nil && n != len(values) {
				t.Errorf("tensor %q: shape %v and %d elements", tensor.Name, tensor.Shape, len(values))
			}
		}
	}
}

// A storm of damaged checkpoints of every program: each is refused or read.
func TestDamagedCheckpoints(t *testing.T) {
	files, err := filepath.Glob("testdata/*.*t*")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		mutation.Storm(t, read(t, filepath.Base(file)), func(damaged []byte) { checkBounds(t, damaged) })
	}
}

func FuzzParse(f *testing.F) {
	for _, data := range fixtures(f) {
		f.Add(data)
	}
	f.Add(legacy(dict(unicode("w"), vector)))
	f.Fuzz(func(t *testing.T, data []byte) { checkBounds(t, data) })
}
