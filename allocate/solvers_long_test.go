//go:build long

package allocate_test

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/qat-go/qat/allocate"
)

// lp is a problem in CPLEX's LP format.
func lp(p allocate.Problem) string {
	var b strings.Builder
	name := func(g, c int) string { return fmt.Sprintf("x%d_%d", g, c) }
	terms := func(of func(c allocate.Choice) float64) {
		for g, choices := range p.Groups {
			for c, choice := range choices {
				fmt.Fprintf(&b, " + %.17g %s\n", of(choice), name(g, c))
			}
		}
	}
	b.WriteString("Minimize\n loss:")
	terms(func(c allocate.Choice) float64 { return 1e5 * c.Loss }) // cbc takes differences of 1e-5 for none
	b.WriteString("Subject To\n")
	for k, limit := range p.Limits {
		fmt.Fprintf(&b, " limit%d:", k)
		terms(func(c allocate.Choice) float64 { return float64(c.Costs[k]) / float64(limit) })
		b.WriteString(" <= 1\n")
	}
	for g, choices := range p.Groups {
		fmt.Fprintf(&b, " group%d:", g)
		for c := range choices {
			fmt.Fprintf(&b, " + %s", name(g, c))
		}
		b.WriteString(" = 1\n")
	}
	b.WriteString("Binary\n")
	for g, choices := range p.Groups {
		for c := range choices {
			fmt.Fprintf(&b, " %s\n", name(g, c))
		}
	}
	b.WriteString("End\n")
	return b.String()
}

// Debian's glpk-utils and coinor-cbc find no better solution of large problems, and one as good.
func TestSolvers(t *testing.T) {
	solvers := map[string]struct {
		args  func(in, out string) []string
		taken *regexp.Regexp
	}{
		"glpsol": {func(in, out string) []string { return []string{"--lp", in, "--tmlim", "60", "-o", out} }, regexp.MustCompile(`(?m)^ +\d+ x(\d+)_(\d+)\s+\* +1 `)},
		"cbc": {func(in, out string) []string {
			return []string{in, "ratioGap", "0", "allowableGap", "0", "seconds", "60", "solve", "solution", out}
		}, regexp.MustCompile(`(?m)^ +\d+ x(\d+)_(\d+) +1 `)},
	}
	for solver, s := range solvers {
		if _, err := exec.LookPath(solver); err != nil {
			t.Fatalf("%v; want Debian's glpk-utils and coinor-cbc", err)
		}
		for seed := range uint64(4) {
			for _, p := range []allocate.Problem{network(seed, 54, 0.2, 0.1), network(seed, 54, 0.4, 0.3), network(seed, 54, 0.7, 0.6), network(seed, 20, 0.3, 0.3)} {
				start := time.Now()
				got, err := allocate.Solve(p)
				if err != nil || !got.Proven {
					t.Fatalf("%+v, %v", got, err)
				}
				ours := time.Since(start)
				in, out := filepath.Join(t.TempDir(), "p.lp"), filepath.Join(t.TempDir(), "out")
				if err := os.WriteFile(in, []byte(lp(p)), 0o666); err != nil {
					t.Fatal(err)
				}
				start = time.Now()
				if b, err := exec.Command(solver, s.args(in, out)...).CombinedOutput(); err != nil {
					t.Fatalf("%s: %v\n%s", solver, err, b)
				}
				theirs := time.Since(start)
				b, err := os.ReadFile(out)
				if err != nil {
					t.Fatal(err)
				}
				loss, taken := 0.0, s.taken.FindAllStringSubmatch(string(b), -1)
				for _, m := range taken {
					g, _ := strconv.Atoi(m[1])
					c, _ := strconv.Atoi(m[2])
					loss += p.Groups[g][c].Loss
				}
				if len(taken) != len(p.Groups) {
					t.Fatalf("%s takes %d choices of %d groups:\n%s", solver, len(taken), len(p.Groups), b)
				}
				t.Logf("%s: %.9g in %.3f s, ours %.9g in %.3f s", solver, loss, theirs.Seconds(), got.Loss, ours.Seconds())
				if math.Abs(loss-got.Loss) > 1e-6*got.Loss {
					t.Errorf("%s loses %.12g; ours loses %.12g", solver, loss, got.Loss)
				}
			}
		}
	}
}
