package train

import (
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/networks"
)

// The products of a step are those of the network's cost: of each layer one pass forward, on codes but in the first and the last
// layer, and two backward on floats, of which the first layer has one.
func TestProductsOfAStep(t *testing.T) {
	cfg, err := configs.Load("resnet20_w4a4", []string{"train.batch=4", "quant.first_last=fp"})
	if err != nil {
		t.Fatal(err)
	}
	m, err := synthetic(cfg, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.calibrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := m.newStepper(machine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n, err := cfg.Network()
	if err != nil {
		t.Fatal(err)
	}
	shapes, err := n.Shapes()
	if err != nil {
		t.Fatal(err)
	}
	floats, codes := 0.0, 0.0
	for i, node := range n.Nodes {
		if node.Op.Kind() != "conv" && node.Op.Kind() != "linear" {
			continue
		}
		macs := 4 * float64(node.Op.MACs([]networks.Shape{shapes[node.Inputs[0]]}))
		conv, ok := node.Op.(networks.Conv)
		switch {
		case i == 0:
			floats += 2 * macs
		case !ok:
			floats += 3 * macs
		case conv.Window == networks.Square(3, 1, 1):
			codes, floats = codes+macs, floats+2*macs*16/36
		default:
			codes, floats = codes+macs, floats+2*macs
		}
	}
	got := machine.Load{}
	for _, l := range s.vm.Loads() {
		got.Work.Floats += l.Work.Floats
		got.Work.Codes += l.Work.Codes
	}
	if r := got.Work.Floats / floats; r < 1-1e-9 || r > 1+1e-9 || got.Work.Codes != codes && 2*got.Work.Codes < codes {
		t.Errorf("%g products of floats and %g of codes, want %g and %g", got.Work.Floats, got.Work.Codes, floats, codes)
	}
	r := m.roofline(s.vm.Loads(), s.vm.ArenaBytes(), 10)
	if !(r.Train > 0 && r.Compute > 0) || r.Share != 10/r.Train || 4e3/r.Train < r.Compute*(1-1e-9) {
		t.Errorf("%+v", r)
	}
}
