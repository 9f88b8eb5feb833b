package layers

import (
	"math"
	"slices"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/threads"
)

// Near a run, what is linear in pieces stays in the piece of the run, so that turning the sign of the weights before it turns that of
// what comes after it: as turning the sign of the weights after it does.
func TestSlopeStaysInItsPiece(t *testing.T) {
	pool := threads.New(2)
	defer pool.Close()
	for _, op := range []networks.Op{networks.ReLU{}, networks.LeakyReLU{Slope: 0.1}, networks.PReLU{}, networks.RPReLU{}, networks.MaxPool{Window: networks.Square(3, 2, 1)}} {
		net := &networks.Network{Input: networks.Shape{H: 7, W: 7, C: 3}}
		x := net.Add("piecewise", op, net.Add("conv", networks.Conv{Out: 5, Window: networks.Square(3, 1, 1)}, networks.Input))
		net.Add("linear", networks.Linear{Out: 4, NoBias: true}, net.Add("flatten", networks.Flatten{}, x))
		n := must(New(net, &configs.Quant{}, testInput, 3))
		s := must(NewSlope(pool, n, 6, false))
		images := make([]float32, 6*net.Input.Len())
		for i := range images {
			images[i] = float32((i*i+7*i)%23)/8 - 1
		}
		labels := []int32{0, 1, 2, 3, 0, 1}
		base := must(s.Run(images, labels))
		gradient := slices.Clone(s.Tensors[0].Gradient())
		if again := must(s.Near()); again != base || !slices.Equal(s.Tensors[0].Gradient(), gradient) {
			t.Errorf("%s: nothing has changed, and the loss is %v after %v", op.Kind(), again, base)
		}
		turn := func(layer int) {
			for i := range s.Tensors[layer].Values {
				s.Tensors[layer].Values[i] *= -1
			}
		}
		turn(1)
		want := must(s.Near())
		slope := slices.Clone(s.Tensors[1].Gradient())
		turn(1)
		turn(0)
		got := must(s.Near())
		if math.Abs(got-want) > 1e-6 || math.Abs(got-base) < 1e-3 {
			t.Errorf("%s: with weights turned before it the loss is %v, after it %v, and %v as it was", op.Kind(), got, want, base)
		}
		for i, g := range s.Tensors[1].Gradient() {
			if math.Abs(float64(g+slope[i])) > 1e-6 {
				t.Fatalf("%s: gradient %d is %v, want %v", op.Kind(), i, g, -slope[i])
			}
		}
		if chosen := must(s.Run(images, labels)); math.Abs(chosen-want) < 1e-3 {
			t.Errorf("%s: a new run is in the piece of the last one", op.Kind())
		}
	}
}

// Gradients along what layers read are those of what is added there.
func TestSlopeAlongInputs(t *testing.T) {
	pool := threads.New(2)
	defer pool.Close()
	net := must(networks.Build("resnet20", networks.Options{Input: networks.Shape{H: 8, W: 8, C: 3}, Classes: 4}))
	n := must(New(net, &configs.Quant{}, testInput, 3))
	s := must(NewSlope(pool, n, 2, true))
	images := make([]float32, 2*net.Input.Len())
	for i := range images {
		images[i] = float32((i*i+7*i)%23)/8 - 1
	}
	labels := []int32{0, 1}
	base := must(s.Run(images, labels))
	if len(s.Tensors) != 20 || s.Tensors[1].Layer != "layer1.0.conv1" || len(s.Tensors[1].Values) != 2*8*8*16 {
		t.Fatalf("%d tensors, of which the second has %d values", len(s.Tensors), len(s.Tensors[1].Values))
	}
	for _, x := range s.Tensors {
		g := slices.Clone(x.Gradient())
		const step = 1e-2
		length := 0.0
		for _, v := range g {
			length += float64(v) * float64(v)
		}
		length = math.Sqrt(length)
		for i, v := range g {
			x.Values[i] = float32(step * float64(v) / length)
		}
		if slope := (must(s.Near()) - base) / step; !(math.Abs(slope/length-1) < 0.05) {
			t.Errorf("%s: the loss grows by %v along the gradient, want %v", x.Layer, slope, length)
		}
		clear(x.Values)
		must(s.Run(images, labels))
	}
	if _, err := NewSlope(pool, must(New(net, &must(configs.Load("quickstart", nil)).Quant, testInput, 1)), 2, true); err == nil {
		t.Error("a network with quantizers has a slope")
	}
	if _, err := s.Run(images, labels[:1]); err == nil {
		t.Error("one label is enough for two images")
	}
}
