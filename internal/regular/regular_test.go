package regular

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, []byte("12345"), 0o644); err != nil {
		t.Fatal(err)
	}
	if b, err := Read(path, 5); err != nil || string(b) != "12345" {
		t.Errorf("got %q, %v", b, err)
	}
	var size *SizeError
	if _, err := Read(path, 4); !errors.As(err, &size) || *size != (SizeError{path, 5, 4}) {
		t.Errorf("a byte too many: %v", err)
	}
	if _, err := Read(filepath.Join(dir, "none"), 5); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "open ") {
		t.Errorf("no file: %v", err)
	}
	long := filepath.Join(dir, "long")
	if err := os.WriteFile(long, bytes.Repeat([]byte("123456789"), 1000), 0o644); err != nil {
		t.Fatal(err)
	}
	if b, err := Read(long, 9000); err != nil || !bytes.Equal(b, bytes.Repeat([]byte("123456789"), 1000)) {
		t.Errorf("got %d bytes, %v", len(b), err)
	}
	other := errors.New("another file")
	_, err := ReadIf(long, 9000, func(head []byte, size int64) error {
		if len(head) != HeadSize || head[8] != '9' || size != 9000 {
			t.Errorf("the head has %d bytes of %d", len(head), size)
		}
		return other
	})
	if !errors.Is(err, other) || !strings.HasPrefix(err.Error(), long+": ") {
		t.Errorf("unexpected: %v", err)
	}
	if _, err := Read(dir, 5); err == nil || !strings.Contains(err.Error(), "is a directory; want a file") {
		t.Errorf("a directory: %v", err)
	}
}

// A sparse file takes no room on the disk, whatever it says that it holds.
func TestSparse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 300e9); err != nil {
		t.Skipf("no sparse files here: %v", err)
	}
	if _, err := Read(path, 1<<30); err == nil || !strings.Contains(err.Error(), "has 300000000000 bytes; want at most 1073741824") {
		t.Errorf("got %v", err)
	} else if look := LookIf(path, 1<<30, nil); look == nil || look.Error() != err.Error() {
		t.Errorf("a look finds %v, reading %v", look, err)
	}
}
