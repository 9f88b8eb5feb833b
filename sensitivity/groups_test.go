package sensitivity_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/sensitivity"
	"github.com/qat-go/qat/train"
)

// Layers that read the same tensor have one width, the first and the last layer keep theirs, and what a method lacks is left out.
func TestGroups(t *testing.T) {
	cfg, m, _ := lossesOf(t, 1, "quickstart", "model.shortcut=B")
	s := spaceOf(t, cfg, m, false, 2, 4)
	if !slices.ContainsFunc(s.Groups, func(g sensitivity.Group) bool {
		return slices.Equal(g.Layers, []string{"layer2.0.conv1", "layer2.0.shortcut.0"}) || slices.Equal(g.Layers, []string{"layer2.0.conv1", "layer2.0.downsample.0"})
	}) {
		t.Errorf("no group of a block's first convolution and its shortcut's in %v", s.Groups)
	}
	if !slices.Equal(s.Fixed, []string{"conv1", "linear"}) {
		t.Errorf("%v are fixed; want conv1 and linear", s.Fixed)
	}
	cfg, m, _ = lossesOf(t, 1, "quickstart", "quant.layers[layer1.*].activations={estimator: apot, bits: 4}")
	if s = spaceOf(t, cfg, m, true, 4, 8); len(s.Groups[0].Widths) != 2 || s.Groups[0].Widths[1] != (sensitivity.Width{Weights: 8, Activations: 4}) || s.Notes[0] != "activations of layer1.0.conv1: apot has no 8 bits; left out" {
		t.Errorf("inputs of 4 bits by a method that has no 8: %v, %q", s.Groups[0], s.Notes)
	}
	cfg, m, _ = lossesOf(t, 1, "quickstart", "quant.layers[layer1.0.conv1].weights={estimator: ttq, bits: 2}", "quant.layers[layer1.0.conv2].weights={estimator: bwn, bits: 1}")
	s = spaceOf(t, cfg, m, false, 2, 4)
	if i := slices.IndexFunc(s.Groups, func(g sensitivity.Group) bool { return g.Layers[0] == "layer1.0.conv1" }); i < 0 || len(s.Groups[i].Widths) != 1 {
		t.Errorf("layer1.0.conv1 has the widths %v; want 2 bits", s.Groups)
	}
	if notes := strings.Join(s.Notes, "\n"); !slices.Contains(s.Fixed, "layer1.0.conv2") || !strings.Contains(notes, "weights of layer1.0.conv1: ttq has no 4 bits; left out") || !strings.Contains(notes, "layer1.0.conv2: no method there has one of the widths") {
		t.Errorf("fixed are %v, notes are %s", s.Fixed, notes)
	}
	for _, overrides := range [][]string{{"quant.weights.bits=fp"}, {"quant.weights={estimator: bwn, bits: 1}"}} {
		cfg, m, _ = lossesOf(t, 1, "quickstart", overrides...)
		if _, err := sensitivity.NewSpace(cfg, m, []int{2, 4}, false); !errors.Is(err, sensitivity.ErrNoChoice) {
			t.Errorf("%v: %v; want ErrNoChoice", overrides, err)
		}
	}
}

// The order in which widths are named, and how often, is of no matter.
func TestOrderOfWidths(t *testing.T) {
	cfg, m, table := lossesOf(t, 1, "quickstart")
	for _, budget := range []string{"size=20%", "mean_bits=3"} {
		want, got := allocated(t, spaceOf(t, cfg, m, true, 2, 4, 8), table, budget), allocated(t, spaceOf(t, cfg, m, true, 8, 2, 4, 2), table, budget)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v in another order; want %+v", budget, got, want)
		}
	}
}

// A config that has training change the bits has none to choose; stages that change no bits, and those that leave layers in floating
// point, stay as they are, and the network is that of the last one.
func TestBitsThatTrainingChanges(t *testing.T) {
	for name, tt := range map[string]struct {
		overrides []string
		want      string // "" is no error
	}{
		"a target":         {[]string{"quant.weights.estimator=fracbits", "quant.target.size=0.1MB"}, "no layer has a width to choose: the config has training learn them, for quant.target"},
		"fewer bits":       {[]string{"quant.schedule=[{for: 10%, weights: {bits: 6}}, {}]"}, "stage 1 of quant.schedule gives layer1.0.conv1 the bits 6/4 (weights/activations) and the last one 4/4"},
		"float, by rules":  {[]string{"quant.schedule=[{for: 10%}, {for: 10%, activations: {bits: fp}}, {}]"}, "stage 2 of quant.schedule gives layer1.0.conv1 the bits 4/fp (weights/activations) and the last one 4/4"},
		"a layer":          {[]string{"quant.schedule=[{for: 10%, layers: {layer2.1.conv1: {activations: {bits: 2}}}}, {}]"}, "stage 1 of quant.schedule gives layer2.1.conv1 the bits 4/2"},
		"the last one":     {[]string{"quant.schedule=[{for: 10%}, {weights: {bits: 3}}]"}, "stage 1 of quant.schedule gives layer1.0.conv1 the bits 4/4 (weights/activations) and the last one 3/4"},
		"only":             {[]string{`quant.schedule=[{for: 10%, only: none}, {for: 10%, add: ["layer1.*", "*"]}, {for: 10%, freeze: [scales]}, {lr: restart}]`}, ""},
		"ends and methods": {[]string{"quant.schedule=[{for: 10%, first_last: fp}, {first_last: 6, weights: {estimator: dorefa}}]"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, m, table := lossesOf(t, 1, "quickstart", tt.overrides...)
			s, err := sensitivity.NewSpace(cfg, m, []int{2, 3, 4, 6, 8}, false)
			if tt.want != "" {
				if !errors.Is(err, sensitivity.ErrNoChoice) || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%v; want %q", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			a := allocated(t, s, table, "size=50%")
			net, _, err := train.Outline(reload(t, s, a, cfg).Final())
			if err != nil {
				t.Fatal(err)
			}
			bits := int64(0)
			for _, r := range net.Table() {
				bits += r.SizeBits
			}
			if a.Spent[0].Amount != float64(bits) {
				t.Errorf("%+v; the last stage has %d bits", a.Spent[0], bits)
			}
		})
	}
}

// A tensor is the same one behind max pooling, which moves codes.
func TestGroupsBehindPooling(t *testing.T) {
	cfg, err := configs.Parse("pooled.yaml", []byte(pooled))
	if err != nil {
		t.Fatal(err)
	}
	m, _ := lossesFor(t, 1, cfg)
	if s := spaceOf(t, cfg, m, false, 2, 4); len(s.Groups) != 1 || !slices.Equal(s.Groups[0].Layers, []string{"pooled", "strided"}) {
		t.Errorf("groups are %v; want one of pooled and strided", s.Groups)
	}
}
