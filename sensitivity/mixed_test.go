package sensitivity_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/qat-go/qat/sensitivity"
)

// The embedded configs of ResNet-20 with bits by layer have the widths that lose least within their sizes, by the losses of
// testdata/resnet20.json, and their descriptions say what they cost. What made that file, on the CIFAR-10 images after JPEG:
//
//	qat train resnet20_w4a4 train.epochs=0 --out zero
//	qat sensitivity zero --method hessian,perturb,sqnr,scales --json
func TestMixedConfigs(t *testing.T) {
	js, err := os.ReadFile("testdata/resnet20.json")
	if err != nil {
		t.Fatal(err)
	}
	report, err := sensitivity.ParseReport(js)
	if err != nil {
		t.Fatal(err)
	}
	cfg := load(t, "resnet20_w4a4")
	space := spaceOf(t, cfg, described(t, cfg), false, report.Widths...)
	// The size of 3 bits, and of 4, and one between those of 2 and 3.
	for name, budget := range map[string]string{"90kb": "size=90kB", "107kb": "size=106880B", "140kb": "size=140288B"} {
		for _, method := range []string{"hessian", "perturb", "sqnr", "scales"} {
			name := "resnet20_" + name + "_" + method
			embedded, a := load(t, name), allocated(t, space, report.Table(method), budget)
			if err := space.Check(a, embedded); err != nil || !a.Proven {
				t.Errorf("%s: %v; proven %v", name, err, a.Proven)
			}
			costs := fmt.Sprintf(", %s and %s BitOps", sensitivity.Size.Format(a.Spent[0].Amount), sensitivity.BitOps.Format(a.Spent[1].Amount))
			if !strings.HasSuffix(embedded.Description, costs) {
				t.Errorf("%s is described by %q; want %q", name, embedded.Description, costs)
			}
		}
	}
}
