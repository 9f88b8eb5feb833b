package sensitivity_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/sensitivity"
	"github.com/qat-go/qat/train"
)

// The embedded configs of ResNet-20 with bits by layer have the widths that lose least within the size of the network with one width
// for all layers, by the losses of testdata/resnet20.json, and their descriptions say what they cost. What made that file, on the CIFAR-10
// images after JPEG:
//
//	qat train resnet20_w4a4 train.epochs=0 --out zero
//	qat sensitivity zero --json
func TestMixedConfigs(t *testing.T) {
	js, err := os.ReadFile("testdata/resnet20.json")
	if err != nil {
		t.Fatal(err)
	}
	report, err := sensitivity.ParseReport(js)
	if err != nil {
		t.Fatal(err)
	}
	for bits := 3; bits <= 5; bits++ {
		cfg, err := configs.Load(fmt.Sprintf("resnet20_w%da%d", bits, bits), nil)
		if err != nil {
			t.Fatal(err)
		}
		m, err := train.Describe(cfg)
		if err != nil {
			t.Fatal(err)
		}
		size := int64(0)
		for _, r := range m.Net.Table() {
			size += r.SizeBits
		}
		limits, err := sensitivity.ParseBudget(fmt.Sprintf("size=%dB", size/8))
		if err != nil {
			t.Fatal(err)
		}
		space, err := sensitivity.NewSpace(cfg, m, report.Widths, false)
		m.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, method := range []string{"hessian", "perturb", "sqnr"} {
			a, err := space.Allocate(context.Background(), report.Table(method), limits, 1)
			if err != nil {
				t.Fatal(err)
			}
			name := fmt.Sprintf("resnet20_mixed%d_%s", bits, method)
			embedded, err := configs.Load(name, nil)
			if err != nil {
				t.Fatal(err)
			}
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
