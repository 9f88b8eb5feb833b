package layers

import (
	"math"
	"testing"

	"github.com/qat-go/qat/networks"
)

// The operation's sums over pictures against the paper's formulas, with values at
// the bend.
func TestRPReLU(t *testing.T) {
	const n, c = 3, 5
	act := must(newLayers(&networks.Network{Input: networks.Shape{H: 4, W: 4, C: c}, Nodes: []networks.Node{
		{Name: "act", Op: networks.RPReLU{}, Inputs: []string{networks.Input}}}}))[0]
	r := act.rprelu
	for i := range c {
		if r.Gamma.Data()[i] != 0 || r.Zeta.Data()[i] != 0 || r.Beta.Data()[i] != 0.25 {
			t.Fatalf("starts from %v, %v, %v; want 0, 0, 0.25", r.Gamma.Data()[i], r.Zeta.Data()[i], r.Beta.Data()[i])
		}
	}
	for i, p := range act.arrays {
		copy(p.Data(), random(uint64(i+1), c).Float32s())
	}
	x, g := random(4, n, 4, 4, c), random(5, n, 4, 4, c)
	copy(x.Float32s()[c:], r.Gamma.Data())
	ctx := testContext(t, true)
	in := ctx.b.Param("x", x)
	y, grads := gradients(t, ctx, r.apply(ctx, in), ctx.b.Input("g", g), in, ctx.node(r.Gamma), ctx.node(r.Zeta), ctx.node(r.Beta))
	var dgamma, dzeta, dbeta [c]float64
	for i, v := range x.Float32s() {
		k, dy := i%c, float64(g.Float32s()[i])
		d, slope := float64(v)-float64(r.Gamma.Data()[k]), 1.0
		if d <= 0 {
			slope = float64(r.Beta.Data()[k])
			dbeta[k] += dy * d
		}
		dgamma[k] -= slope * dy
		dzeta[k] += dy
		near(t, "y", y[i], slope*d+float64(r.Zeta.Data()[k]))
		near(t, "dx", grads[0][i], slope*dy)
	}
	for k := range c {
		near(t, "dgamma", grads[1][k], dgamma[k])
		near(t, "dzeta", grads[2][k], dzeta[k])
		near(t, "dbeta", grads[3][k], dbeta[k])
	}
}

func near(t *testing.T, what string, got float32, want float64) {
	t.Helper()
	if d := math.Abs(float64(got) - want); !(d < 1e-5*(1+math.Abs(want))) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}
