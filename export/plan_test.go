package export

import (
	"math/rand/v2"
	"testing"

	"github.com/qat-go/qat/integer/integertest"
)

// Tensors that are alive at the same time have places of their own, and the arena
// is no larger than all tensors of the worst moment need, but for gaps.
func TestPlan(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for range 50 {
		p := integertest.Random(rng)
		offsets, size := plan(p)
		owner := make([]int, size) // of each byte: the tensor, from 1
		last := map[int]int{}
		for i, l := range p.Layers {
			for _, in := range l.Inputs() {
				last[in] = i
			}
		}
		fill := func(tensor int) {
			for b := range p.Tensors[tensor].Len() {
				owner[offsets[tensor]+b] = tensor + 1
			}
		}
		fill(0)
		for i, l := range p.Layers {
			if out := l.Output(); out >= 0 {
				fill(out)
			}
			for tensor, until := range last {
				written := tensor == 0
				for _, before := range p.Layers[:i+1] {
					written = written || before.Output() == tensor
				}
				if !written || until < i {
					continue
				}
				for b := range p.Tensors[tensor].Len() {
					if owner[offsets[tensor]+b] != tensor+1 {
						t.Fatalf("tensor %d is overwritten by layer %d", tensor, i)
					}
				}
			}
		}
	}
	// A block's input is needed for its shortcut, beside input and output of a layer.
	if _, size := plan(integertest.ResNet20(rng, 4)); size != 3*32*32*16 {
		t.Errorf("ResNet-20's arena has %d bytes, want %d", size, 3*32*32*16)
	}
}
