package integer_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
	"github.com/qat-go/qat/internal/kernels"
)

// An export read by qat gives the same logits on every path of the kernels, bit for
// bit, with the arithmetic of both targets. QAT_CPU is read when a process starts, so
// each path has a process of its own, which leaves its logits in a file.
func TestPathsGiveTheSameLogits(t *testing.T) {
	const to = "QAT_TEST_LOGITS"
	if file := os.Getenv(to); file != "" {
		data := fmt.Append(nil, kernels.Check()) // of a path that this CPU lacks
		if kernels.Check() == nil {
			data = logitsOfNetworks(t)
		}
		if err := os.WriteFile(file, data, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	_, want, _ := bytes.Cut(logitsOfNetworks(t), []byte("\n"))
	best := false // path that the CPU has, which is the last one tried with success
	for _, path := range []string{"generic", "avx2", "avx512"} {
		file := filepath.Join(t.TempDir(), "logits")
		c := exec.Command(os.Args[0], "-test.run=^TestPathsGiveTheSameLogits$")
		c.Env = append(os.Environ(), "QAT_CPU="+path, to+"="+file)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("QAT_CPU=%s: %v\n%s", path, err, out)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		ran, got, _ := bytes.Cut(data, []byte("\n"))
		switch {
		case string(ran) != path && path != "generic" && strings.Contains(string(ran), "this CPU or build has no "+path+" kernels"):
			t.Logf("%s", ran)
			continue
		case string(ran) != path:
			t.Fatalf("QAT_CPU=%s ran on %q", path, ran)
		case !bytes.Equal(got, want):
			t.Errorf("QAT_CPU=%s gives other logits than %s", path, kernels.Path())
		}
		best = best || path == kernels.Path()
	}
	if !best {
		t.Errorf("the path in use, %s, was not tried", kernels.Path())
	}
}

// logitsOfNetworks returns the path in use, and the logits of 50 pictures through
// random networks and of a few through ResNet-20, in both targets.
func logitsOfNetworks(t *testing.T) []byte {
	t.Helper()
	rng := rand.New(rand.NewPCG(21, 22))
	out := fmt.Appendln(nil, kernels.Path())
	for i := range 12 {
		net, n := integertest.Random(rng), 50
		if i < 3 {
			net, n = integertest.ResNet20(rng, []int{8, 4, 1}[i]), 2
		}
		x := integertest.Pictures(rng, net, n)
		for _, target := range []integer.Target{integer.Float32, integer.Dyadic} {
			net.Target = target
			logits := run(t, newRunner(t, net, 2, n), x, n)
			if slices.Min(logits) == slices.Max(logits) && len(logits) > n {
				t.Errorf("network %d, %s: all logits are %g", i, target, logits[0])
			}
			out, _ = binary.Append(out, binary.LittleEndian, logits)
		}
	}
	return out
}
