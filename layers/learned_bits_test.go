package layers

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/threads"
)

// fractional are the overrides of a config that learns bit widths.
func fractional(overrides ...string) []string {
	return append([]string{"quant.weights.estimator=fracbits", "quant.activations.estimator=fracbits", "quant.target.size=0.10MB", "quant.target.bitops=500M"}, overrides...)
}

// learners are the quantizers that learn bit widths, with bits drawn at random, and a scale if they have none.
func learners(n *Network, seed uint64) (all []*Quantizer) {
	rng := rand.New(rand.NewPCG(seed, 1))
	for _, q := range n.Quantizers {
		if q.learnsBits() {
			if !q.Calibrated() {
				q.Scale.Data()[0], q.learned[0].Data()[0] = 1, 1
			}
			setBits(q, 2+6*rng.Float64())
			all = append(all, q)
		}
	}
	return all
}

// setBits makes the bit width that a quantizer has learned.
func setBits(q *Quantizer, bits float64) {
	if q.Estimator() == "fracbits" {
		q.learned[1].Data()[0] = float32(bits)
		return
	}
	if q.Signed() {
		bits--
	}
	q.learned[1].Data()[0] = q.learned[0].Data()[0] * float32(math.Exp2(bits)-1)
}

// costOf writes the costs of ResNet-20 down a second time: the bits of weights, 32 for each bias and scale, and MACs times both
// widths.
func costOf(n *Network, bits func(*Quantizer) float64) (bytes, bitOps float64) {
	of := func(q *Quantizer) float64 {
		if q.learnsBits() {
			return bits(q)
		}
		return float64(q.Bits())
	}
	for _, l := range n.weighted() {
		shape, pixels := l.weight().Value.Shape(), l.out.H*l.out.W
		size, out := float64(shape.TotalSize()), float64(shape[len(shape)-1])
		bytes += (size*of(l.weights) + 64*out) / 8
		bitOps += size * float64(pixels) * of(l.weights) * of(l.input)
	}
	return bytes, bitOps
}

func realBits(q *Quantizer) float64 { return float64(q.learned[1].Data()[0]) }

// The penalty is lambda*|cost/target - 1| for each cost, its gradient in each bit width the difference quotient of that, and
// the gradients of all else stay as they are.
func TestPenaltyOfCosts(t *testing.T) {
	for _, tt := range []struct {
		overrides []string
		of        func(bytes, bitOps float64) float64
	}{
		{nil, func(bytes, bitOps float64) float64 { return 10 * (math.Abs(bytes/1e5-1) + math.Abs(bitOps/5e8-1)) }},
		{[]string{"quant.target.bitops=none", "quant.target.lambda=3"}, func(bytes, _ float64) float64 { return 3 * math.Abs(bytes/1e5-1) }},
		{[]string{"quant.target.size=none", "quant.target.bitops=2G"}, func(_, bitOps float64) float64 { return 10 * math.Abs(bitOps/2e9-1) }},
	} {
		n := testNetwork(t, "resnet20_w4a4", fractional(tt.overrides...)...)
		qs := learners(n, 3)
		if len(qs) != 2*18 {
			t.Fatalf("%d quantizers learn bit widths; wanted weights and inputs of 18 layers", len(qs))
		}
		pool := kernels.NewPool(2)
		defer pool.Close()
		grads := map[*Array][]float32{}
		loss, err := n.Penalize(NewContext((*threads.Pool)(pool), true), func(a *Array) []float32 {
			if grads[a] == nil {
				grads[a] = slices.Repeat([]float32{0.5}, len(a.Data()))
			}
			return grads[a]
		})
		bytes, bitOps := costOf(n, realBits)
		if want := tt.of(bytes, bitOps); err != nil || math.Abs(loss-want) > 1e-6*want || !n.Penalized() {
			t.Errorf("%v: penalty %v, want %v (%v)", tt.overrides, loss, want, err)
		}
		for i, q := range qs {
			moved := func(by float64) float64 {
				return tt.of(costOf(n, func(o *Quantizer) float64 {
					if o == q {
						return realBits(o) + by
					}
					return realBits(o)
				}))
			}
			want := (moved(1e-3) - moved(-1e-3)) / 2e-3
			if got := float64(grads[q.learned[1]][0]) - 0.5; math.Abs(got-want) > 1e-4*math.Abs(want)+1e-6 {
				t.Errorf("%v: the gradient of the bits of %s is %v, want %v", tt.overrides, q.Name, got, want)
			}
			if g := grads[q.learned[0]][0]; g != 0.5 {
				t.Errorf("%v: the gradient of scale %d is %v, want 0.5", tt.overrides, i, g)
			}
		}
	}
}

