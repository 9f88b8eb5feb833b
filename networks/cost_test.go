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
