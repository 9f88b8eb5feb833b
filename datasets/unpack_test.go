package datasets

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"path/filepath"
	"testing"
)

type entry struct {
	name string
	kind byte
	body []byte
}

func makeTar(t *testing.T, entries []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	gz, err := gzip.NewWriterLevel(&b, gzip.NoCompression) // so that a cut falls into the middle
	must(t, err)
	tw := tar.NewWriter(gz)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Size: int64(len(e.body)), Mode: 0o644}
		if e.kind == tar.TypeSymlink || e.kind == tar.TypeLink {
			h.Linkname = "../../outside"
		}
		must(t, tw.WriteHeader(h))
		_, err := tw.Write(e.body)
		must(t, err)
	}
	must(t, tw.Close())
	must(t, gz.Close())
	return b.Bytes()
}

func goodEntries() []entry {
	e := []entry{{"cifar-10-batches-bin/", tar.TypeDir, nil}, {"cifar-10-batches-bin/readme.html", tar.TypeReg, []byte("x")}}
	for i, name := range cifar10Set.files {
		e = append(e, entry{cifar10Set.archive.folder + "/" + name, tar.TypeReg, record(uint8(i), 0)})
	}
	return e
}

func TestHostileArchives(t *testing.T) {
	for name, bad := range map[string]entry{
		"parent":          {"cifar-10-batches-bin/../../evil", tar.TypeReg, []byte("x")},
		"parent itself":   {"cifar-10-batches-bin/..", tar.TypeReg, []byte("x")},
		"absolute":        {"/evil", tar.TypeReg, []byte("x")},
		"beside":          {"evil", tar.TypeReg, []byte("x")},
		"other directory": {"evil/", tar.TypeDir, nil},
		"deeper":          {"cifar-10-batches-bin/a/b", tar.TypeReg, []byte("x")},
		"backslash":       {`cifar-10-batches-bin/..\evil`, tar.TypeReg, []byte("x")},
		"drive":           {"cifar-10-batches-bin/C:evil", tar.TypeReg, []byte("x")},
		"symlink":         {"cifar-10-batches-bin/link", tar.TypeSymlink, nil},
		"hard link":       {"cifar-10-batches-bin/link", tar.TypeLink, nil},
		"device":          {"cifar-10-batches-bin/dev", tar.TypeChar, nil},
		"twice":           {"cifar-10-batches-bin/test_batch.bin", tar.TypeReg, []byte("x")},
	} {
		t.Run(name, func(t *testing.T) {
			a := serve(t, makeTar(t, append(goodEntries(), bad)), nil)
			outer := t.TempDir()
			dir := filepath.Join(outer, "data")
			want := "want plain files"
			if name == "twice" {
				want = "file exists"
			}
			wantError(t, a.install(t.Context(), dir, DownloadOptions{}), part, want)
			wantFiles(t, outer, "data")
			wantFiles(t, dir, part)
		})
	}
}

func TestIncompleteArchives(t *testing.T) {
	good := makeTar(t, goodEntries())
	for name, tt := range map[string]struct {
		content []byte
		want    string
	}{
		"file missing": {makeTar(t, goodEntries()[:7]), "test_batch.bin"},
		"not gzip":     {[]byte("<html>"), "gzip"},
		"cut":          {good[:len(good)/2], io.ErrUnexpectedEOF.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			a := serve(t, tt.content, nil)
			dir := t.TempDir()
			wantError(t, a.install(t.Context(), dir, DownloadOptions{}), tt.want)
			wantFiles(t, dir, part)
		})
	}
}