// Whole numbers of bits cost what the targets allow, and one bit more of any of them is too much; those that no target counts
// are the nearest.
func TestWholeBits(t *testing.T) {
	for seed := range uint64(5) {
		for _, overrides := range [][]string{nil, {"quant.target.bitops=none"}, {"quant.target.size=none"}} {
			n := testNetwork(t, "resnet20_w4a4", fractional(overrides...)...)
			qs := learners(n, seed)
			bits := map[string]int{}
			for _, b := range n.WholeBits() {
				bits[b.Layer+".weight"], bits[b.Layer+".input"] = b.Weights, b.Activations
			}
			target := n.quant.Target
			fits := func(raised *Quantizer) bool {
				bytes, bitOps := costOf(n, func(q *Quantizer) float64 {
					if q == raised {
						return float64(bits[q.Name] + 1)
					}
					return float64(bits[q.Name])
				})
				return (target.Size == 0 || bytes <= float64(target.Size)) && (target.BitOps == 0 || bitOps <= float64(target.BitOps))
			}
			if !fits(nil) || len(bits) != len(qs) {
				t.Errorf("%v: %v is too much, or not of %d quantizers", overrides, bits, len(qs))
			}
			for _, q := range qs {
				b := bits[q.Name]
				switch counted := q.place.Weights || target.BitOps > 0; {
				case !counted && b != int(math.RoundToEven(realBits(q))):
					t.Errorf("%v: %s has %d bits, and learned %v", overrides, q.Name, b, realBits(q))
				case counted && b < estimators.MaxLearnedBits && fits(q):
					t.Errorf("%v: %s has %d bits, and one more fits", overrides, q.Name, b)
				case b < estimators.MinLearnedBits || b > estimators.MaxLearnedBits:
					t.Errorf("%v: %s has %d bits", overrides, q.Name, b)
				}
			}
		}
	}
	of4, _ := costOf(testNetwork(t, "resnet20_w4a4", fractional()...), func(*Quantizer) float64 { return 4 })
	n := testNetwork(t, "resnet20_w4a4", fractional("quant.target.bitops=none", fmt.Sprintf("quant.target.size=%.0fB", of4))...)
	for i, q := range learners(n, 1) {
		setBits(q, 4+0.4*float64(i%2)-0.2)
	}
	for _, b := range n.WholeBits() {
		if b.Weights != 4 || b.Activations != 4 {
			t.Errorf("bits near 4 that meet the target become %+v", b)
		}
	}
}

// A network goes on from what it learned: with whole numbers of bits its loss is the fractional network's, to the rounding of
// sums, and it has an integer form.
func TestTakeBits(t *testing.T) {
	for _, method := range []string{"fracbits", "dq"} {
		takeBits(t, method)
	}
}

