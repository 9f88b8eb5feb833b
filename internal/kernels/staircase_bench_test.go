package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/qat-go/qat/internal/staircase"
)

// BenchmarkStaircase runs each pass over one picture: even levels, 2 and 16 uneven ones, and a bell.
func BenchmarkStaircase(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 4))
	const n = 32 * 32 * 16
	q := Staircase{Scale: 0.3, Hi: 15, Floor: -infp, Delta: 0.001, Slope: 1, Unit: 0.3}
	ladder := func(levels int) Staircase {
		all := make([]float32, levels)
		for i := range all {
			all[i] = float32(i)
		}
		q := q
		q.Delta, q.Ladder = 0, staircase.NewLadder(all, all[1:])
		return q
	}
	bell := q
	bell.Bell = newBell(3, 1.2, 0, 0.3, -0.8, true, false)
	for _, kind := range []struct {
		name string
		q    Staircase
	}{{"even", q}, {"2", ladder(2)}, {"4", ladder(4)}, {"16", ladder(16)}, {"bell", bell}} {
		for _, c := range []int{16, 64} {
			z, dy, dx, codes := normal(rng, n), normal(rng, n), make([]float32, n), make([]uint8, n)
			ch, sum, dot := normal(rng, c), make([]float32, c), make([]float32, c)
			var parts [5 * lanes]float32
			for _, pass := range []struct {
				name string
				run  func()
			}{
				{"codes", func() { StaircaseCodesRow(codes, z, ch, ch, &kind.q) }},
				{"sums", func() { staircaseSumsRow(sum, dot, &parts, dy, z, ch, ch, ch, &kind.q) }},
				{"grad", func() { staircaseGradRow(dx, dy, z, ch, ch, ch, ch, ch, &kind.q) }},
				{"pass", func() { staircasePassRow(dx, &parts, dy, z, 0.1, &kind.q) }},
				{"values", func() { staircaseRow(dx, z, ch, ch, &kind.q) }},
			} {
				b.Run(fmt.Sprintf("%s/c%d/%s", kind.name, c, pass.name), func(b *testing.B) {
					b.SetBytes(n)
					for b.Loop() {
						pass.run()
					}
				})
			}
		}
	}
}
