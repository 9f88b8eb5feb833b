package layers

import (
	"math"
	"strings"
	"testing"

	"github.com/qat-go/qat/internal/machine"
)

// Logits that are not finite, and scales that are not, are errors of evaluation too.
func TestFoldedLinearIsFinite(t *testing.T) {
	for _, c := range []struct {
		weights, input float32
		want           string
	}{
		{math.MaxFloat32 / 8, 0x1p-10, "output 0 of image 0"},
		{math.MaxFloat32, 4, "the folded scale is +Inf"},
	} {
		net := calibrated(t, "resnet20_w4a4")
		head := net.layer("linear")
		head.input.Scale.Data()[0] = 1
		clear(head.bias().Data())
		for i := range head.weight().Data() {
			head.weight().Data()[i] = math.MaxFloat32 // the largest code
		}
		e := testContext(t, false)
		x, _ := batch(1)
		logits, err := net.Build(e, x)
		if err != nil {
			t.Fatal(err)
		}
		m, err := machine.New(e.pool, machine.Options{}, logits)
		if err != nil {
			t.Fatal(err)
		}
		head.weights.Scale.Data()[0], head.input.Scale.Data()[0] = c.weights, c.input
		err = m.RunAll()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("scales %g and %g: %v; wanted an error with %q", c.weights, c.input, err, c.want)
		}
	}
}
