package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// holds checks the names in a folder.
func holds(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if !slices.Equal(names, want) {
		t.Errorf("%s holds %q, want %q", dir, names, want)
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	for _, text := range []string{"old", "new"} {
		if err := WriteBytes(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("found %q, %v, want %q", got, err, text)
		}
		holds(t, dir, "x")
	}
	full := errors.New("no space left")
	err := Write(path, func(w io.Writer) error {
		_, err := w.Write([]byte("half a fi"))
		return errors.Join(err, full)
	})
	if !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "new" {
		t.Errorf("after a failure the file holds %q, %v", got, err)
	}
	holds(t, dir, "x")
}

func TestWriteFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "folder")
	if err := os.MkdirAll(filepath.Join(path, "full"), 0o755); err != nil {
		t.Fatal(err)
	}
	if WriteBytes(path, nil) == nil {
		t.Error("a folder was replaced")
	}
	holds(t, dir, "folder")
	if err := WriteBytes(filepath.Join(dir, "none", "x"), nil); !errors.Is(err, os.ErrNotExist) || err.Error() != "directory "+filepath.Join(dir, "none")+": file does not exist" {
		t.Errorf("no such folder: error %v", err)
	}
}

// What a killed process left goes, what another one is writing stays, and so does all that Write did not make.
func TestClean(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	put(t, path+".tmp-0123456789abcdef", "half")
	put(t, filepath.Join(dir, "y.tmp-0123456789abcdef"), "half")
	put(t, path+".tmp-mine", "of the user")
	put(t, path+".tmp-0123456789abcdef.bak", "of the user")
	err := Write(path, func(w io.Writer) error {
		Clean(dir)
		if err := WriteBytes(path, []byte("first")); err != nil {
			return err
		}
		_, err := w.Write([]byte("second"))
		return err
	})
	if err != nil {
		t.Error(err)
	}
	holds(t, dir, "x", "x.tmp-0123456789abcdef.bak", "x.tmp-mine")
	if got, err := os.ReadFile(path); err != nil || string(got) != "second" {
		t.Errorf("found %q, %v", got, err)
	}
	put(t, path+".tmp-0123456789abcdef", "half")
	put(t, filepath.Join(dir, "y.tmp-0123456789abcdef"), "half")
	if err := WriteBytes(path, nil); err != nil {
		t.Error(err)
	}
	holds(t, dir, "x", "x.tmp-0123456789abcdef.bak", "x.tmp-mine", "y.tmp-0123456789abcdef") // y is not its business
}

// A link is not what Write makes, whatever its name, and what it leads to is none of its business.
func TestCleanLeavesLinks(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "x"), "of the user")
	if err := os.Symlink("x", filepath.Join(dir, "y.tmp-0123456789abcdef")); err != nil {
		t.Skip(err)
	}
	Clean(dir)
	holds(t, dir, "x", "y.tmp-0123456789abcdef")
}

// Files are as readable as those that os.Create makes.
func TestWriteKeepsTheUmask(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "want"), "")
	if err := WriteBytes(filepath.Join(dir, "got"), nil); err != nil {
		t.Fatal(err)
	}
	want, err := os.Stat(filepath.Join(dir, "want"))
	got, err2 := os.Stat(filepath.Join(dir, "got"))
	if err = errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	if got.Mode() != want.Mode() {
		t.Errorf("mode %v, want %v", got.Mode(), want.Mode())
	}
}
