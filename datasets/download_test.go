package datasets

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// serve returns the archive as the server at handler has it, or as a server that
// hands out content properly if handler is nil.
func serve(t *testing.T, content []byte, handler http.HandlerFunc) archive {
	t.Helper()
	if handler == nil {
		handler = func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
		}
	}
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	sum := sha256.Sum256(content)
	a := cifar10Set.archive
	a.url, a.size, a.sha256 = srv.URL+"/cifar-10-binary.tar.gz", int64(len(content)), hex.EncodeToString(sum[:])
	return a
}

// wantInstalled checks that dir holds the data set and nothing else.
func wantInstalled(t *testing.T, dir string, others ...string) {
	t.Helper()
	d, err := Open("cifar10", Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if d.Train.Len() != 5 || d.Test.Len() != 1 || d.Test.Labels[0] != 5 {
		t.Errorf("%d training and %d test images", d.Train.Len(), d.Test.Len())
	}
	wantFiles(t, dir, append(others, "cifar-10-batches-bin")...)
}

func wantFiles(t *testing.T, dir string, names ...string) {
	t.Helper()
	found, err := os.ReadDir(dir)
	must(t, err)
	var got []string
	for _, f := range found {
		got = append(got, f.Name())
	}
	if len(got) != len(names) {
		t.Errorf("%s holds %q, want %q", dir, got, names)
	}
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

const part = "cifar-10-binary.tar.gz.part"

func TestDownload(t *testing.T) {
	requests := 0
	content := makeTar(t, goodEntries())
	a := serve(t, content, func(w http.ResponseWriter, r *http.Request) {
		requests++
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	})
	dir := filepath.Join(t.TempDir(), "new")
	var first, last, total int64 = -1, -1, 0
	err := a.install(t.Context(), dir, DownloadOptions{Progress: func(d, n int64) {
		if first < 0 {
			first = d
		}
		if d < last {
			t.Errorf("progress went from %d to %d", last, d)
		}
		last, total = d, n
	}})
	must(t, err)
	if first != 0 || last != a.size || total != a.size {
		t.Errorf("progress from %d to %d of %d, want 0 to %d", first, last, total, a.size)
	}
	wantInstalled(t, dir)
	must(t, a.install(t.Context(), dir, DownloadOptions{})) // is there already
	if requests != 1 {
		t.Errorf("%d requests, want 1", requests)
	}
}

func TestDownloadResumes(t *testing.T) {
	content := makeTar(t, goodEntries())
	for _, tt := range []struct {
		name   string
		resume http.HandlerFunc
		first  int64 // progress that the second run begins with
	}{
		{"range", func(w http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("Range"); got != "bytes=9000-" {
				t.Errorf("Range %q", got)
			}
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
		}, 9000},
		{"server ignores range", func(w http.ResponseWriter, r *http.Request) { w.Write(content) }, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cut := true
			a := serve(t, content, func(w http.ResponseWriter, r *http.Request) {
				if cut {
					w.Header().Set("Content-Length", fmt.Sprint(len(content)))
					w.Write(content[:9000])
					return
				}
				tt.resume(w, r)
			})
			dir := t.TempDir()
			err := a.install(t.Context(), dir, DownloadOptions{})
			wantError(t, err, "after 9000 of", "run this again to continue")
			wantFiles(t, dir, part)
			cut = false
			first := int64(-1)
			must(t, a.install(t.Context(), dir, DownloadOptions{Progress: func(d, _ int64) {
				if first < 0 {
					first = d
				}
			}}))
			if first != tt.first {
				t.Errorf("continued from %d, want %d", first, tt.first)
			}
			wantInstalled(t, dir)
		})
	}
}

func TestDownloadPartFile(t *testing.T) {
	content := makeTar(t, goodEntries())
	a := serve(t, content, nil)
	for _, tt := range []struct {
		name string
		part []byte
	}{
		{"complete", content},
		{"too long", append(content[:len(content):len(content)], 1, 2, 3)},
		{"empty", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.WriteFile(filepath.Join(dir, part), tt.part, 0o644))
			must(t, a.install(t.Context(), dir, DownloadOptions{}))
			wantInstalled(t, dir)
		})
	}
}

