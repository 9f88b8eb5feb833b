package machine

import (
	"math"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// A number that is not finite is found where it arises, not where it is noticed: here two loops later, the second of
// which swallows it.
func TestTheFirstThatIsNotFiniteIsNamed(t *testing.T) {
	for _, unfused := range []bool{false, true} {
		b, p := graph.New(), pool(t)
		x := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(loopPictures, loopEach))
		unary := func(layer string, of *G.Node, f func(float32) float32) *G.Node {
			return b.Apply(graph.Op{
				Name: "loop", Layer: layer, In: []graph.Arg{picture}, Out: picture, Shape: same, InPlace: 1, Pool: p,
				Loop: func(k *graph.Call) graph.Loop {
					var y, x kernels.Pictures[float32]
					return graph.Loop{
						Before: func() error { y, x = k.OutPictures(), k.Pictures(0); return nil },
						Body: &kernels.Each{Do: func(s *kernels.Scratch, n int) {
							for i, v := range x.At(s, n) {
								y.At(s, n)[i] = f(v)
							}
						}},
					}
				},
			}, of)
		}
		identity := func(v float32) float32 { return v }
		first := unary("before", b.Input("x", x), identity)
		inverse := unary("cause", first, func(v float32) float32 { return 1 / v })
		carried := unary("between", inverse, identity)
		clipped := unary("clip", carried, func(v float32) float32 { return min(v, 1) })
		last := b.Apply(graph.Op{
			Name: "check", Layer: "end", In: []graph.Arg{picture, picture}, Out: picture, Shape: same,
			Forward: func(k *graph.Call) error {
				if v := k.F32(0)[3]; v > 1 {
					return &graph.NotFiniteError{What: "the end", Value: float64(v)}
				}
				copy(k.OutF32(), k.F32(1))
				return nil
			},
		}, carried, clipped)
		m, err := New(p, Options{Unfused: unfused}, last)
		if err != nil {
			t.Fatal(err)
		}
		for i := range x.Float32s() {
			x.Float32s()[i] = 1
		}
		if err := m.RunAll(); err != nil {
			t.Fatal(err)
		}
		x.Float32s()[3] = 0
		const want = "end: check: the end is +Inf; the first layer that is not finite is cause: loop, with +Inf"
		if err := m.RunAll(); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	if graph.FirstNotFinite([]float32{0, math.MaxFloat32, float32(math.Inf(-1)), 1}) != 2 || graph.FirstNotFinite([]float32{-math.MaxFloat32, 5e-45}) != -1 {
		t.Error("finite is not what it should be")
	}
	if nan := (&graph.NotFiniteError{What: "x", Value: math.NaN()}).Error(); !strings.Contains(nan, "x is NaN") {
		t.Error(nan)
	}
}
