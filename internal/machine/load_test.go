package machine

import (
	"slices"
	"testing"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/graph"
)

// A step's load counts what it reads of others and writes for them, each buffer once, and not what exists for one picture a
// thread.
func TestLoads(t *testing.T) {
	b, p := graph.New(), pool(t)
	x := b.Input("x", tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(loopPictures, loopEach)))
	c := b.Input("c", tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(1)))
	products := b.Apply(graph.Op{Name: "products", In: []graph.Arg{picture}, Out: picture, Shape: same, Pool: p, Work: graph.Work{Floats: 7, Codes: 5},
		Loop: func(*graph.Call) graph.Loop { return graph.Loop{} }}, x)
	local := mix(b, p, 1, products, x, c) // products and local exist for the picture in work
	kept := mix(b, p, 1, local, x, c)
	last := mix(b, p, 1, kept, kept, total(b, p, kept))
	m, err := New(p, Options{}, last)
	if err != nil {
		t.Fatal(err)
	}
	const array, number = 4 * loopPictures * loopEach, 4
	want := []Load{
		{graph.Work{Floats: 7, Codes: 5}, array + number + array + number}, // x and c; kept and its total
		{graph.Work{}, 2*array + number},                                   // kept and its total; last
	}
	if got := m.Loads(); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
