package layers

import (
	"math"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/networks"
)

// twoConvs are two convolutions and a linear layer.
func twoConvs(t *testing.T, weights, activations configs.TensorSpec) *Network {
	t.Helper()
	conv := networks.Conv{Out: 4, Window: networks.Square(3, 1, 1)}
	return custom(t, networks.Shape{H: 32, W: 32, C: 3}, weights, activations,
		networks.Node{Name: "first", Op: conv, Inputs: []string{networks.Input}},
		networks.Node{Name: "relu", Op: networks.ReLU{}, Inputs: []string{"first"}},
		networks.Node{Name: "conv", Op: conv, Inputs: []string{"relu"}},
		networks.Node{Name: "flatten", Op: networks.Flatten{}, Inputs: []string{"conv"}},
		networks.Node{Name: "linear", Op: networks.Linear{Out: 4}, Inputs: []string{"flatten"}})
}

// What was learned with other bits is scaled by the formula of its kind, to no less than the floor; what derives from it follows; what
// has a zero point or keeps a state is left, and so is what was learned by another method.
func TestRescale(t *testing.T) {
	x, _ := batch(2)
	for _, tt := range []struct {
		method   configs.Estimator
		from, to int
		factors  map[string]float64 // of what is learned, by name; nil: nothing is rescaled
	}{
		{configs.LSQ, 6, 3, map[string]float64{"scale": math.Sqrt(31.0 / 3)}},
		{configs.LSQ, 3, 6, map[string]float64{"scale": math.Sqrt(3.0 / 31)}},
		{"ewgs", 3, 2, map[string]float64{"lower": 1, "upper": 1, "scale": 1}},
		{"dsq", 3, 2, map[string]float64{"lower": 1, "upper": 1}},
		{"lq_nets", 3, 2, nil},
		{configs.Affine, 4, 3, nil},
	} {
		before, after := twoConvs(t, spec(tt.from, tt.method), spec(tt.from, tt.method)), twoConvs(t, spec(tt.to, tt.method), spec(tt.to, tt.method))
		calibrateOn(t, before, 1, x)
		const q = "conv.weight_quantizer."
		n, err := after.Rescale(before)
		if err != nil || (n > 0) != (tt.factors != nil) {
			t.Errorf("%s: %d are rescaled (%v)", tt.method, n, err)
		}
		for name, factor := range tt.factors {
			was, is := before.Store.Array(q + name).Data()[0], after.Store.Array(q + name).Data()[0]
			if want := float64(was) * factor; math.Abs(float64(is)-want) > 1e-6*math.Abs(want) {
				t.Errorf("%s: %s of %d bits is %v, of %d bits %v; want %v", tt.method, name, tt.from, was, tt.to, is, want)
			}
		}
	}
	before, after := twoConvs(t, spec(2, configs.LSQ), spec(2, configs.LSQ)), twoConvs(t, spec(8, configs.LSQ), spec(8, configs.LSQ))
	calibrateOn(t, before, 1, x)
	before.Store.Array("conv.weight_quantizer.scale").Data()[0] = estimators.MinScale
	if _, err := after.Rescale(before); err != nil || after.Store.Array("conv.weight_quantizer.scale").Data()[0] != estimators.MinScale {
		t.Errorf("the floor %v is rescaled to %v (%v)", estimators.MinScale, after.Store.Array("conv.weight_quantizer.scale").Data(), err)
	}
	if n, err := twoConvs(t, spec(2, "ewgs"), spec(2, "ewgs")).Rescale(before); n != 0 || err != nil {
		t.Errorf("%d are rescaled from another method (%v)", n, err)
	}
	before, after = twoConvs(t, spec(3, "ewgs"), spec(3, "ewgs")), twoConvs(t, spec(2, "ewgs"), spec(2, "ewgs"))
	calibrateOn(t, before, 1, x)
	if _, err := after.Rescale(before); err != nil {
		t.Fatal(err)
	}
	const scale = "conv.weight_quantizer.scale"
	if got, want := after.Store.Array("conv.weight_quantizer.code_scale").Data()[0], before.Store.Array(scale).Data()[0]/3; got != want {
		t.Errorf("the scale of the codes is %v, want %v", got, want)
	}
	before, after = twoConvs(t, spec(4, configs.LSQ), spec(4, "lsq_plus")), twoConvs(t, spec(3, configs.LSQ), spec(3, "lsq_plus"))
	calibrateOn(t, before, 1, x)
	if n, err := after.Rescale(before); n != 3 || err != nil || after.Store.Array("conv.input_quantizer.scale").Data()[0] != 0 {
		t.Errorf("%d are rescaled beside a learned offset (%v), want the weights alone", n, err)
	}
}
