// Package arena places buffers in one piece of memory, where those that are in use at different times share bytes.
package arena

import (
	"cmp"
	"slices"
)

// Buffer is in use from time First to time Last, both included. Place gives it an Offset.
type Buffer struct {
	Size, First, Last int
	Offset            int
}

// Place gives each buffer an offset and returns the size of the memory: the largest first, each at the lowest place that
// no buffer takes which is in use at the same time.
func Place(buffers []Buffer) (size int) {
	bySize := make([]*Buffer, len(buffers))
	for i := range buffers {
		bySize[i] = &buffers[i]
	}
	slices.SortStableFunc(bySize, func(a, b *Buffer) int { return cmp.Compare(b.Size, a.Size) })
	var placed []*Buffer // by offset
	for _, b := range bySize {
		at := 0
		for _, p := range placed {
			if p.First > b.Last || b.First > p.Last {
				continue
			}
			if at+b.Size <= p.Offset {
				break
			}
			at = max(at, p.Offset+p.Size)
		}
		b.Offset = at
		i, _ := slices.BinarySearchFunc(placed, b, func(a, b *Buffer) int { return cmp.Compare(a.Offset, b.Offset) })
		placed = slices.Insert(placed, i, b)
		size = max(size, at+b.Size)
	}
	return size
}
