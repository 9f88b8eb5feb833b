package train

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func init() { lockPatience = 0 }

func lockedDir(t *testing.T, dir string) *Lock {
	t.Helper()
	l, err := LockDir(context.Background(), dir, t.Errorf)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLockDir(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "runs", "a")
	l := lockedDir(t, dir)
	_, err := LockDir(context.Background(), dir, t.Errorf)
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), fmt.Sprintf("a is in use by process %d on ", os.Getpid())) {
		t.Errorf("a second lock: error %v", err)
	}
	l.Release()
	if _, err := os.Stat(filepath.Join(top, "runs")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("folders that nobody filled stay: %v", err)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	// What a killed process left.
	if err := os.WriteFile(filepath.Join(dir, LockFile), []byte("process 1 on an old host\nand \x1b more"), 0o666); err != nil {
		t.Fatal(err)
	}
	l = lockedDir(t, dir)
	if _, err = LockDir(context.Background(), dir, t.Errorf); err == nil || strings.Contains(err.Error(), "old host") {
		t.Errorf("the holder is %v", err)
	}
	l.Release()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left behind %v, %v", entries, err)
	}
}

// Of processes that begin in one folder at the same time, one goes on; nothing of the others stays.
func TestOneRunAtATime(t *testing.T) {
	for range 20 {
		dir := filepath.Join(t.TempDir(), "run")
		var all sync.WaitGroup
		begin, holders := make(chan bool), make(chan *Lock, 8)
		for range cap(holders) {
			all.Go(func() {
				<-begin
				l, err := LockDir(context.Background(), dir, t.Errorf)
				if err == nil {
					holders <- l
				} else if !errors.Is(err, ErrInUse) {
					t.Error(err)
				}
			})
		}
		close(begin)
		all.Wait()
		if close(holders); len(holders) != 1 {
			t.Fatalf("%d hold the folder", len(holders))
		}
		(<-holders).Release()
	}
}

// A folder that another process is training in is refused, with and without Resume, and stays as it is.
func TestRunInUse(t *testing.T) {
	dir := t.TempDir()
	stopped(t, dir)
	l := lockedDir(t, dir)
	defer l.Release()
	before := filesOf(t, dir)
	if _, err := prepare(t, dir, false, nil); !errors.Is(err, ErrInUse) {
		t.Errorf("error %v", err)
	}
	if after := filesOf(t, dir); strings.Join(after, "\n") != strings.Join(before, "\n") {
		t.Errorf("the files were %q, are %q", before, after)
	}
	empty := t.TempDir()
	other := lockedDir(t, empty)
	defer other.Release()
	if err := trainOnly(context.Background(), loadConfig(t), Options{Out: empty, Progress: &quiet{}}); !errors.Is(err, ErrInUse) {
		t.Errorf("a run that began just now: error %v", err)
	}
}

// A run that fails before it has a config leaves nothing; what a kill left as it began does not keep the next out.
func TestBeginnings(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "runs", "a")
	err := trainOnly(context.Background(), loadConfig(t, "model.init="+filepath.Join(top, "none.safetensors")), Options{Out: dir, Progress: &quiet{}})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	if entries, err := os.ReadDir(top); err != nil || len(entries) != 0 {
		t.Errorf("left behind %v, %v", entries, err)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{LockFile, ConfigFile + ".tmp-0123456789abcdef"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, resume := range []bool{true, false} {
		to := copyRun(t, dir)
		r := &run{opt: Options{Out: to, Resume: resume, Progress: &quiet{}}, dir: to}
		if _, err := r.claim(context.Background(), loadConfig(t)); err != nil {
			t.Errorf("resume %v: %v", resume, err)
			continue
		}
		r.Close()
		if entries, err := os.ReadDir(to); err != nil || len(entries) != 0 {
			t.Errorf("left behind %v, %v", entries, err)
		}
	}
}

// Who holds a lock is told as sign wrote it, and nothing that a terminal would obey.
func TestHolder(t *testing.T) {
	for text, want := range map[string]string{
		"process 7 on a since 2026\nand more": "process 7 on a since 2026", "": "another process",
		"process \x1b[31m": "another process", "process é": "another process",
	} {
		if got := holder([]byte(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	// A shorter text leaves nothing of a longer one.
	dir := t.TempDir()
	path := filepath.Join(dir, LockFile)
	if err := os.WriteFile(path, []byte(strings.Repeat("process 1 on an old host\n", 20)), 0o666); err != nil {
		t.Fatal(err)
	}
	l := lockedDir(t, dir)
	defer l.Release()
	if text, err := os.ReadFile(path); err != nil || strings.Count(string(text), "\n") != 1 {
		t.Errorf("the lock says %q, %v", text, err)
	}
}

// A checkpoint whose config is gone is not overwritten; it has the config inside, so --resume goes on.
func TestCheckpointWithoutConfig(t *testing.T) {
	for _, resume := range []bool{false, true} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, CheckpointFile), []byte("x"), 0o666); err != nil {
			t.Fatal(err)
		}
		r := &run{opt: Options{Out: dir, Resume: resume, Progress: &quiet{}}, dir: dir}
		_, err := r.claim(context.Background(), loadConfig(t))
		if err == nil || resume == errors.Is(err, ErrExists) { // which is damaged
			t.Errorf("resume %v: error %v", resume, err)
		}
		r.lock.Release()
	}
}
