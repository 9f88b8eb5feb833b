package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"strings"
	"testing"
)

// The archive of JPEG files is where QAT_CIFAR10_JPEG says: it is not part of the project.
func TestReproducesEmbeddedFile(t *testing.T) {
	path := os.Getenv("QAT_CIFAR10_JPEG")
	if path == "" {
		t.Skip("QAT_CIFAR10_JPEG does not name cifar10-jpeg.tar.gz")
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := pack(f)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../cifar10-mini.bin")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the archive gives %d bytes that differ from cifar10-mini.bin, %d bytes", len(got), len(want))
	}
}

func TestPackErrors(t *testing.T) {
	for _, tt := range []struct{ file, want string }{
		{"train/airplane/0000.jpg", "want train/automobile/0000.jpg"},
		{"train/airplane/zero.jpg", `found "train/airplane/zero.jpg"`},
		{"airplane/0000.jpg", `found "airplane/0000.jpg"`},
	} {
		var b bytes.Buffer
		gz := gzip.NewWriter(&b)
		tw := tar.NewWriter(gz)
		if err := tw.WriteHeader(&tar.Header{Name: tt.file, Size: 1, Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		tw.Write([]byte{1})
		tw.Close()
		gz.Close()
		if _, err := pack(&b); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.file, err, tt.want)
		}
	}
	if _, err := pack(strings.NewReader("not gzip")); err == nil {
		t.Error("no error from an archive that is not gzip")
	}
}