func TestDownloadWrongContent(t *testing.T) {
	content := makeTar(t, goodEntries())
	wrong := bytes.Clone(content)
	wrong[5000]++
	for name, body := range map[string][]byte{"a bit": wrong, "longer": append(bytes.Clone(content), 0, 0)} {
		t.Run(name, func(t *testing.T) {
			a := serve(t, content, func(w http.ResponseWriter, r *http.Request) { w.Write(body) })
			dir := t.TempDir()
			wantError(t, a.install(t.Context(), dir, DownloadOptions{}), part, "want SHA-256 "+a.sha256, "it is removed")
			wantFiles(t, dir)
		})
	}
}

func TestDownloadBadServer(t *testing.T) {
	content := makeTar(t, goodEntries())
	dir := t.TempDir()
	a := serve(t, content, func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) })
	wantError(t, a.install(t.Context(), dir, DownloadOptions{}), "want status 200 OK, found 404")

	must(t, os.WriteFile(filepath.Join(dir, part), content[:100], 0o644))
	a = serve(t, content, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Range", "bytes 0-9/10")
		w.WriteHeader(http.StatusPartialContent)
		w.Write(content[:10])
	})
	wantError(t, a.install(t.Context(), dir, DownloadOptions{}), "want the bytes from 100 on", "bytes 0-9/10")
	wantFiles(t, dir, part)
}

func TestDownloadWithoutNetwork(t *testing.T) {
	content := makeTar(t, goodEntries())
	a := serve(t, content, nil)
	srv := httptest.NewServer(nil)
	a.url = srv.URL + "/cifar-10-binary.tar.gz"
	srv.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "cifar-10-binary.tar.gz")
	wantError(t, a.install(t.Context(), dir, DownloadOptions{}), a.url, "put it at "+file)

	// what the message asks for
	must(t, os.WriteFile(file, content, 0o644))
	must(t, a.install(t.Context(), dir, DownloadOptions{}))
	wantInstalled(t, dir, part, "cifar-10-binary.tar.gz")

	// the caller's own file is not removed, even if it is the wrong one
	dir = t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "cifar-10-binary.tar.gz"), content[:50], 0o644))
	wantError(t, a.install(t.Context(), dir, DownloadOptions{}), "want SHA-256", "delete it and run this again")
	wantFiles(t, dir, "cifar-10-binary.tar.gz")
}

func TestDownloadCancelled(t *testing.T) {
	content := makeTar(t, goodEntries())
	ctx, cancel := context.WithCancel(t.Context())
	a := serve(t, content, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		w.Write(content[:100])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	err := a.install(ctx, t.TempDir(), DownloadOptions{Progress: func(done, _ int64) {
		if done > 0 {
			cancel()
		}
	}})
	wantError(t, err, "run this again to continue")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v is not context.Canceled", err)
	}
}

func TestDownloadKeepsWhatIsThere(t *testing.T) {
	a := serve(t, nil, func(w http.ResponseWriter, r *http.Request) { t.Error("a request") })
	dir := writeCIFAR10(t, 1, 1, 1, 1, 1, 1)
	must(t, os.Remove(filepath.Join(dir, cifar10Set.archive.folder, cifar10Set.files[2])))
	wantError(t, a.install(t.Context(), dir, DownloadOptions{}), "data_batch_3.bin", "move it away")
	if _, err := os.Stat(filepath.Join(dir, cifar10Set.archive.folder, cifar10Set.files[0])); err != nil {
		t.Error(err)
	}
}

func TestDownloadNames(t *testing.T) {
	must(t, Download(t.Context(), "cifar10-mini", "", DownloadOptions{}))
	wantError(t, Download(t.Context(), "cifar11", "", DownloadOptions{}), "cifar11", `"cifar10"`)
	if !strings.HasPrefix(cifar10Set.archive.url, "https://") || len(cifar10Set.archive.sha256) != 64 {
		t.Errorf("%+v", cifar10Set.archive)
	}
}
