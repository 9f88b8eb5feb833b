//go:build long

package train

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/atomicfile"
	"github.com/qat-go/qat/internal/safetensors"
)

// Storms kill and break a small run in a process of its own: two epochs of three steps, the last two steps with fewer bits, a
// checkpoint every other step, best.qat and an export. Each is resumed until it is done, and has to be what one is that nothing
// happened to. With -short there are a few of each.

// TestMain is also that process.
func TestMain(m *testing.M) {
	dir := os.Getenv("QAT_STORM")
	if dir == "" {
		os.Exit(m.Run())
	}
	if err := storm(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type silent struct{ quiet }

func (s *silent) Message(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// storm is Run on little data.
func storm(dir string) error {
	cfg, err := configs.Load("quickstart", []string{"train.batch=8", "train.epochs=2", "train.checkpoint_every=2it", "train.log_every=1",
		"quant.schedule=[{for: 4it, weights: {bits: 8}}, {}]"})
	if err != nil {
		return err
	}
	r := &run{opt: Options{Out: dir, Resume: true, Progress: &silent{}}, dir: dir, started: time.Now()}
	if cfg, err = r.claim(context.Background(), cfg); err != nil {
		return err
	}
	defer r.Close()
	if r.Model, err = Open(cfg, "", 1); err != nil {
		return err
	}
	r.Data.Train, r.Data.Test = r.Data.Train.Head(24), r.Data.Test.Head(20)
	if err := r.train(context.Background()); err != nil {
		return err
	}
	_, err = r.finish(context.Background())
	return err
}

// process starts that process.
func process(t *testing.T, dir, fault string, stderr io.Writer) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self)
	c.Env = append(os.Environ(), "QAT_STORM="+dir, "QAT_FAULT="+fault, "GOMAXPROCS=1")
	c.Stderr = stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// wait returns whether the process did all it had to, and what it said if it failed by itself.
func wait(c *exec.Cmd) (done bool, failed bool) {
	err := c.Wait()
	exit := (*exec.ExitError)(nil)
	return err == nil, errors.As(err, &exit) && exit.Exited()
}

// reference is a run that nothing happened to, and how long it took.
func reference(t *testing.T, fault string) (string, time.Duration) {
	t.Helper()
	dir, start := filepath.Join(t.TempDir(), "run"), time.Now()
	var stderr bytes.Buffer
	if done, _ := wait(process(t, dir, fault, &stderr)); !done {
		t.Fatalf("the run fails:\n%s", &stderr)
	}
	return dir, time.Since(start)
}

// finished resumes a run to its end and compares it with the reference.
func finished(t *testing.T, dir, want, what string) {
	t.Helper()
	var stderr bytes.Buffer
	if done, _ := wait(process(t, dir, "", &stderr)); !done {
		t.Errorf("%s: it does not go on: %s", what, &stderr)
		return
	}
	if strings.Contains(stderr.String(), "warning") {
		t.Errorf("%s: %s", what, &stderr)
	}
	same(t, dir, want, what)
}

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func same(t *testing.T, dir, want, what string) {
	t.Helper()
	if a, b := names(t, dir), names(t, want); !slices.Equal(a, b) {
		t.Errorf("%s: the files are %q, want %q", what, a, b)
		return
	}
	if !bytes.Equal(tensors(t, dir), tensors(t, want)) {
		t.Errorf("%s: another checkpoint", what)
	}
	if a, b := losses(t, dir), losses(t, want); a != b {
		t.Errorf("%s: metrics\n%s\nwant\n%s", what, a, b)
	}
	for _, name := range []string{BestFile, "model.safetensors"} {
		a, b := parsed(t, filepath.Join(dir, name)), parsed(t, filepath.Join(want, name))
		if !slices.Equal(a, b) {
			t.Errorf("%s: another %s", what, name)
		}
	}
}

// parsed are the tensors of a file, since the state of a checkpoint has measured seconds.
func parsed(t *testing.T, path string) (all []string) {
	t.Helper()
	f, err := safetensors.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range f.Tensors {
		all = append(all, x.Name+string(x.Data))
	}
	return all
}

// A kill, or a failure such as a full disk, at each operation on a file.
func TestStormOfFileOperations(t *testing.T) {
	list := filepath.Join(t.TempDir(), "operations")
	want, _ := reference(t, "count:"+list)
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	operations := strings.Split(strings.TrimSpace(string(text)), "\n")
	step := 1
	if testing.Short() {
		step = len(operations)/8 + 1
	}
	killed, failed, ignored := 0, 0, 0
	for n := 1; n <= len(operations); n += step {
		for _, kind := range []string{"kill", "fail"} {
			top := t.TempDir()
			dir, what := filepath.Join(top, "run"), fmt.Sprintf("%s at operation %d, %s", kind, n, operations[n-1])
			done, itself := wait(process(t, dir, fmt.Sprintf("%s:%d", kind, n), io.Discard))
			switch {
			case kind == "kill" && (done || itself):
				t.Errorf("%s: the process was not killed", what)
			case kind == "kill":
				killed++
			case done:
				ignored++ // to sync a folder, to clean up
			default:
				failed++
				if i := slices.IndexFunc(names(t, dir), atomicfile.Temporary); i >= 0 || slices.Contains(names(t, dir), LockFile) {
					t.Errorf("%s: it leaves %q", what, names(t, dir))
				}
			}
			finished(t, dir, want, what)
			os.RemoveAll(top)
		}
	}
	t.Logf("%d operations: %d kills, %d failures, %d failures that do not matter", len(operations), killed, failed, ignored)
}

// 200 kills at random times.
func TestStormOfKills(t *testing.T) {
	want, took := reference(t, "")
	rng := rand.New(rand.NewPCG(1, 2))
	kills, runs, most, temporaries := 0, 0, 200, 0
	if testing.Short() {
		most = 10
	}
	for kills < most {
		top := t.TempDir()
		dir, here := filepath.Join(top, "run"), 0
		for kills < most && here < 20 {
			c := process(t, dir, "", io.Discard)
			time.Sleep(time.Duration(rng.Float64() * 1.2 * float64(took)))
			_ = c.Process.Kill()
			done, itself := wait(c)
			if done {
				break
			}
			if itself {
				t.Fatalf("after %d kills the run does not go on", here)
			}
			kills++
			here++
			for _, n := range names(t, dir) {
				if atomicfile.Temporary(n) {
					temporaries++
				}
			}
		}
		finished(t, dir, want, fmt.Sprintf("after %d kills", here))
		runs++
		os.RemoveAll(top)
	}
	t.Logf("%d kills in %d runs, %d unfinished files on the way", kills, runs, temporaries)
}

// Two processes that start in one folder at the same time: one trains, the other says who does.
func TestStormOfTwins(t *testing.T) {
	want, _ := reference(t, "")
	most := 20
	if testing.Short() {
		most = 3
	}
	for range most {
		top := t.TempDir()
		dir := filepath.Join(top, "run")
		var said [2]bytes.Buffer
		twins := []*exec.Cmd{process(t, dir, "", &said[0]), process(t, dir, "", &said[1])}
		done := 0
		for i, c := range twins {
			if ok, _ := wait(c); ok {
				done++
			} else if holder := fmt.Sprintf("is in use by process %d on ", twins[1-i].Process.Pid); !strings.Contains(said[i].String(), holder) {
				t.Errorf("it says %q, want %q", &said[i], holder)
			}
		}
		if done != 1 {
			t.Errorf("%d of 2 trained; they say %q and %q", done, &said[0], &said[1])
		}
		same(t, dir, want, "twins")
		os.RemoveAll(top)
	}
}
