//go:build long

package layers

import (
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/internal/safetensors"
	"github.com/qat-go/qat/networks"
)

// python has PyTorch: Debian's, of the package python3-torch.
const python = "/usr/bin/python3"

// TestStepsAgreeWithPyTorch trains ResNet-20 with LSQ in PyTorch (testdata/pytorch/steps.py), and takes each step anew from
// PyTorch's arrays. The loss is PyTorch's to 1e-5, and logits and gradients to 1e-4 of the largest of their array; of all
// scales, since a scale's gradient is a sum of many terms that cancel. A code may differ where PyTorch's level lies between
// two, but for rounding; it moves all that follows, so such a step is counted and its numbers are not compared.
func TestStepsAgreeWithPyTorch(t *testing.T) {
	const steps = 10
	for _, c := range []struct {
		name, bits string
		atTies     int // steps with such codes
		overrides  []string
	}{
		{"float", "32", 0, []string{"quant.weights.bits=fp", "quant.activations.bits=fp", "quant.first_last=fp", "quant.residual=fp"}},
		{"W4A4", "4", 3, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			out, err := exec.Command(python, "testdata/pytorch/steps.py", "--weights", "pretrained/resnet20_cifar10.safetensors", "--out", dir,
				"--bits", c.bits, "--steps", fmt.Sprint(steps), "--seed", "0").CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			atTies := 0
			for step := range steps {
				f, err := safetensors.ReadFile(filepath.Join(dir, fmt.Sprint("step", step)))
				if err != nil {
					t.Fatal(err)
				}
				if compareStep(t, fmt.Sprint("step ", step), f, testNetwork(t, "resnet20_w4a4", c.overrides...)) {
					atTies++
				}
			}
			if atTies > c.atTies {
				t.Errorf("%d steps with codes that differ at ties, want at most %d", atTies, c.atTies)
			}
		})
	}
}

// compareStep takes one step; atTies tells that codes differ, at ties.
func compareStep(t *testing.T, step string, f *safetensors.File, n *Network) (atTies bool) {
	t.Helper()
	floats := func(name string) []float32 { return must(f.Float32s(name)) }
	for _, p := range n.Store.Of(Learned) {
		if strings.HasPrefix(p.Name, "conv1.input_quantizer") {
			continue // from the range of a picture
		}
		if err := p.FromFile(p.Data(), floats("start."+p.Name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range n.Store.Running() {
		copy(b.Data(), floats("start."+b.Name))
	}
	for _, q := range n.Quantizers {
		if q.fixed { // the range of CIFAR's pictures, as in PyTorch's network
			mean, std := []float32{0.485, 0.456, 0.406}, []float32{0.229, 0.224, 0.225}
			lo, hi := float32(0), float32(0)
			for i := range mean {
				lo, hi = min(lo, -mean[i]/std[i]), max(hi, (1-mean[i])/std[i])
			}
			if err := q.setRange(lo, hi); err != nil {
				t.Fatal(err)
			}
		}
	}
	c := testContext(t, true)
	without(c, rewrites()[len(arithmetic):]...)
	x, y := nhwc(floats("x"), 2, 3, 32), tensor.New(tensor.Of(tensor.Int32), tensor.WithShape(2))
	for i, v := range floats("y") {
		y.Int32s()[i] = int32(v)
	}
	plan := newPlan(c, n.layers, nil)
	logits := plan.emit(c.b.Input("x", x))
	loss := CrossEntropy(c, logits, Targets{Labels: c.b.Input("y", y)})
	var wrt, outputs []*G.Node
	for _, p := range n.Store.Learnable() {
		wrt = append(wrt, c.Node(p))
	}
	grads, err := c.b.Grad(loss, wrt...)
	if err != nil {
		t.Fatal(err)
	}
	outputs = append(append(outputs, grads...), loss, logits)
	codes := map[string]*G.Node{}
	for _, s := range plan.steps {
		if o, ok := s.op.(quantizeOp); ok && s.out.codes != nil {
			codes[o.q.Name] = s.out.codes
			outputs = append(outputs, s.out.codes)
		}
	}
	m, err := machine.New(c.pool, machine.Options{}, outputs...)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.RunAll(); err != nil {
		t.Fatal(err)
	}
	flips := 0
	for _, q := range n.Quantizers {
		node := codes[q.Name]
		if node == nil {
			continue // of weights
		}
		levels, shift := floats("levels."+q.Name), 0.0
		if q.Signed() {
			shift = float64(q.zeroPoint())
		}
		first := flips == 0 // what follows reads codes that differ
		for i, code := range node.Value().(*tensor.Dense).Uint8s() {
			v := float64(levels[chw(i, node.Shape())])
			if math.RoundToEven(v) == float64(code)-shift {
				continue
			}
			if flips++; first && math.Abs(v-math.Floor(v)-0.5) > 1e-4 {
				t.Errorf("%s: %s: PyTorch's %v has the code %v here; no tie", step, q.Name, v, float64(code)-shift)
			}
		}
	}
	if flips > 0 {
		t.Logf("%s: %d codes differ, from a tie on", step, flips)
		return true
	}
	off := func(got, want []float32) (off, largest float64) {
		for i, v := range want {
			largest = max(largest, math.Abs(float64(v)))
			if d := math.Abs(float64(got[i] - v)); !(d <= off) {
				off = d
			}
		}
		return off, largest
	}
	lossOff, _ := off([]float32{float32(*loss.Value().(*G.F32))}, floats("loss"))
	logitsOff, largest := off(logits.Value().(*tensor.Dense).Float32s(), floats("logits"))
	logitsOff /= largest
	scalesOff, largestScale, worst := 0.0, 0.0, 0.0
	for i, p := range n.Store.Learnable() {
		want := make([]float32, len(p.Data()))
		if err := p.FromFile(want, floats("gradient."+p.Name)); err != nil {
			t.Fatal(err)
		}
		d, largest := off(grads[i].Value().(*tensor.Dense).Float32s(), want)
		if p.Group == networks.ScalesGroup {
			scalesOff, largestScale = max(scalesOff, d), max(largestScale, largest)
			continue
		}
		if !(d/largest <= 1e-4) {
			t.Errorf("%s: the gradient of %s is off by %g of its largest", step, p.Name, d/largest)
		}
		worst = max(worst, d/largest)
	}
	if scalesOff > 0 {
		scalesOff /= largestScale
	}
	t.Logf("%s: loss %.1e, logits %.1e, gradients %.1e, of scales %.1e", step, lossOff, logitsOff, worst, scalesOff)
	if !(lossOff <= 1e-5) || !(logitsOff <= 1e-4) || !(scalesOff <= 1e-4) {
		t.Errorf("%s: loss off by %g, logits by %g of the largest, gradients of scales by %g of the largest", step, lossOff, logitsOff, scalesOff)
	}
	return false
}

// chw is the position in (N, C, H, W) of element i of a tensor (N, H, W, C) or (N, C).
func chw(i int, s tensor.Shape) int {
	if len(s) != 4 {
		return i
	}
	c, w, h := i%s[3], i/s[3]%s[2], i/s[3]/s[2]%s[1]
	return ((i/(s[3]*s[2]*s[1])*s[3]+c)*s[1]+h)*s[2] + w
}

// nhwc turns pictures (n, c, size, size) to (n, size, size, c).
func nhwc(x []float32, n, c, size int) *tensor.Dense {
	y := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(n, size, size, c))
	for i := range y.Float32s() {
		y.Float32s()[i] = x[chw(i, y.Shape())]
	}
	return y
}
