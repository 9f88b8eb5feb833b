package estimators_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// golden holds values for most methods, computed in float64 with PyTorch's autograd.
const golden = "testdata/golden.json"

type goldenCase struct {
	Name   string
	Shape  []int
	X, G   []float32
	Y, Dx  []float64
	Params json.RawMessage

	Ds, Doffset, Dalpha, Dwp, Dwn []float64 // gradients of parameters
}

// goldenParams are the parameters of the methods; their meaning differs by method.
type goldenParams struct {
	Bits                   int
	Signed                 bool
	S                      json.RawMessage // a list for lsq, a number for affine
	Z                      int32
	L, U                   float64         // dsq
	Alpha                  json.RawMessage // a list for pact and apot, a number for dsq
	Offset, Wp, Wn, Levels []float32
	Beta, T, Delta         float64
	Emin, Emax             int
}

// goldenMethods maps every case of the golden file to its test. A method's own test file adds it in an init function.
var goldenMethods = map[string]func(*testing.T, goldenCase, goldenParams){
	"lsq":             goldenLSQ,
	"lsq_per_channel": goldenLSQPerChannel,
	"affine":          goldenAffine,
}

func TestGolden(t *testing.T) {
	data, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []goldenCase }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatalf("%s: %v", golden, err)
	}
	present := map[string]bool{}
	for i, c := range file.Cases {
		present[c.Name] = true
		t.Run(fmt.Sprintf("%s/%d", c.Name, i), func(t *testing.T) {
			run, known := goldenMethods[c.Name]
			if !known {
				t.Fatalf("unknown case %q; add it to goldenMethods", c.Name)
			}
			var p goldenParams
			if err := json.Unmarshal(c.Params, &p); err != nil {
				t.Fatal(err)
			}
			run(t, c, p)
		})
	}
	for name := range goldenMethods {
		if !present[name] {
			t.Errorf("%s has no case of %q", golden, name)
		}
	}
}

func goldenLSQ(t *testing.T, c goldenCase, p goldenParams) {
	e := estimators.LSQ{Range: estimators.Range{Bits: p.Bits, Signed: p.Signed}}
	compareGolden(t, e, c, estimators.Params{scales(t, p.S)}, c.Ds)
}

// goldenLSQPerChannel moves the channel from the golden file's axis 0 to the last axis.
func goldenLSQPerChannel(t *testing.T, c goldenCase, p goldenParams) {
	channels := c.Shape[0]
	c.X, c.G = lastAxis(c.X, channels), lastAxis(c.G, channels)
	c.Y, c.Dx = lastAxis(c.Y, channels), lastAxis(c.Dx, channels)
	goldenLSQ(t, c, p)
}

func lastAxis[T any](x []T, channels int) []T {
	out := make([]T, len(x))
	n := len(x) / channels
	for i, v := range x {
		out[i%n*channels+i/n] = v
	}
	return out
}

func goldenAffine(t *testing.T, c goldenCase, p goldenParams) {
	var s float32
	if err := json.Unmarshal(p.S, &s); err != nil {
		t.Fatal(err)
	}
	e := estimators.Affine{Range: estimators.Range{Bits: p.Bits}, Scale: []float32{s}, ZeroPoint: []int32{p.Z}}
	compareGolden(t, e, c, nil)
}

func scales(t *testing.T, raw json.RawMessage) (s []float32) {
	t.Helper()
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// compareGolden compares y, dx and the gradients of the parameters.
func compareGolden(t *testing.T, e estimators.Estimator, c goldenCase, p estimators.Params, want ...[]float64) {
	t.Helper()
	y, dx := make([]float32, len(c.X)), make([]float32, len(c.X))
	dp := make(estimators.Params, len(p))
	for i := range p {
		dp[i] = make([]float32, len(p[i]))
	}
	if err := e.Forward(y, c.X, p); err != nil {
		t.Fatal(err)
	}
	if err := e.Backward(dx, dp, c.X, c.G, p); err != nil {
		t.Fatal(err)
	}
	compareClose(t, "y", y, c.Y)
	compareClose(t, "dx", dx, c.Dx)
	if len(want) != len(dp) {
		t.Fatalf("gradients of %d parameters, want %d", len(dp), len(want))
	}
	for i := range want {
		compareClose(t, "d"+e.Params()[i].Name, dp[i], want[i])
	}
}

// compareClose has the tolerances that the golden file asks for.
func compareClose(t *testing.T, name string, got []float32, want []float64) {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 {
		t.Fatalf("%s has %d elements, want %d", name, len(got), len(want))
	}
	for i, w := range want {
		if d := math.Abs(float64(got[i]) - w); !(d <= 1e-6+1e-5*math.Abs(w)) {
			t.Errorf("%s[%d] = %v, want %v", name, i, got[i], w)
		}
	}
}
