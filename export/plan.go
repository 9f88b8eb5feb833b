package export

import (
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/arena"
)

// plan places the tensors of a network in one arena of the returned size. A tensor is in use from the layer that writes it
// to the last that reads it.
func plan(net *integer.Network) (offsets []int, size int) {
	tensors := make([]arena.Buffer, len(net.Tensors))
	for t := range tensors {
		tensors[t].Size = net.Tensors[t].Len()
	}
	for i, l := range net.Layers {
		for _, t := range l.Inputs() {
			tensors[t].Last = i
		}
		if t := l.Output(); t >= 0 {
			tensors[t].First, tensors[t].Last = i, i
		}
	}
	size = arena.Place(tensors)
	for _, t := range tensors {
		offsets = append(offsets, t.Offset)
	}
	return offsets, size
}
