package train

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/layers"
)

// A run that begins from another has its accuracy, in simulation and in integers, by what its quantizers have learned: with
// plain scales, levels and states of methods, a zero point, averages; and it resumes. Those of other quantizers start anew.
func TestInitTakesQuantizers(t *testing.T) {
	for name, over := range map[string][]string{
		"lsq":      nil,
		"averages": {"train.weight_ema=0.5"},
		"lq_nets":  {"quant.weights={estimator: lq_nets, bits: 2}", "quant.activations={estimator: lq_nets, bits: 2}"},
		"lsq_plus": {"quant.activations={estimator: lsq_plus, bits: 4}"},
	} {
		t.Run(name, func(t *testing.T) {
			base := partOf(t, 0, over...)
			c, err := OpenCheckpoint(base, Reading{})
			if err != nil {
				t.Fatal(err)
			}
			trained, err := c.Load("", 1)
			if err != nil {
				t.Fatal(err)
			}
			defer trained.Close()
			want := logits(t, trained)
			again := []string{"model.init=" + base, "train.lr=0.02"}
			dir := t.TempDir()
			p, err := goOn(t, dir, 1, 0, slices.Concat(over, again, []string{"train.epochs=0"})...)
			if err != nil {
				t.Fatal(err)
			}
			if text := strings.Join(p.lines, "\n"); !strings.Contains(text, "; quantizers: 6 taken") || strings.Contains(text, "anew") || strings.Contains(text, "calibrating") {
				t.Errorf("messages %q", p.lines)
			}
			if c, err = OpenCheckpoint(dir, Reading{}); err != nil {
				t.Fatal(err)
			}
			begun, err := c.Load("", 1)
			if err != nil {
				t.Fatal(err)
			}
			defer begun.Close()
			if got := logits(t, begun); !slices.Equal(got, want) {
				t.Errorf("logits %v, want %v", got[:4], want[:4])
			}
			m, err := ReadManifest(dir)
			if err != nil || len(m.QuantizersSHA) != 64 {
				t.Errorf("digest %q (%v)", m.QuantizersSHA, err)
			}
			// What the quantizers were is compared, as weights are.
			second := partOf(t, 3, slices.Concat(over, again)...)
			if _, err := goOn(t, base, 1, 0, slices.Concat(over, []string{"train.epochs=3", "train.groups={weights: {lr_multiplier: 0}, batch_norm: {lr_multiplier: 0}, bias: {lr_multiplier: 0}}"})...); err != nil {
				t.Fatal(err)
			}
			if _, err := goOn(t, second, 1, 0, slices.Concat(over, again)...); err == nil || !strings.Contains(err.Error(), "model.init (SHA-256 ") {
				t.Errorf("error %v", err)
			}
		})
	}
}

