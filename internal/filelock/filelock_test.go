package filelock

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestMain is also the process that TestReleasedByAKill kills.
func TestMain(m *testing.M) {
	path := os.Getenv("FILELOCK_HOLD")
	if path == "" {
		os.Exit(m.Run())
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		panic(err)
	}
	if ok, err := TryLock(f); err != nil || !ok {
		panic("not locked")
	}
	os.Stdout.WriteString("locked\n")
	select {}
}

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func try(t *testing.T, f *os.File, want bool) {
	t.Helper()
	if ok, err := TryLock(f); err != nil || ok != want {
		t.Fatalf("TryLock: %v, %v; want %v", ok, err, want)
	}
}

func TestOneHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	a, b := open(t, path), open(t, path)
	try(t, a, true)
	try(t, b, false)
	if _, err := a.WriteString("held"); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "held" {
		t.Errorf("the content of a locked file: %q, %v", text, err)
	}
	a.Close()
	try(t, b, true)
}

func TestReleasedByAKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	f := open(t, path)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self)
	c.Env = append(os.Environ(), "FILELOCK_HOLD="+path)
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "locked\n" {
		t.Fatalf("the holder says %q, %v", line, err)
	}
	try(t, f, false)
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	try(t, f, true)
}
