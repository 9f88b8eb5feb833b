package quantize_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/networks/networkstest"
	"github.com/qat-go/qat/quantize"
)

// Each tensor of each network has its quantizers, those that Place lists, or a reason why it has none.
func TestTensors(t *testing.T) {
	for _, overrides := range [][]string{{}, {"quant.residual=fp"}, {"quant.weights.bits=fp", "quant.activations.bits=fp", "quant.first_last=fp", "quant.residual=fp"}} {
		cfg, err := configs.Load("resnet20_w4a4", overrides)
		if err != nil {
			t.Fatal(err)
		}
		all := []*networks.Network{networkstest.Joined(networks.Shape{H: 32, W: 32, C: 3}, 10), networkstest.Leaky(networks.Shape{H: 32, W: 32, C: 3}, 10)}
		for _, a := range networks.Archs() {
			n, err := networks.Build(a.Name, networks.Options{Input: networks.Shape{H: 96, W: 96, C: 3}, Classes: 10})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, n)
		}
		for i, n := range all {
			tensors, err := quantize.Tensors(n, &cfg.Quant)
			if err != nil {
				t.Fatal(err)
			}
			sites, err := quantize.Place(n, &cfg.Quant)
			if err != nil {
				t.Fatal(err)
			}
			var want, got, names []string
			for _, s := range sites {
				want = append(want, s.Name)
			}
			for _, tensor := range tensors {
				names = append(names, tensor.Name)
				if tensor.Site != nil {
					got = append(got, tensor.Site.Name)
				}
				if tensor.Why == "" {
					t.Errorf("network %d: nothing is said of %s", i, tensor.Name)
				}
			}
			if slices.Sort(want); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
				t.Errorf("network %d: quantizers %v; Place has %v", i, got, want)
			}
			if count := 1 + len(n.Nodes) + len(n.Weighted()); len(slices.Compact(names)) != count {
				t.Errorf("network %d: %d tensors, want %d", i, len(slices.Compact(names)), count)
			}
		}
	}
}

// What is said of each tensor, in a network that has every case.
func TestWhy(t *testing.T) {
	n := &networks.Network{Input: networks.Shape{H: 8, W: 8, C: 3}}
	conv := networks.Conv{Out: 4, Window: networks.Square(1, 1, 0)}
	x := n.Add("bn", networks.BatchNorm{Eps: 1e-5}, n.Add("a", conv, networks.Input))
	y := n.Add("pool", networks.MaxPool{Window: networks.Square(3, 1, 1)}, n.Add("act", networks.PReLU{}, x))
	z := n.Add("drop", networks.Dropout{Rate: 0.5}, n.Add("b", conv, y))
	s := n.Add("sum", networks.Add{}, n.Add("c", conv, z), y)
	j := n.Add("join", networks.Concat{}, n.Add("relu", networks.ReLU{}, s), n.Add("d", conv, networks.Input))
	n.Add("linear", networks.Linear{Out: 10}, n.Add("mean", networks.GlobalAveragePool{}, n.Add("e", conv, j)))
	for _, tt := range []struct {
		overrides []string
		want      string
	}{
		{nil, "input 8-bit unsigned affine: a multiplies it (quant.first_last)|input 8-bit unsigned affine: d multiplies it (quant.first_last)|" +
			"a.weight 8-bit signed lsq: quant.first_last|a: bn takes it unrounded|bn 8-bit signed lsq: act is computed from its codes|" +
			"act 8-bit signed lsq: a summand of sum|pool 4-bit signed lsq: b multiplies it (quant.activations.bits)|" +
			"b.weight 4-bit signed lsq: quant.weights.bits|b: drop passes it on|drop 4-bit signed lsq: c multiplies it (quant.activations.bits)|" +
			"c.weight 4-bit signed lsq: quant.weights.bits|c 8-bit signed lsq: a summand of sum|sum: relu takes it unrounded|" +
			"relu 8-bit unsigned lsq: the sum of sum|d.weight 8-bit signed lsq: quant.first_last|d: join joins it (quant.concat: shared)|" +
			"join 4-bit signed lsq: e multiplies it (quant.activations.bits)|e.weight 4-bit signed lsq: quant.weights.bits|" +
			"e 8-bit signed lsq: mean is computed from its codes|mean 8-bit signed lsq: linear multiplies it (quant.first_last)|" +
			"linear.weight 8-bit signed lsq: quant.first_last|linear: the network ends here"},
		{[]string{"quant.residual=fp", "quant.layers[conv1].activations.bits=fp", "quant.activations.bits=fp", "quant.layers[*.conv2].weights={bits: fp}"}, ""},
	} {
		cfg, err := configs.Load("resnet20_w4a4", tt.overrides)
		if err != nil {
			t.Fatal(err)
		}
		if tt.want == "" { // the rules name layers of this network
			for i, pattern := range []string{"e", "b"} {
				if cfg.Quant.Layers[i].Pattern, err = configs.ParseGlob(pattern); err != nil {
					t.Fatal(err)
				}
			}
			tt.want = "input: quant.activations.bits: fp|a.weight 8-bit signed lsq: quant.first_last|a: bn takes it unrounded|bn: quant.residual: fp|act: pool passes it on|pool: quant.residual: fp|" +
				`b.weight: quant.layers["b"].weights.bits: fp|b: drop passes it on|drop: quant.activations.bits: fp|c.weight 4-bit signed lsq: quant.weights.bits|c: quant.residual: fp|` +
				"sum: relu takes it unrounded|relu: join joins it (quant.concat: shared)|d.weight 8-bit signed lsq: quant.first_last|d: join joins it (quant.concat: shared)|" +
				`join: quant.layers["e"].activations.bits: fp|e.weight 4-bit signed lsq: quant.weights.bits|e: quant.residual: fp|mean: quant.activations.bits: fp|` +
				"linear.weight 8-bit signed lsq: quant.first_last|linear: the network ends here"
		}
		tensors, err := quantize.Tensors(n, &cfg.Quant)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, tensor := range tensors {
			quantizer := ""
			if tensor.Site != nil {
				quantizer = " " + tensor.Site.String()
			}
			got = append(got, fmt.Sprintf("%s%s: %s", tensor.Name, quantizer, tensor.Why))
		}
		if text := strings.Join(got, "|"); text != tt.want {
			t.Errorf("%v:\n%s\nwant\n%s", tt.overrides, text, tt.want)
		}
	}
}
