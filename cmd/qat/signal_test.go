//go:build unix

package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/qat-go/qat/train"
)

// program is the path of qat: by that name the test is the program.
func program(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	qat := filepath.Join(t.TempDir(), "qat")
	if err == nil {
		err = os.Symlink(self, qat)
	}
	if err != nil {
		t.Fatal(err)
	}
	return qat
}

// begun starts a training process in a shell that runs first before it, and returns once the first step is done.
func begun(t *testing.T, first, run string, steps string) (c *exec.Cmd, stderr *bufio.Reader, closeAll func()) {
	t.Helper()
	if portable() {
		t.Skip("training takes minutes on the portable kernels")
	}
	c = exec.Command("sh", "-c", first+` exec "$0" "$@"`, program(t), "train", "quickstart", "train.max_steps="+steps, "train.batch=8", "train.log_every=1", "export.formats=[]", "--out", run)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs, err := c.StderrPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	stderr = bufio.NewReader(errs)
	for line := ""; !strings.HasPrefix(line, "step 1/"); {
		if line, err = stderr.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	return c, stderr, func() { out.Close(); errs.Close() }
}

// A session that ends saves a checkpoint.
func TestHangUpSavesACheckpoint(t *testing.T) {
	hangUps := make(chan os.Signal, 1)
	signal.Notify(hangUps, syscall.SIGHUP) // under nohup the process would ignore it, too
	defer signal.Stop(hangUps)
	run := filepath.Join(t.TempDir(), "run")
	c, stderr, _ := begun(t, "", run, "2000")
	if err := c.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(stderr)
	if err != nil {
		t.Fatal(err)
	}
	exit := (*exec.ExitError)(nil)
	if err := c.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted || !strings.Contains(string(said), "the checkpoint is saved") {
		t.Errorf("%v; it says:\n%s", err, said)
	}
	if _, err := train.OpenCheckpoint(run, train.Reading{}); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(run, train.LockFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the lock stays: %v", err)
	}
}

// Neither a hang-up that is ignored, as under nohup, nor readers of the output that go away end a run.
func TestRunOutlivesItsReaders(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	c, _, closeAll := begun(t, `trap "" HUP;`, run, "3")
	closeAll()
	if err := c.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	manifest, err := os.ReadFile(filepath.Join(run, train.ManifestFile))
	if err != nil || !strings.Contains(string(manifest), `"test_top1":`) {
		t.Errorf("no result (%v):\n%s", err, manifest)
	}
}
