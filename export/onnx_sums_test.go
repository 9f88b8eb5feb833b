package export

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
	"github.com/qat-go/qat/networks"
)

// pairSum is a residual sum: scales and zero points of its summands and of itself, and its lowest code.
type pairSum struct {
	scale [3]float32
	zero  [3]uint8
	lo    uint8
	table bool // no scales give its codes
}

var pairSums = map[string]pairSum{
	"own scales":           {[3]float32{0.057036843, 0.03800115, 0.048441377}, [3]uint8{128, 0, 0}, 0, false},
	"scale beside":         {[3]float32{0.07789445, 0.048441377, 0.06570415}, [3]uint8{128, 0, 0}, 0, false},
	"two beside":           {[3]float32{0.11302917, 0.120047584, 0.12298863}, [3]uint8{128, 0, 0}, 0, false},
	"affine":               {[3]float32{0.052703764, 0.038008824, 0.048428234}, [3]uint8{137, 0, 0}, 0, false},
	"three zero points":    {[3]float32{0.04, 0.03, 0.05}, [3]uint8{99, 31, 77}, 0, false},
	"halves":               {[3]float32{0.5, 0.25, 1}, [3]uint8{128, 3, 6}, 0, false},
	"halves, odd":          {[3]float32{0.5, 0.25, 1}, [3]uint8{128, 3, 77}, 0, true},
	"halves, odd, clipped": {[3]float32{0.5, 0.5, 1}, [3]uint8{128, 0, 7}, 7, true},
}

// network has all pairs of codes in an image, whose red and green are the summands.
func (p pairSum) network() *integer.Network {
	net := &integer.Network{Name: "pairs", Mean: make([]float32, 3), Std: []float32{1, 1, 1}, Tensors: []integer.Tensor{
		{H: 256, W: 256, C: 3, Bits: 8, Scale: 1}, {H: 256, W: 256, C: 1, Bits: 8}, {H: 256, W: 256, C: 1, Bits: 8}, {H: 256, W: 256, C: 1, Bits: 8},
		{H: 1, W: 1, C: 1, Bits: 8, Scale: 0.01},
	}}
	for i := range p.scale {
		net.Tensors[i+1].Scale, net.Tensors[i+1].ZeroPoint = p.scale[i], p.zero[i]
	}
	for i, name := range []string{"a", "b"} {
		f := integer.FoldBias(1, p.scale[i:i+1], make([]float32, 1))
		f.Bias[0] = -int32(p.zero[i])
		weights := make([]int8, 3)
		weights[i] = 1
		c := integer.NewConv(net, name, 0, i+1, networks.Square(1, 1, 0), 0, weights, 2, f, false)
		net.Layers = append(net.Layers, c)
	}
	f := integer.FoldBias(0.01, []float32{1}, make([]float32, 1))
	net.Layers = append(net.Layers, &integer.Add{Name: "sum", A: 1, B: 2, Out: 3, Lo: p.lo, Hi: 255},
		&integer.AveragePool{Name: "pool", In: 3, Out: 4},
		&integer.Linear{Name: "linear", In: 4, Out: 1, Weights: []int8{1}, WeightBits: 2, Scale: f.Scale, Bias: f.Bias})
	return net
}

// The nodes of each sum, computed by ONNX's definitions, give the integer network's codes
// for all pairs.
func TestSums(t *testing.T) {
	nets := map[string]*integer.Network{}
	for name, p := range pairSums {
		nets[name] = p.network()
	}
	rng := rand.New(rand.NewPCG(3, 8))
	for _, bits := range []int{8, 4} {
		nets[map[int]string{8: "resnet20 w8", 4: "resnet20 w4"}[bits]] = integertest.ResNet20(rng, bits)
	}
	for name, net := range nets {
		m, err := NewONNXModel(net, configs.ONNX, Options{})
		if err != nil {
			t.Fatal(err)
		}
		c := newChecker(t, name, m)
		for _, l := range net.Layers {
			l, ok := l.(*integer.Add)
			if !ok {
				continue
			}
			p := newCodePairs(net, l)
			if len(p.a) != 1<<(net.Tensors[l.A].Bits+net.Tensors[l.B].Bits) {
				t.Errorf("%s: %s: %d pairs", name, l.Name, len(p.a))
			}
			sum := c.sum(l.Name)
			for i, want := range p.codes {
				if got := sum(p.a[i], p.b[i]); got != want {
					t.Fatalf("%s: %s: the sum of %d and %d is %d, want %d", name, l.Name, p.a[i], p.b[i], got, want)
				}
			}
			if op := c.producers[l.Name+".codes"].Op; (op == "Gather") != pairSums[name].table {
				t.Errorf("%s: %s ends with %s, want a table: %v", name, l.Name, op, pairSums[name].table)
			}
		}
	}
}

// sum returns what the nodes of a residual sum compute, each operation rounded to float32.
func (c *checker) sum(name string) func(a, b uint8) uint8 {
	if look := c.producers[name+".codes"]; look.Op == "Gather" {
		pair := c.producers[look.Inputs[1]]
		row := c.producers[pair.Inputs[0]]
		if columns := c.constants[row.Inputs[1]].Data; pair.Op != "Add" || row.Op != "Mul" || string(columns) != "\x00\x01\x00\x00" {
			c.t.Fatalf("%s: %s: %+v and %+v of %v", c.name, name, pair, row, columns)
		}
		table := c.constants[look.Inputs[0]].Data
		return func(a, b uint8) uint8 { return table[256*int(a)+int(b)] }
	}
	sum := c.producers[name+".sum"]
	if sum.Op != "Sum" || len(sum.Inputs) != 2 {
		c.t.Fatalf("%s: %s: %+v, want a Sum of two", c.name, name, sum)
	}
	real := func(value string) func(v uint8) float32 {
		n := c.producers[value]
		scale, zero := c.floats(n.Inputs[1])[0], c.constants[n.Inputs[2]].Data[0]
		return func(v uint8) float32 { return float32(int(v)-int(zero)) * scale }
	}
	a, b := real(sum.Inputs[0]), real(sum.Inputs[1])
	lo, hi := 0.0, 255.0
	q := c.producers[name+".codes"]
	if q.Op == "Clip" {
		lo, hi = float64(c.constants[q.Inputs[1]].Data[0]), float64(c.constants[q.Inputs[2]].Data[0])
		q = c.producers[q.Inputs[0]]
	}
	scale, zero := c.floats(q.Inputs[1])[0], c.constants[q.Inputs[2]].Data[0]
	return func(x, y uint8) uint8 {
		v := float32(a(x)+b(y)) / scale
		return uint8(min(max(math.RoundToEven(float64(v))+float64(zero), lo), hi))
	}
}
