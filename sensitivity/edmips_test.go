package sensitivity_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/sensitivity"
)

// edmips are the widths, weights and activations, that EdMIPS found for the layers between the first and the last: best_weight and
// best_activ of models/quant_resnet.py (github.com/zhaoweicai/EdMIPS, commit 690a7c6). Its README gives their cost, "bit", of quantized
// layers alone: the root of the mean of both widths' product over MACs, with ResNet-50 as with ResNet-18.
var edmips = map[string]struct{ widths, bit string }{
	"resnet18": {"12 12 12 12 32 22 44 22 12 33 23 43 22 12 33 23 43 22 22", "1.992"},
	"resnet50": {"44 13 13 34 12 12 13 12 12 12 12 12 33 13 13 12 12 13 12 13 13 12 13 32 23 33 23 13 12 23 13 12 23 13 12 13 12 12 12 12 12 12 33 23 33 23 13 23 33 33 23 43", "2.007"},
}

// EdMIPS's widths cost what it publishes, and the embedded config has them.
func TestEdMIPS(t *testing.T) {
	for arch, paper := range edmips {
		n, err := networks.Build(arch, networks.Options{Input: networks.Shape{H: 224, W: 224, C: 3}, Classes: 1000})
		if err != nil {
			t.Fatal(err)
		}
		rows, err := n.Table()
		if err != nil {
			t.Fatal(err)
		}
		rows = rows[1 : len(rows)-1]
		widths := strings.Fields(paper.widths)
		if len(rows) != len(widths) {
			t.Fatalf("%s: %d layers for %d widths", arch, len(rows), len(widths))
		}
		ops, macs := int64(0), int64(0)
		for i, r := range rows {
			ops, macs = ops+r.BitOps(int(widths[i][0]-'0'), int(widths[i][1]-'0')), macs+r.BitOps(1, 1)
		}
		if bit := fmt.Sprintf("%.3f", math.Sqrt(float64(ops)/float64(macs))); bit != paper.bit {
			t.Errorf("%s: %s bits; want %s", arch, bit, paper.bit)
		}
	}
	const name = "imagenet_resnet18_edmips"
	cfg := load(t, name)
	var widths []string
	rows := described(t, cfg).Net.Table()
	ops, size := int64(0), int64(0)
	for i, r := range rows {
		if ops, size = ops+r.BitOps, size+r.SizeBits; i > 0 && i < len(rows)-1 {
			widths = append(widths, fmt.Sprint(r.WeightBits)+fmt.Sprint(r.InputBits))
		}
	}
	costs := fmt.Sprintf(", %s and %s BitOps", sensitivity.Size.Format(float64(size)), sensitivity.BitOps.Format(float64(ops)))
	if got := strings.Join(widths, " "); got != edmips["resnet18"].widths || !strings.HasSuffix(cfg.Description, costs) {
		t.Errorf("%s has %s, described by %q; want %s and %q", name, got, cfg.Description, edmips["resnet18"].widths, costs)
	}
}
