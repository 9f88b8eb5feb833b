//go:build unix

package train

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A pipe in a run's directory would be waited for, and a lock that is a link would be taken again and again.
func TestSpecialFilesInARun(t *testing.T) {
	r := &run{dir: t.TempDir()}
	for _, name := range []string{ConfigFile, MetricsFile, ManifestFile} {
		if err := syscall.Mkfifo(r.path(name), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := r.read(name); err == nil || !strings.Contains(err.Error(), "is a pipe") {
			t.Errorf("%s is a pipe: %v", name, err)
		}
	}
	dir := t.TempDir()
	kept := filepath.Join(t.TempDir(), "kept")
	if err := os.WriteFile(kept, []byte("precious"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(kept, filepath.Join(dir, LockFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := LockDir(context.Background(), dir, t.Logf); err == nil || !strings.Contains(err.Error(), "is not a regular file, and no lock") {
		t.Errorf("the lock is a link: %v", err)
	}
	if text, err := os.ReadFile(kept); err != nil || string(text) != "precious" {
		t.Errorf("the file behind the link has %q, %v", text, err)
	}
}
