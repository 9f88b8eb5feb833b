package layers

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/machine"
)

// Losses and their gradients are PyTorch's (testdata/loss.py), label smoothing and the two labels of mixup included.
func TestLossesAgreeWithPyTorch(t *testing.T) {
	data, err := os.ReadFile("testdata/loss.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Labels, Others []int32
		Cases          []struct {
			Smoothing, Share, Temperature, Alpha, Loss float64
			Gradient                                   []float64
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	const rows, classes = 4, 5
	values := func(f func(i int) float32) *tensor.Dense {
		v := make([]float32, rows*classes)
		for i := range v {
			v[i] = f(i)
		}
		return tensor.New(tensor.WithShape(rows, classes), tensor.WithBacking(v))
	}
	ran := 0
	for _, want := range golden.Cases {
		ran++
		c := testContext(t, true)
		x := c.b.Param("x", values(func(i int) float32 { return float32(7*i%11-5) / 2 }))
		targets := Targets{Labels: c.b.Input("y", tensor.New(tensor.WithShape(rows), tensor.WithBacking(golden.Labels))), Smoothing: want.Smoothing}
		if want.Share != 1 {
			targets.Others = c.b.Input("others", tensor.New(tensor.WithShape(rows), tensor.WithBacking(golden.Others)))
			targets.Share = c.b.Input("share", tensor.New(tensor.WithShape(1), tensor.WithBacking([]float32{float32(want.Share)})))
		}
		var node *G.Node
		if want.Alpha > 0 {
			teacher := c.b.Input("teacher", values(func(i int) float32 { return float32(5*i%7-3) / 2 }))
			node = Distillation(c, configs.Distillation{Temperature: want.Temperature, Weight: want.Alpha}, x, teacher, targets)
		} else {
			node = CrossEntropy(c, x, targets)
		}
		loss, gradient := lossOf(t, c, node, x)
		what := fmt.Sprintf("smoothing %v, share %v, alpha %v", want.Smoothing, want.Share, want.Alpha)
		if math.Abs(loss-want.Loss) > 1e-6 {
			t.Errorf("%s: loss %v, want %v", what, loss, want.Loss)
		}
		for i, g := range gradient {
			if math.Abs(float64(g)-want.Gradient[i]) > 1e-7 {
				t.Errorf("%s: gradient %d is %v, want %v", what, i, g, want.Gradient[i])
			}
		}
	}
	if ran < 7 {
		t.Errorf("%d cases", ran)
	}
}

func lossOf(t *testing.T, c *Context, node, x *G.Node) (loss float64, gradient []float32) {
	t.Helper()
	grads, err := c.b.Grad(node, x)
	if err != nil {
		t.Fatal(err)
	}
	m, err := machine.New(c.pool, machine.Options{Poison: true}, append(grads, node)...)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.RunAll(); err != nil {
		t.Fatal(err)
	}
	return float64(*node.Value().(*G.F32)), grads[0].Value().(*tensor.Dense).Float32s()
}

// A label without a class ends the step.
func TestLossRefusesLabels(t *testing.T) {
	for _, label := range []int32{-1, 5} {
		c := testContext(t, true)
		x := c.b.Param("x", random(1, 2, 5))
		node := CrossEntropy(c, x, Targets{Labels: c.b.Input("y", tensor.New(tensor.WithShape(2), tensor.WithBacking([]int32{0, label})))})
		m, err := machine.New(c.pool, machine.Options{}, node)
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("labels: image 1 has label %d; expected 0 to 4", label)
		if err := m.RunAll(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}
