package layers

import (
	"math"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/networks"
)

// Random weights have the variance and the bound of their start.
func TestStarts(t *testing.T) {
	n := &networks.Network{Input: networks.Shape{H: 4, W: 4, C: 60}}
	x := networks.Input
	for _, s := range networks.WeightStarts() {
		x = n.Add(string(s), networks.Conv{Out: 60, Window: networks.Square(3, 1, 1), Groups: 2, Start: s}, x)
	}
	n.Add("linear", networks.Linear{Out: 500, Start: networks.He}, n.Add("flatten", networks.Flatten{}, x))
	cfg, err := configs.Load("resnet20_w4a4", nil)
	if err != nil {
		t.Fatal(err)
	}
	store := must(New(n, &cfg.Quant, testInput, 1)).Store
	const fanIn, fanOut = 9 * 30, 9 * 60
	for name, want := range map[string]struct{ deviation, bound float64 }{
		"he": {math.Sqrt(2. / fanOut), 0}, "he_uniform": {math.Sqrt(2. / fanIn), math.Sqrt(6. / fanIn)},
		"uniform": {math.Sqrt(1. / 3 / fanIn), math.Sqrt(1. / fanIn)}, "normal": {0.01, 0}, "linear": {math.Sqrt(2. / 500), 0},
	} {
		sum, squares, largest := 0.0, 0.0, 0.0
		w := store.Array(name + ".weight").Data()
		for _, v := range w {
			sum, squares, largest = sum+float64(v), squares+float64(v)*float64(v), max(largest, math.Abs(float64(v)))
		}
		deviation := math.Sqrt(squares / float64(len(w)))
		if math.Abs(deviation/want.deviation-1) > 0.02 || math.Abs(sum/float64(len(w))) > 0.03*want.deviation {
			t.Errorf("%s: a deviation of %g and a mean of %g, want %g and 0", name, deviation, sum/float64(len(w)), want.deviation)
		}
		if bounded := largest <= want.bound*1.0001 && largest > 0.99*want.bound; bounded != (want.bound > 0) {
			t.Errorf("%s: up to %g, want a bound of %g", name, largest, want.bound)
		}
	}
}
