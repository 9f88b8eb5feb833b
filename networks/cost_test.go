package networks_test

import (
	"testing"

	"github.com/qat-go/qat/networks"
)

// What stands ahead of the first weights counts with them, once; a scale for the tensor takes as much as one for each output.
func TestTable(t *testing.T) {
	n := &networks.Network{Input: networks.Shape{H: 4, W: 4, C: 3}}
	conv := func(name, from string) string {
		return n.Add(name, networks.Conv{Out: 5, Window: networks.Square(1, 1, 0)}, from)
	}
	conv("conv2", conv("conv1", n.Add("act", networks.PReLU{}, networks.Input)))
	rows, err := n.Table()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 || rows[0].Params != 3+15 || rows[1].Params != 25 {
		t.Fatalf("%+v; want 18 and 25 parameters", rows)
	}
	for scales, want := range map[int]int64{1: 25*4 + 32*5 + 32*5, 5: 25*4 + 32*5 + 32*5, 7: 25*4 + 32*5 + 32*7} {
		if bits := rows[1].SizeBits(4, scales); bits != want {
			t.Errorf("%d scales: %d bits, want %d", scales, bits, want)
		}
	}
}

// Pooling is padded by half of its kernel at most, along each axis.
func TestPoolPadding(t *testing.T) {
	for pad, fits := range map[networks.Pad]bool{
		{Top: 1, Bottom: 1, Left: 2, Right: 2}: true, {Top: 2}: false, {Bottom: 2}: false, {Left: 3}: false, {Right: 3}: false,
	} {
		w := networks.Window{Kernel: networks.Size{H: 3, W: 5}, Stride: networks.Size{H: 1, W: 1}, Pad: pad}
		if _, err := (networks.MaxPool{Window: w}).Shape([]networks.Shape{{H: 9, W: 9, C: 1}}); (err == nil) != fits {
			t.Errorf("pad %v: error %v; it fits: %v", pad, err, fits)
		}
	}
}

// What a deployed network keeps of a layer beside its scale and bias, RPReLU's parameters and not batch norm's, takes memory.
func TestExtra(t *testing.T) {
	n := &networks.Network{Input: networks.Shape{H: 4, W: 4, C: 3}}
	x := n.Add("conv1", networks.Conv{Out: 5, Window: networks.Square(1, 1, 0)}, networks.Input)
	x = n.Add("norm", networks.BatchNorm{Eps: 1e-5, Momentum: 0.1}, x)
	n.Add("conv2", networks.Conv{Out: 2, Window: networks.Square(1, 1, 0)}, n.Add("act", networks.RPReLU{}, x))
	rows, err := n.Table()
	if err != nil {
		t.Fatal(err)
	}
	if rows[0].Params != 15+2*5+3*5 || rows[0].Extra != 3*5 || rows[1].Extra != 0 {
		t.Errorf("%+v; want 40 parameters, and 15 beside kernels, biases and batch norm in the first", rows)
	}
	if bits := rows[0].SizeBits(4, 1); bits != 15*4+32*5+32*5+32*15 {
		t.Errorf("%d bits", bits)
	}
}

// A shortcut takes the first pixel and every stride-th after it, the last of an odd number too.
func TestShortcutShape(t *testing.T) {
	for stride, want := range map[int]networks.Shape{1: {H: 7, W: 10, C: 6}, 2: {H: 4, W: 5, C: 6}, 3: {H: 3, W: 4, C: 6}, 11: {H: 1, W: 1, C: 6}} {
		if s, err := (networks.Shortcut{Stride: stride, Out: 6}).Shape([]networks.Shape{{H: 7, W: 10, C: 4}}); err != nil || s != want {
			t.Errorf("stride %d: %v, error %v; want %v", stride, s, err, want)
		}
	}
}