func takeBits(t *testing.T, method string) {
	t.Helper()
	overrides := fractional("quant.weights.estimator="+method, "quant.activations.estimator="+method)
	cfg, err := configs.Load("resnet20_w4a4", overrides)
	if err != nil {
		t.Fatal(err)
	}
	n := calibrated(t, "resnet20_w4a4", overrides...)
	learners(n, 1)
	for _, a := range n.Store.Learnable() {
		a.Kept = []Kept{{VelocityPrefix, slices.Repeat([]float32{7}, len(a.Data()))}}
	}
	learned := n.WholeBits()
	if err := n.IntegerForm(); err != nil {
		t.Errorf("in the end there is an integer form: %v", err)
	}
	var none *NotIntegerError
	if _, err := n.Lower("n"); !errors.As(err, &none) || !strings.Contains(err.Error(), "layer1.0.conv1, layer1.0.conv2, layer1.1.conv1 and 15 more cannot run in integers: its bit widths are still being learned") {
		t.Errorf("lowered in training: %v", err)
	}
	quant := cfg.Quant.WithBits(learned)
	whole := must(Over(n.Store, n.graph, &quant, testInput, 2))
	if err := whole.TakeBits(n); err != nil {
		t.Fatal(err)
	}
	if whole.LearnsBits() || whole.WantedBatches() != 0 || whole.Penalized() {
		t.Error("the network that goes on is to be calibrated, or learns bits")
	}
	for _, b := range learned {
		for name, bits := range map[string]int{b.Layer + ".weight": b.Weights, b.Layer + ".input": b.Activations} {
			i := slices.IndexFunc(whole.Quantizers, func(q *Quantizer) bool { return q.Name == name })
			from := n.Quantizers[i]
			largest := float64(from.learned[1].Data()[0]) // of dq
			if method == "fracbits" {
				largest = float64(from.learned[0].Data()[0]) * float64(from.levelRange().Qp())
			}
			scale := largest / (math.Exp2(float64(bits)-map[bool]float64{true: 1}[from.Signed()]) - 1)
			if got := whole.Quantizers[i]; got.Bits() != bits || got.Estimator() != configs.LSQ || math.Abs(float64(got.Scale.Data()[0])-scale) > 1e-6*scale {
				t.Errorf("%s goes on with %d bits of %s and scale %v, want %d and %v", name, got.Bits(), got.Estimator(), got.Scale.Data(), bits, scale)
			}
			if method == "dq" { // whose largest level stays
				from.learned[0].Data()[0] = float32(scale)
			} else {
				setBits(from, float64(bits))
			}
		}
	}
	for _, a := range whole.Store.Learnable() {
		from := n.Store.Array(a.Name)
		if changed := strings.HasSuffix(a.Name, "_quantizer.scale") && (from == nil || from.of != a.of); changed != (a.Kept == nil) {
			t.Errorf("%s: what the optimizer keeps is %v", a.Name, a.Kept)
		}
	}
	bytes, bitOps := costOf(n, costBits)
	if c := whole.Costs(); math.Abs(c.SizeBytes-bytes) > 1 || c.BitOps != bitOps || math.Abs(n.Costs().SizeBytes-bytes) > 1 || n.Costs().BitOps != bitOps {
		t.Errorf("costs are %+v, before %+v, want %v and %v", c, n.Costs(), bytes, bitOps)
	}
	a, b := resultsOf(t, n, nil, machine.Options{})[0], resultsOf(t, whole, nil, machine.Options{})[0]
	if method == "fracbits" && math.Abs(float64(a-b)) > 1e-3*float64(a) {
		t.Errorf("the loss is %v, of the fractional network with these bits %v", b, a)
	}
	if _, err := whole.Lower("n"); err != nil {
		t.Error(err)
	}
	if missed := whole.Missed(cfg.Quant.Target); missed != "" {
		t.Error(missed)
	}
	if missed := whole.Missed(configs.CostTarget{Size: 200000, BitOps: configs.Amount(bitOps)}); !strings.Contains(missed, "quant.target.size is 200kB, and the network has ") || !strings.HasSuffix(missed, " %") || strings.Contains(missed, "bitops") {
		t.Errorf("missed: %q", missed)
	}
	for share, missed := range map[float64]bool{0.97: true, 0.99: false, 1.01: false, 1.03: true} {
		if got := whole.Missed(configs.CostTarget{BitOps: configs.Amount(bitOps / share)}); (got != "") != missed {
			t.Errorf("%v of the target: missed %q", share, got)
		}
	}
	if err := whole.TakeBits(testNetwork(t, "resnet20_w4a4", overrides...)); err == nil || !strings.HasPrefix(err.Error(), "layer1.0.conv1.input: the quantizer has no scale") {
		t.Errorf("bits of a network that is not calibrated: %v", err)
	}
}

// After an update bit widths are where they may be.
func TestBitsAreBounded(t *testing.T) {
	n := testNetwork(t, "resnet20_w4a4", fractional()...)
	pool := kernels.NewPool(1)
	defer pool.Close()
	bits := []float64{1.5, 8.5, 3.25}
	qs := learners(n, 1)
	for i, q := range qs {
		setBits(q, bits[i%3])
	}
	if err := n.Project((*threads.Pool)(pool)); err != nil {
		t.Fatal(err)
	}
	for i, q := range qs {
		if got, want := realBits(q), []float64{2, 8, 3.25}[i%3]; got != want {
			t.Errorf("%v bits of %s are %v after an update, want %v", bits[i%3], q.Name, got, want)
		}
	}
}

// Targets that no bit widths meet are errors.
func TestTargetOutOfReach(t *testing.T) {
	for overrides, want := range map[string]string{
		"quant.target.size=70kB":                "quant.target.size: with 2 to 8 bits the network has 73.47kB to 273.9kB; wanted a number between, found 70kB",
		"quant.target.size=280kB":               "found 280kB",
		"quant.target.bitops=100M":              "quant.target.bitops: with 2 to 8 bits the network has 188.8M to 2.595G",
		"quant.weights.estimator=lsq":           "quant.target.size: with 2 to 8 bits the network has 140.3kB to 140.3kB",
		"quant.target.size=0.0735MB":            "",
		"quant.target.size=73kB":                "", // 0.6 % less
		"quant.activations.bits=3":              "",
		"quant.weights.granularity=per_channel": "",
	} {
		cfg, err := configs.Load("resnet20_w4a4", fractional(overrides))
		if err != nil {
			t.Fatal(err)
		}
		_, err = Describe(must(cfg.Model.Build(zoo("").Input, 10)), &cfg.Quant, testInput)
		var target *TargetError
		if got := errors.As(err, &target); got != (want != "") || got && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", overrides, err, want)
		}
	}
}
