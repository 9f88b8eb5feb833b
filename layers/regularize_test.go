package layers

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/threads"
)

// penalties returns the penalty of a network and the gradient that it gives each layer with quantized weights, added to
// ones.
func penalties(t *testing.T, n *Network, count int) (float64, map[string][]float32) {
	t.Helper()
	pool := kernels.NewPool(count)
	defer pool.Close()
	grads := map[string][]float32{}
	for _, l := range n.regularized {
		grads[l.weight.Name] = slices.Repeat([]float32{1}, len(l.weight.Data()))
	}
	loss, err := n.Penalize(NewContext((*threads.Pool)(pool), true), func(p *Array) []float32 { return grads[p.Name] })
	if err != nil {
		t.Fatal(err)
	}
	return loss, grads
}

// The gradient of msqe, written down a second time, with the levels that each layer's quantizer has.
func TestPenalize(t *testing.T) {
	for _, c := range []struct {
		name      string
		qn, qp    func(bits int) float64
		overrides []string
	}{
		{"lsq", func(b int) float64 { return -math.Exp2(float64(b - 1)) }, func(b int) float64 { return math.Exp2(float64(b-1)) - 1 },
			[]string{"quant.weights.granularity=per_channel"}},
		{"lsq, narrow", func(b int) float64 { return 1 - math.Exp2(float64(b-1)) }, func(b int) float64 { return math.Exp2(float64(b-1)) - 1 },
			[]string{"quant.weights.narrow=true", "quant.layers[layer1.0.conv1].weights.bits=4"}},
		{"wrpn", func(b int) float64 { return 1 - math.Exp2(float64(b-1)) }, func(b int) float64 { return math.Exp2(float64(b-1)) - 1 },
			[]string{"quant.weights.estimator=wrpn"}},
		{"affine", func(b int) float64 { return -math.Exp2(float64(b - 1)) }, func(b int) float64 { return math.Exp2(float64(b-1)) - 1 },
			[]string{"quant.weights.estimator=affine", "quant.layers[linear].weights.bits=fp"}},
	} {
		n := calibrated(t, "resnet20_w2a2", append(c.overrides, "quant.regularizers.msqe={kind: linear, from: 0, to: 6}")...)
		n.SetProgress(1, 1.0/3) // lambda is 2
		loss, grads := penalties(t, n, 1)
		again, same := penalties(t, n, 3)
		want := 0.0
		for _, l := range n.weighted() {
			if w := l.weight(); l.weights != nil {
				want += msqeOf(t, c.name, w, l.weights, c.qn, c.qp, grads[w.Name])
			} else if grads[w.Name] != nil {
				t.Errorf("%s: weights in floating point are penalized", c.name)
			}
		}
		if math.Abs(loss-want) > 1e-6*want || loss != again || want == 0 {
			t.Errorf("%s: penalty %v on one thread, %v on three, want %v", c.name, loss, again, want)
		}
		for name, g := range grads {
			if !slices.Equal(g, same[name]) {
				t.Errorf("%s: the gradient of %s depends on the threads", c.name, name)
			}
		}
	}
}

func msqeOf(t *testing.T, name string, w *Array, q *Quantizer, qn, qp func(int) float64, grad []float32) (loss float64) {
	t.Helper()
	n, scales := float64(len(w.Data())), q.Scale.Data()
	for i, v := range w.Data() {
		s := float64(scales[i%len(scales)])
		d := float64(v) - s*math.RoundToEven(min(max(float64(v/scales[i%len(scales)]), qn(q.Bits())), qp(q.Bits())))
		loss += 2 / n * d * d
		if want := 1 + 2*2/n*d; math.Abs(float64(grad[i])-want) > 1e-6 {
			t.Errorf("%s: %s[%d] has the gradient %v, want %v", name, w.Name, i, grad[i], want)
			return loss
		}
	}
	return loss
}

func TestPenaltiesAddUp(t *testing.T) {
	one := func(overrides ...string) float64 {
		loss, _ := penalties(t, calibrated(t, "resnet20_w2a2", overrides...), 2)
		return loss
	}
	kurtosis, sin2 := one("quant.regularizers.kurtosis=0.5"), one("quant.regularizers.sin2=0.25")
	if both := one("quant.regularizers={kurtosis: 0.5, sin2: 0.25}"); math.Abs(both-kurtosis-sin2) > 1e-9*both || both == 0 {
		t.Errorf("together %v, want %v + %v", both, kurtosis, sin2)
	}
	if off := one(); off != 0 {
		t.Errorf("without regularizers: %v", off)
	}
}

