package export

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The same network gives the same bytes, today and tomorrow.
func TestONNXGolden(t *testing.T) {
	for _, format := range []configs.Format{configs.ONNX, configs.QONNX} {
		golden := filepath.Join("testdata", "small."+Extension(format))
		path := filepath.Join(t.TempDir(), "x")
		if err := Write(path, format, small(), Options{}); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(golden, got, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: the bytes differ from the golden file; read the difference, then run go test ./export -update", format)
		}
	}
}

// Every model follows the operators' rules that runtimes rely on, and its
// integers are the network's.
func TestONNXRules(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	seen := map[string]int{}
	for i := range 60 {
		net := integertest.Random(rng)
		switch {
		case i < 2:
			net = integertest.ResNet20(rng, 4-2*i)
		case i == 2:
			net = small()
		case i%10 == 3:
			makeBinary(net)
		case i%10 == 4:
			net = integertest.RandomWindows(rng)
		}
		for j, opset := range Opsets() {
			weights := []configs.ONNXWeights{configs.ONNXAuto, configs.ONNXInt8, configs.ONNXUint8}[(i+j)%3]
			m, err := NewONNXModel(net, configs.ONNX, Options{Opset: opset, Weights: weights, Sums: []configs.ONNXSums{configs.ONNXReal, configs.ONNXFused}[j%2]})
			if err != nil {
				t.Fatal(err)
			}
			c := newChecker(t, fmt.Sprintf("network %d, opset %d, weights %s", i, opset, weights), m)
			if c.m.IRVersion != opsets[opset] || c.m.Opsets[0].Version != int64(opset) || len(c.m.Opsets) != 1 {
				t.Errorf("%s: IR %d and operators %v", c.name, c.m.IRVersion, c.m.Opsets)
			}
			c.qdq(opset, seen)
			c.network(net, seen)
		}
		m, err := NewONNXModel(net, configs.QONNX, Options{})
		if err != nil {
			t.Fatal(err)
		}
		newChecker(t, fmt.Sprintf("network %d, qonnx", i), m).qonnx(seen)
	}
	for _, what := range []string{"INT8", "INT4", "INT2", "UINT8", "UINT4", "UINT2", "Clip", "Relu", "flipped", "negative", "Quant", "BipolarQuant"} {
		if seen[what] == 0 {
			t.Errorf("no model has %s; the test checks too little: %v", what, seen)
		}
	}
}

// makeBinary gives the convolutions weights of -1 and 1.
func makeBinary(net *integer.Network) {
	for _, l := range net.Layers {
		if c, ok := l.(*integer.Conv); ok {
			c.WeightBits = 2
			for i, v := range c.Weights {
				c.Weights[i] = v>>7 | 1
			}
		}
	}
}

// quantOf is the definition of Quant with rounding mode ROUND.
func quantOf(q quantizer, scale, x float32) float32 {
	lo, hi := 0.0, math.Exp2(float64(q.bits))-1
	if q.signed {
		lo, hi = -math.Exp2(float64(q.bits-1)), math.Exp2(float64(q.bits-1))-1
		if q.narrow {
			lo++
		}
	} else if q.narrow {
		hi--
	}
	z := float32(q.zeroPoint)
	code := float32(math.RoundToEven(min(max(float64(x/scale+z), lo), hi)))
	return (code - z) * scale
}
