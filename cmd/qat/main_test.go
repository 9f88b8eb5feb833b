package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/onnxruntime"
	"github.com/qat-go/qat/train"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"qat": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "portable":
				return portable(), nil
			case "onnxruntime":
				return onnxruntime.Built, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("ONNXRUNTIME_LIB", onnxruntime.Library())
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"isjson": isJSON,
			"damage": damage,
			"draw":   draw,
		},
	})
}

// portable tells that there are no kernels for this CPU: training takes minutes
// then.
func portable() bool { return kernels.Path() == "generic" }

// exits runs "exits STATUS PROGRAM ARG..." and wants that exit status.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// damage runs "damage FILE", which flips the last bit of a file.
func damage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: damage FILE")
	}
	path := ts.MkAbs(args[0])
	data, err := os.ReadFile(path)
	ts.Check(err)
	data[len(data)-1] ^= 1
	ts.Check(os.WriteFile(path, data, 0o666))
}

// draw runs "draw DIR N CLASS...": N images of each class, of a color of its own with some noise.
func draw(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: draw DIR N CLASS...")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(drawClasses(ts.MkAbs(args[0]), n, args[2:]...))
}

// drawClasses writes n images of each class below dir.
func drawClasses(dir string, n int, classes ...string) error {
	for c, class := range classes {
		folder := filepath.Join(dir, class)
		if err := os.MkdirAll(folder, 0o777); err != nil {
			return err
		}
		for i := range n {
			rng := rand.New(rand.NewPCG(uint64(c), uint64(i)))
			m := image.NewRGBA(image.Rect(0, 0, 36+i, 40))
			for k := range m.Pix {
				m.Pix[k] = uint8(rng.UintN(60))
				if k%4 == c%3 {
					m.Pix[k] += uint8(180 - 25*c)
				}
				if k%4 == 3 {
					m.Pix[k] = 255
				}
			}
			var b bytes.Buffer
			err := jpeg.Encode(&b, m, nil)
			if err == nil {
				err = os.WriteFile(filepath.Join(folder, fmt.Sprintf("%d.jpg", i)), b.Bytes(), 0o666)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// isJSON runs "isjson FIELD...": stdout is one JSON object with these fields, in one
// line, and nothing else.
func isJSON(ts *testscript.TestScript, neg bool, fields []string) {
	out := ts.ReadFile("stdout")
	var object map[string]any
	if err := json.Unmarshal([]byte(out), &object); err != nil || strings.Count(out, "\n") != 1 {
		ts.Fatalf("stdout is not one JSON object in one line: %v\n%s", err, out)
	}
	for _, f := range fields {
		if _, ok := object[f]; !ok {
			ts.Fatalf("no field %q in %s", f, out)
		}
	}
}

// interrupter interrupts the process when a text appears in what is written.
type interrupter struct {
	bytes.Buffer
	at   string
	sent bool
}

func (w *interrupter) Write(b []byte) (int, error) {
	n, err := w.Buffer.Write(b)
	if !w.sent && strings.Contains(w.String(), w.at) {
		w.sent = true
		self, findErr := os.FindProcess(os.Getpid())
		err = errors.Join(err, findErr, self.Signal(os.Interrupt))
	}
	return n, err
}

func TestInterruptAndResume(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot send itself an interrupt on Windows")
	}
	if portable() {
		t.Skip("training takes minutes on the portable kernels")
	}
	run := filepath.Join(t.TempDir(), "run")
	args := []string{"train", "quickstart", "train.max_steps=12", "train.batch=8", "export.formats=[]", "--out", run}
	stderr := &interrupter{at: "step 1/12"}
	if got := Main(args, nil, &bytes.Buffer{}, stderr); got != exitInterrupted {
		t.Fatalf("exit status %d, want %d; stderr:\n%s", got, exitInterrupted, stderr)
	}
	if !strings.Contains(stderr.String(), "--resume") {
		t.Errorf("stderr does not say how to go on:\n%s", stderr)
	}
	if _, err := os.Stat(filepath.Join(run, train.CheckpointFile)); err != nil {
		t.Fatal(err)
	}
	var stdout, resumed bytes.Buffer
	if got := Main(append(args, "--resume", "--json"), nil, &stdout, &resumed); got != exitDone {
		t.Fatalf("exit status %d on resuming; stderr:\n%s", got, &resumed)
	}
	if !strings.Contains(resumed.String(), "resuming") || strings.Contains(resumed.String(), "step 1/12") {
		t.Errorf("the run began anew:\n%s", &resumed)
	}
	if !strings.Contains(stdout.String(), `"test_top1":`) {
		t.Errorf("no result:\n%s", &stdout)
	}
}

// What is measured when an interrupt comes is given up, in a line.
func TestInterruptSensitivity(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot send itself an interrupt on Windows")
	}
	if portable() {
		t.Skip("training takes minutes on the portable kernels")
	}
	run := filepath.Join(t.TempDir(), "run")
	var b bytes.Buffer
	if got := Main([]string{"train", "quickstart", "model.init=random", "model.network={nodes: [{conv: {out: 4, kernel: 3}}, batch_norm, relu, global_average_pool, {linear: {out: classes}}]}",
		"train.epochs=0", "data.dataset=random", "data.random={images: 40, test_images: 8}", "train.batch=8", "export.formats=[]", "--out", run}, nil, &b, &b); got != exitDone {
		t.Fatalf("exit status %d:\n%s", got, &b)
	}
	for method, length := range map[string]string{"hessian": "--samples", "scales": "--steps"} {
		stdout, stderr := &bytes.Buffer{}, &interrupter{at: method + ": "}
		got := Main([]string{"sensitivity", run, "--method", method, length, "100000", "--images", "40", "--widths", "4", "--threads", "1", "--plain"}, nil, stdout, stderr)
		if said := stderr.String(); got != exitInterrupted || stdout.Len() > 0 || !strings.HasSuffix(said, "\nqat: interrupted\n") || strings.Count(said, "qat: ") != 1 {
			t.Errorf("%s: exit status %d, want %d; stdout:\n%s\nstderr:\n%s", method, got, exitInterrupted, stdout, said)
		}
	}
}
