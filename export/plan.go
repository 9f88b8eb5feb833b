package export

import (
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/arena"
)

// plan places the tensors of a network in one arena of the returned size.
func plan(net *integer.Network) (offsets []int, size int) {
	tensors := make([]arena.Buffer, len(net.Tensors))
	for t, l := range net.Lifetimes() {
		tensors[t] = arena.Buffer{Size: net.Tensors[t].Len(), First: l.First, Last: l.Last}
	}
	size = arena.Place(tensors)
	for _, t := range tensors {
		offsets = append(offsets, t.Offset)
	}
	return offsets, size
}
