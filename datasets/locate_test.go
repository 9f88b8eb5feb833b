package datasets

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestLocate(t *testing.T) {
	data := writeCIFAR10(t, 1, 1, 1, 1, 1, 1)
	home := t.TempDir()
	must(t, os.Rename(data, filepath.Join(home, "data")))
	data = filepath.Join(home, "data")
	folder := filepath.Join(data, cifar10Set.archive.folder)
	// What an interrupted unpacking leaves is not whole.
	must(t, os.MkdirAll(filepath.Join(home, unpacking+"1", cifar10Set.archive.folder), 0o755))
	for _, dir := range []string{data, folder, home} {
		if got, err := Locate("cifar10", dir); err != nil || got != folder {
			t.Errorf("%s: got %s, %v", dir, got, err)
		}
		if d, err := Open("cifar10", Options{Dir: dir}); err != nil || d.Train.Len() != 5 {
			t.Errorf("%s: %v", dir, err)
		}
		must(t, Download(t.Context(), "cifar10", dir, DownloadOptions{}))
	}
	renamed := filepath.Join(data, "images")
	must(t, os.Rename(folder, renamed))
	if got, err := Locate("cifar10", renamed); err != nil || got != renamed {
		t.Errorf("under another name: got %s, %v", got, err)
	}
	for _, dir := range []string{"", home} {
		if got, err := Locate("cifar10-mini", dir); err != nil || got != "" {
			t.Errorf("embedded, in %q: got %q, %v", dir, got, err)
		}
	}
}

func TestLocateMissing(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, nil, 0o644))
	two := filepath.Join(dir, "two")
	must(t, os.MkdirAll(filepath.Join(two, "a", cifar10Set.archive.folder), 0o755))
	must(t, os.MkdirAll(filepath.Join(two, "b", cifar10Set.archive.folder), 0o755))
	for at, want := range map[string]string{
		filepath.Join(dir, "none"): "does not exist; name the directory that holds cifar-10-batches-bin, or run",
		dir:                        "holds no cifar-10-batches-bin",
		file:                       "file",
		two:                        "holds several",
	} {
		_, err := Open("cifar10", Options{Dir: at})
		wantError(t, err, at, want, "qat data get cifar10 --data "+at)
		var missing *MissingError
		if !errors.As(err, &missing) || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v is no MissingError", err)
		}
	}
	_, err := Locate("cifar10-mini", "nowhere")
	wantError(t, err, "data directory nowhere does not exist", "needs none")
	if _, err := os.Stat(filepath.Join(dir, "none")); err == nil {
		t.Error("a directory that was looked for is made")
	}
}