// Of each quantizer that is another it is said why.
func TestInitLeavesOtherQuantizers(t *testing.T) {
	base := partOf(t, 3)
	checkpoint := filepath.Join(base, CheckpointFile)
	for over, want := range map[string]string{
		"quant.weights.bits=3":                  "quantizers: 5 taken, 1 start anew: conv.weight (4 bits there, 3 here)",
		"quant.weights.estimator=sawb":          "first.weight and 2 more (lsq there, sawb here)",
		"quant.weights.granularity=per_channel": "first.weight and 2 more (per_tensor there, per_channel here)",
		"quant.weights.narrow=true":             "first.weight and 2 more (narrow false there, true here)",
		"quant.activations.signed=true":         "(unsigned there, signed here)",
		"quant.first_last=fp":                   "quantizers: 3 taken, 4 not used: first.input and 3 more (not quantized here)",
		"quant={weights: {bits: 4}, activations: {bits: fp}, first_last: 8, residual: fp}":                "quantizers: 3 taken, 4 not used: first.input and 3 more (not quantized here)",
		"quant={weights: {estimator: sawb}, activations: {estimator: pact}, first_last: 8, residual: fp}": "quantizers: 0 taken, ",
		"quant={weights: {bits: fp}, activations: {bits: fp}, first_last: fp, residual: fp}":              "its quantizers are not used",
		"model.init=embedded:resnet20_cifar10":                                                            "does not fit",
		"model.init=" + filepath.Join(base, "no.qat"):                                                     "no.qat",
	} {
		m, err := Open(extendingConfig(t, "model.init="+checkpoint, over), "", 1)
		if err != nil {
			t.Error(over, err)
			continue
		}
		line, err := m.initial()
		if err != nil {
			line = err.Error()
		}
		if !strings.Contains(line, want) {
			t.Errorf("%s: %q, want %q", over, line, want)
		}
		if took := strings.Contains(line, " taken") && !strings.Contains(line, " 0 taken"); (m.quantizersDigest() != "") != took {
			t.Errorf("%s: the digest of what was taken is %q after %q", over, m.quantizersDigest(), line)
		}
		if err := m.calibrate(context.Background()); err != nil {
			t.Error(over, err)
		}
		m.Close()
	}
	if got := reasons([]layers.Left{{Name: "a", Reason: "x"}, {Name: "b", Reason: "y"}, {Name: "c", Reason: "x"}}); got != "a and 1 more (x), b (y)" {
		t.Errorf("reasons %s", got)
	}
	// A folder stands for its checkpoint, which the resolved config names.
	if cfg := extendingConfig(t, "model.init="+base); cfg.Model.Init != checkpoint {
		t.Errorf("model.init is %s", cfg.Model.Init)
	}
}

// Quantizers of a file that cannot be taken start anew, and those with numbers that cannot be are an error.
func TestInitOfOddQuantizers(t *testing.T) {
	checkpoint := filepath.Join(partOf(t, 3), CheckpointFile)
	m, err := Open(extendingConfig(t, "model.init="+checkpoint), "", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for name, c := range map[string]struct {
		damage func(*dict, *named) // one of a quantizer of weights
		want   string
	}{
		"none":               {func(*dict, *named) {}, "; quantizers: 6 taken"},
		"of another program": {func(d *dict, _ *named) { d.config = "" }, "; quantizers start anew, as the file does not say what its own are"},
		"of another version": {func(d *dict, _ *named) { d.config = "other: 1" }, "; quantizers start anew, as the config inside is not valid for this version"},
		"without an array":   {func(_ *dict, n *named) { n.name = "other" }, "; quantizers: 5 taken, 1 start anew: conv.weight (not calibrated there)"},
		"of another shape":   {func(_ *dict, n *named) { n.shape = []int{2} }, "; quantizers: 5 taken, 1 start anew: conv.weight (not calibrated there)"},
		"not finite": {func(_ *dict, n *named) {
			n.values = func() ([]float32, error) { return []float32{float32(math.Inf(1))}, nil }
		}, "conv.weight_quantizer.scale[0] is +Inf, want a finite number"},
	} {
		dicts, err := readWeights(checkpoint, Reading{})
		if err != nil {
			t.Fatal(err)
		}
		d := &dicts[0]
		i := slices.IndexFunc(d.tensors, func(n named) bool { return n.name == "conv.weight_quantizer.scale" })
		if i < 0 {
			t.Fatal("no scale of conv.weight")
		}
		c.damage(d, &d.tensors[i])
		line, err := m.takeQuantizers(d)
		if err != nil {
			line = err.Error()
		}
		if line != c.want {
			t.Errorf("%s: %q, want %q", name, line, c.want)
		}
	}
	// The digest is of quantizers alone.
	m.taken = true
	for _, a := range m.Net.Store.All() {
		before := m.quantizersDigest()
		a.Data()[0]++
		if same := m.quantizersDigest() == before; same == ofQuantizer(a.Name) {
			t.Errorf("with another %s the digest is the same: %t", a.Name, same)
		}
	}
}
