//go:build !noasm

package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/qat-go/qat/internal/staircase"
)

func TestStaircasePaths(t *testing.T) {
	onPaths(t, func(t *testing.T, portable func(func())) {
		rng := rand.New(rand.NewPCG(41, 42))
		for _, c := range []int{1, 3, 16, 32, 48} {
			for _, pixels := range []int{0, 1, 2, 7, 33} {
				for round := range 6 {
					ar := &arena{rng: rng, off: rng.IntN(8)}
					n := c * pixels
					draw := ar.special
					if round%2 == 0 { // without NaN, which hides much
						draw = func(n int) []float32 { return normal(rng, n) }
					}
					z, dy, a, b, shift, p, q, r := draw(n), draw(n), draw(c), draw(c), draw(c), draw(c), draw(c), draw(c)
					st := Staircase{Scale: uniform.Scale, Lo: uniform.Qn, Hi: uniform.Qp, Zero: int(uniform.ZeroPoint), Floor: []float32{-infp, 0.3, -1, 2}[rng.IntN(4)], Delta: 0.4 * float32(round%4/2), Slope: 1.3}
					st.Unit, st.Offset = 0.7, -0.1
					if round == 1 {
						st.Bell = newBell(3, 1.2, []float32{0, 0.6}[pixels%2], 0.3, -0.8, c%2 == 0, pixels == 7)
					} else if round == 0 && pixels > 2 {
						st.Bell = newBell(3, 1.2, []float32{0, 0.6}[c%2], 0.3, -0.8, pixels == 7, c == 48)
					}
					switch round / 2 {
					case 1:
						st.Ladder, st.Delta = randomLadder(rng), 0
					case 2:
						st.Random, st.Seed = true, rng.Uint64()
					}
					what := fmt.Sprintf("%d pixels of %d, round %d", pixels, c, round)
					differ(t, ar, "staircaseGradRow, "+what, portable, n, c, func(y, _, _ []float32, _ []uint8, _ []int16) {
						copy(y, dy)
						staircaseGradRow(y, y, z, a, b, p, q, r, &st)
					})
					differ(t, ar, "staircaseSumsRow, "+what, portable, n, 5*lanes+c, func(_, s, q []float32, _ []uint8, _ []int16) {
						staircaseSumsRow(s[5*lanes:], q[5*lanes:], (*[5 * lanes]float32)(s), dy, z, a, b, shift, &st)
					})
					differ(t, ar, "staircasePassRow, "+what, portable, n, 5*lanes, func(y, s, _ []float32, _ []uint8, _ []int16) {
						copy(y, dy)
						staircasePassRow(y, (*[5 * lanes]float32)(s), y, z, b[0], &st)
					})
					differ(t, ar, "staircaseRow, "+what, portable, n, c, func(y, _, _ []float32, _ []uint8, _ []int16) {
						staircaseRow(y, z, a, b, &st)
					})
					differ(t, ar, "staircase codes, "+what, portable, n, c, func(_, _, _ []float32, codes []uint8, _ []int16) {
						StaircaseCodesRow(codes, z, a, b, &st)
					})
				}
			}
		}
	})
}

// randomLadder has 1 to 16 levels, integers from -8 on.
func randomLadder(rng *rand.Rand) *staircase.Ladder {
	levels, thresholds := []float32{-8}, []float32{}
	for range rng.IntN(staircase.MaxLevels) {
		thresholds = append(thresholds, levels[len(levels)-1]+0.5)
		levels = append(levels, levels[len(levels)-1]+1+float32(rng.IntN(3)))
	}
	return staircase.NewLadder(levels, thresholds)
}
