//go:build unix

package regular

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Opening a pipe without a writer would wait for ever.
func TestPipesAndDevices(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{pipe: "is a pipe", "/dev/zero": "is a device", "/dev/tty": "is a device"} {
		if _, err := Read(path, 1<<20); err == nil || !strings.Contains(err.Error(), want+"; want a file") {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

// A pipe that takes the place of a file once it was looked at is not waited for either.
func TestReplacedByAPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := open(pipe); err == nil || !strings.Contains(err.Error(), "is a pipe; want a file") {
		t.Errorf("got %v", err)
	}
}
