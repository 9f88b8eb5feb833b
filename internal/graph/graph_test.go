package graph

import (
	"errors"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

func vector(v ...float32) *tensor.Dense {
	return tensor.New(tensor.WithBacking(v), tensor.WithShape(len(v)))
}

var f32x1 = Arg{Dtype: tensor.Float32, Rank: 1}

// double is y = 2x with the gradient dx = 2dy.
func double(b *Builder, x *G.Node) *G.Node {
	return b.Apply(Op{
		Name: "double", In: []Arg{f32x1}, Out: f32x1,
		Shape: func(in []tensor.Shape) (tensor.Shape, error) { return in[0], nil },
		Forward: func(c *Call) error {
			for i, v := range c.F32(0) {
				c.OutF32()[i] = 2 * v
			}
			return nil
		},
		Wrt:      []bool{true},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node { return []*G.Node{double(b, dout)} },
	}, x)
}

func sum(b *Builder, x *G.Node) *G.Node {
	return b.Apply(Op{
		Name: "sum", Layer: "head", In: []Arg{f32x1}, Out: Arg{Dtype: tensor.Float32},
		Shape: func([]tensor.Shape) (tensor.Shape, error) { return tensor.ScalarShape(), nil },
		Forward: func(c *Call) error {
			var s float32
			for _, v := range c.F32(0) {
				s += v
			}
			c.SetScalar(s)
			return nil
		},
		Wrt: []bool{true},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node {
			return []*G.Node{b.Apply(Op{
				Name: "sum gradient", In: []Arg{f32x1, {Dtype: tensor.Float32}}, Out: f32x1,
				Shape: func(in []tensor.Shape) (tensor.Shape, error) { return in[0], nil },
				Forward: func(c *Call) error {
					for i := range c.OutF32() {
						c.OutF32()[i] = c.Scalar(1)
					}
					return nil
				},
			}, in[0], dout)}
		},
	}, x)
}

// Two nodes with the same operation and input stay two nodes, and run on
// Gorgonia's own machine.
func TestTapeMachineRunsOurOps(t *testing.T) {
	b := New()
	x := b.Param("x", vector(1, 2, 3))
	y, z := double(b, x), double(b, x)
	if y == z {
		t.Error("Gorgonia merged two nodes")
	}
	loss := sum(b, double(b, y))
	grads, err := b.Grad(loss, x)
	if err != nil {
		t.Fatal(err)
	}
	vm := G.NewTapeMachine(b.Graph())
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	if got := *loss.Value().(*G.F32); got != 24 {
		t.Errorf("loss %v, want 24", got)
	}
	for _, v := range grads[0].Value().(*tensor.Dense).Float32s() {
		if v != 4 {
			t.Errorf("gradient %v, want 4", v)
		}
	}
}

func TestMistakesAreErrors(t *testing.T) {
	for name, c := range map[string]struct {
		want  string
		build func(b *Builder) error
	}{
		"input name twice": {`input "x": names must be unique`, func(b *Builder) error {
			b.Param("x", vector(1))
			b.Param("x", vector(2))
			return b.Err()
		}},
		"wrong rank": {"head: sum: input 0 is float32 (1, 2), want float32 of rank 1", func(b *Builder) error {
			sum(b, b.Param("x", tensor.New(tensor.WithShape(1, 2), tensor.WithBacking([]float32{1, 2}))))
			return b.Err()
		}},
		"wrong type": {"input 0 is int32", func(b *Builder) error {
			sum(b, b.Input("x", tensor.New(tensor.WithShape(2), tensor.WithBacking([]int32{1, 2}))))
			return b.Err()
		}},
		"nil input": {"input 0 is nil", func(b *Builder) error { sum(b, nil); return b.Err() }},
		"too many inputs": {"2 inputs, want 1", func(b *Builder) error {
			x := b.Param("x", vector(1))
			b.Apply(Op{Name: "one", In: []Arg{f32x1}, Out: f32x1}, x, x)
			return b.Err()
		}},
		"shape rule fails": {"layer1: bad: no such shape", func(b *Builder) error {
			b.Apply(Op{Name: "bad", Layer: "layer1", In: []Arg{f32x1}, Out: f32x1, Shape: func([]tensor.Shape) (tensor.Shape, error) {
				return nil, errors.New("no such shape")
			}}, b.Param("x", vector(1)))
			return b.Err()
		}},
		"second gradient": {"differentiated already", func(b *Builder) error {
			x := b.Param("x", vector(1))
			loss := sum(b, x)
			if _, err := b.Grad(loss, x); err != nil {
				return err
			}
			_, err := b.Grad(loss, x)
			return err
		}},
		"no gradient": {"not differentiable", func(b *Builder) error {
			x := b.Param("x", vector(1))
			y := b.Apply(Op{Name: "step", In: []Arg{f32x1}, Out: f32x1, Wrt: []bool{true},
				Shape: func(in []tensor.Shape) (tensor.Shape, error) { return in[0], nil }}, x)
			_, err := b.Grad(sum(b, y), x)
			return err
		}},
		"no such auxiliary output": {"no auxiliary output 3", func(b *Builder) error {
			b.Aux(double(b, b.Param("x", vector(1))), 3)
			return b.Err()
		}},
	} {
		if err := c.build(New()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}
