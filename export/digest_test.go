package export

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
	"github.com/qat-go/qat/internal/digest"
	"github.com/qat-go/qat/internal/safetensors"
)

// Every file of every format has a digest, of its bytes with the digits as 0.
func TestDigests(t *testing.T) {
	markers := map[configs.Format]string{
		configs.Safetensors: `"qat.digest":"sha256:`, configs.ONNX: "\x0a\x0aqat.digest\x12\x47sha256:", configs.QONNX: "\x0a\x0aqat.digest\x12\x47sha256:",
		configs.NPZ: "qat.digest sha256:", configs.C: " * qat.digest sha256:",
	}
	net := integertest.ResNet20(rand.New(rand.NewPCG(1, 2)), 4)
	for _, format := range Formats() {
		net.Target = integer.Float32
		if format == configs.C {
			net.Target = integer.Dyadic
		}
		path := filepath.Join(t.TempDir(), "model."+Extension(format))
		if err := Write(path, format, net, Options{}); err != nil {
			t.Fatal(err)
		}
		for _, file := range Files(path, format) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := digest.Check(markers[format], data); err != nil {
				t.Errorf("%s: %v", file, err)
			}
			data[len(data)/2] ^= 1
			if err := digest.Check(markers[format], data); !errors.Is(err, digest.ErrMismatch) {
				t.Errorf("%s: a flipped bit: error %v", file, err)
			}
		}
	}
}

// A damaged export is refused, read with Force, and an old one is said to have no digest.
func TestOpenDamaged(t *testing.T) {
	net := integertest.ResNet20(rand.New(rand.NewPCG(1, 2)), 4)
	path := write(t, net)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Read(data)
	if err != nil {
		t.Fatal(err)
	}
	var notes []string
	force := Reading{Force: true, Note: func(format string, _ ...any) { notes = append(notes, format) }}
	put := func(data []byte) {
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	damaged := bytes.Clone(data)
	damaged[len(damaged)-1] ^= 1 // of the packed weights, where nothing else would tell
	put(damaged)
	if _, err := Read(path); !errors.Is(err, digest.ErrMismatch) || !strings.Contains(err.Error(), "--force") {
		t.Errorf("damaged: error %v", err)
	}
	if _, _, err := Open(path, force); err != nil || len(notes) != 1 || !strings.Contains(notes[0], "warning") {
		t.Errorf("forced: error %v, notes %q", err, notes)
	}
	delete(f.Metadata, digest.Key)
	var b bytes.Buffer
	if err := safetensors.Write(&b, f); err != nil {
		t.Fatal(err)
	}
	put(b.Bytes())
	if _, err := Read(path); !errors.Is(err, digest.ErrMismatch) {
		t.Errorf("without its digest: error %v", err)
	}
	f.Metadata[versionKey], notes = "2", nil
	b.Reset()
	if err := safetensors.Write(&b, f); err != nil {
		t.Fatal(err)
	}
	put(b.Bytes())
	if _, _, err := Open(path, force); err != nil || len(notes) != 1 || !strings.Contains(notes[0], "no digest") {
		t.Errorf("of version 2: error %v, notes %q", err, notes)
	}
}

// A file that the last version without digests wrote is the same network, and is said
// to have no digest.
func TestOpenVersion2(t *testing.T) {
	var notes []string
	got, _, err := Open("testdata/version2.safetensors", Reading{Note: func(format string, args ...any) {
		notes = append(notes, fmt.Sprintf(format, args...))
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "version2.safetensors has no digest") {
		t.Errorf("notes %q", notes)
	}
	want := small()
	want.Target = integer.Dyadic
	x := integertest.Pictures(rand.New(rand.NewPCG(3, 4)), want, 5)
	if got.Target != want.Target || !slices.Equal(got.Classes, want.Classes) || !slices.Equal(logits(t, got, x, 5), logits(t, want, x, 5)) {
		t.Errorf("another network: target %s, classes %q", got.Target, got.Classes)
	}
}