func project(t *testing.T, n *Network) {
	t.Helper()
	pool := kernels.NewPool(2)
	defer pool.Close()
	if err := n.Project((*threads.Pool)(pool)); err != nil {
		t.Fatal(err)
	}
}

// BinaryConnect and BNN clip what they quantize, XNOR-Net and floating point do not, and nor does LSQ, which other layers have.
func TestProjectClips(t *testing.T) {
	for method, clips := range map[string]bool{"binary_connect": true, "bnn": true, "xnor": false} {
		n := calibrated(t, "resnet20_w2a2", "quant.weights={bits: 1, estimator: "+method+"}", "quant.first_last="+map[bool]string{true: "8", false: "fp"}[method == "bnn"])
		inner, stem := n.layer("layer1.0.conv1").weight().Data(), n.layer("conv1").weight().Data()
		copy(inner, []float32{3, -1.5, 0.25})
		stem[0] = 3
		project(t, n)
		want := []float32{3, -1.5, 0.25}
		if clips {
			want = []float32{1, -1, 0.25}
		}
		if !slices.Equal(inner[:3], want) || stem[0] != 3 {
			t.Errorf("%s: weights %v, want %v; of the first layer %v, want 3", method, inner[:3], want, stem[0])
		}
	}
}

// w' + sign(w - w')*max(|w - w'| - lambda*s, 0) with the scale of the weights as they are after the update, not before.
func TestProxQuantIsOnTheNewScale(t *testing.T) {
	n := calibrated(t, "resnet20_w2a2", "quant.weights={bits: 1, estimator: bwn}", "quant.first_last=fp", "quant.regularizers.prox_quant=0.25")
	w := n.layer("layer1.0.conv1").weight().Data()
	sum := 0.0
	for i := range w {
		w[i] *= 2 // the update
		sum += math.Abs(float64(w[i]))
	}
	old, s := slices.Clone(w), sum/float64(len(w))
	project(t, n)
	moved := 0
	for i, v := range old {
		level := math.Copysign(s, float64(v))
		d := float64(v) - level
		want := level + math.Copysign(max(math.Abs(d)-0.25*s, 0), d)
		if math.Abs(float64(w[i])-want) > 1e-6*s {
			t.Fatalf("w[%d] = %v became %v, want %v", i, v, w[i], want)
		}
		if w[i] != v {
			moved++
		}
	}
	if moved == 0 {
		t.Error("nothing moved")
	}
}

// A weight that goes to and fro freezes, and its state is among what checkpoints keep.
func TestFreezing(t *testing.T) {
	n := calibrated(t, "resnet20_w2a2", "quant.regularizers.freezing={momentum: 0.5, threshold: 0.4}")
	layer := n.layer("layer1.1.conv1")
	w, s := layer.weight().Data(), layer.weights.Scale.Data()[0]
	for i, v := range []float32{0.1, 0.9, 0.1, 0.9} {
		w[0] = v * s
		project(t, n)
		if frozen := buffer(t, n, layer.weight().Name+"_quantizer.freezing.frozen")[0]; (frozen == 1) != (i >= 2) {
			t.Errorf("step %d: frozen is %v", i, frozen)
		}
	}
	if w[0] != 0 && w[0] != s {
		t.Errorf("frozen at %v, no level of step %v", w[0], s)
	}
	if updates := buffer(t, n, layer.weight().Name+"_quantizer.freezing.updates"); updates[0] != 4 {
		t.Errorf("%v updates, want 4", updates[0])
	}
}

func buffer(t *testing.T, n *Network, name string) []float32 {
	t.Helper()
	for _, b := range n.Store.Of(Updated) {
		if b.Name == name {
			return b.Data()
		}
	}
	t.Fatalf("no buffer %s", name)
	return nil
}

// Rules that only together give a layer levels that a penalty cannot look at.
func TestRegularizerOfOneLayer(t *testing.T) {
	cfg, err := configs.Load("resnet20_w2a2", []string{"quant.regularizers.msqe=1", "quant.first_last=same", "quant.weights.granularity=per_channel",
		"quant.layers[layer1.*].weights.estimator=affine", "quant.layers[layer1.0.conv1].weights={estimator: lsq, ste: auto}"})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Quant.Layers[1].Weights.Values.Estimator = "twn"
	if _, err := New(must(networks.Build("resnet20", zoo(""))), &cfg.Quant, testInput, 1); err == nil || !strings.Contains(err.Error(), "quant.regularizers.msqe: layer1.0.conv1.weight: it looks at the levels") {
		t.Errorf("error %v", err)
	}
}
