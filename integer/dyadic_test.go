package integer_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
)

// exactly rounds a rational number half to even.
func exactly(v *big.Rat) int64 {
	two := big.NewInt(2)
	floor := new(big.Int).Div(v.Num(), v.Denom()) // Euclidean: the denominator is positive
	rest := new(big.Int).Sub(v.Num(), new(big.Int).Mul(floor, v.Denom()))
	above := new(big.Int).Mul(rest, two).Cmp(v.Denom())
	if above > 0 || above == 0 && floor.Bit(0) == 1 {
		floor.Add(floor, big.NewInt(1))
	}
	return floor.Int64()
}

// scaled is M of a multiplier with e bits, from its definition in docs/arithmetic.md.
func scaled(m float32, e int) *big.Rat {
	power := new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), uint(e)))
	M := exactly(new(big.Rat).Mul(new(big.Rat).SetFloat64(float64(m)), power))
	return new(big.Rat).Quo(new(big.Rat).SetInt64(M), power)
}

// shiftOf is the e of a multiplier.
func shiftOf(m float32) int {
	e := 62
	for math.Abs(float64(m))*math.Ldexp(1, e) >= 1<<31 {
		e--
	}
	return e
}

// dyadicReference computes one layer of one picture of the target dyadic from its
// definition, in rational numbers of any size. For the last layer it returns the
// logits' integers.
func dyadicReference(n *integer.Network, l integer.Layer, codes [][]uint8) (out []uint8, logits []int32) {
	times := func(acc int64, m float32) *big.Rat {
		return new(big.Rat).Mul(new(big.Rat).SetInt64(acc), scaled(m, shiftOf(m)))
	}
	clamp := func(v *big.Rat, zeroPoint, lo, hi uint8) uint8 {
		return uint8(min(max(exactly(v)+int64(zeroPoint), int64(lo)), int64(hi)))
	}
	value := func(t, i int) int64 { return int64(codes[t][i]) - int64(n.Tensors[t].ZeroPoint) }
	var to integer.Tensor
	if t := l.Output(); t >= 0 {
		to = n.Tensors[t]
		out = make([]uint8, to.Len())
	}
	in := n.Tensors[l.Inputs()[0]]
	switch l := l.(type) {
	case *integer.Conv:
		for i := range out {
			y, x, c := i/to.C/to.W, i/to.C%to.W, i%to.C
			acc := int64(l.Bias[c])
			groups := max(l.Groups, 1)
			channels := in.C / groups
			first := c / (to.C / groups) * channels
			for tap := range l.Kernel.H * l.Kernel.W {
				py, px := y*l.Stride.H+tap/l.Kernel.W-l.Pad.Top, x*l.Stride.W+tap%l.Kernel.W-l.Pad.Left
				for ci := 0; ci < channels && py >= 0 && py < in.H && px >= 0 && px < in.W; ci++ {
					acc += value(l.In, (py*in.W+px)*in.C+first+ci) * int64(l.Weights[(tap*channels+ci)*to.C+c])
				}
			}
			out[i] = clamp(times(acc, l.Scale[c]/to.Scale), to.ZeroPoint, l.Lo, l.Hi)
		}
	case *integer.Requantize:
		for i := range out {
			out[i] = clamp(times(value(l.In, i), in.Scale/to.Scale), to.ZeroPoint, l.Lo, l.Hi)
		}
	case *integer.Add:
		ra, rb := n.Tensors[l.A].Scale/to.Scale, n.Tensors[l.B].Scale/to.Scale
		e := shiftOf(max(ra, rb))
		for i := range out {
			sum := new(big.Rat).Mul(new(big.Rat).SetInt64(value(l.A, i)), scaled(ra, e))
			sum.Add(sum, new(big.Rat).Mul(new(big.Rat).SetInt64(value(l.B, i)), scaled(rb, e)))
			out[i] = clamp(sum, to.ZeroPoint, l.Lo, l.Hi)
		}
	case *integer.Shortcut, *integer.MaxPool, *integer.Concat, *integer.Lookup:
		out, _ = reference(n, l, codes)
	case *integer.AveragePool:
		lo, hi := to.Range()
		for c := range out {
			sum := int64(0)
			for p := range in.H * in.W {
				sum += value(l.In, p*in.C+c)
			}
			out[c] = clamp(times(sum, in.Scale/(to.Scale*float32(in.H*in.W))), to.ZeroPoint, lo, hi)
		}
	case *integer.AverageWindow:
		lo, hi := to.Range()
		for i := range out {
			sum, count := averaged(n, l, codes, i)
			out[i] = clamp(times(sum, in.Scale/(to.Scale*float32(count))), to.ZeroPoint, lo, hi)
		}
	case *integer.Linear:
		accs, bound, largest, equal := make([]int64, l.Out), int64(0), float32(0), true
		for o := range accs {
			accs[o] = int64(l.Bias[o])
			most := int64(math.Abs(float64(l.Bias[o])))
			lo, hi := in.Range()
			for i := range in.Len() {
				w := int64(l.Weights[i*l.Out+o])
				accs[o] += value(l.In, i) * w
				most += int64(math.Abs(float64(w))) * max(int64(in.ZeroPoint)-int64(lo), int64(hi)-int64(in.ZeroPoint))
			}
			bound = max(bound, most)
			s := float32(math.Abs(float64(l.Scale[o])))
			equal = equal && s == float32(math.Abs(float64(l.Scale[0])))
			largest = max(largest, s)
		}
		k := 0
		for !equal && k < 16 && bound<<(k+1) < 1<<31 {
			k++
		}
		for o, acc := range accs {
			m := l.Scale[o]
			if largest > 0 {
				m /= largest
			}
			logits = append(logits, int32(exactly(times(acc, m*float32(int(1)<<k)))))
		}
	}
	return out, logits
}

// Every layer of random networks gives the integers of the reference.
func TestDyadicAgainstReference(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	layers, spread := map[string]int{}, map[string]int{}
	for trial := range 12 {
		net := integertest.Random(rng)
		if trial%3 == 2 {
			net = integertest.RandomWindows(rng)
		}
		last := net.Logits()
		if trial%2 == 0 {
			for o := range last.Scale {
				last.Scale[o] *= 0.25 + rng.Float32()
			}
		}
		const n = 2
		x := integertest.Pictures(rng, net, n)
		net.Target = integer.Dyadic
		r := newRunner(t, net, 2, n)
		real := run(t, r, x, n)
		for i := range n {
			codes := make([][]uint8, len(net.Tensors))
			for j, tensor := range net.Tensors {
				codes[j] = r.Codes(j, n)[i*tensor.Len():][:tensor.Len()]
			}
			for _, l := range net.Layers {
				out, want := dyadicReference(net, l, codes)
				layers[l.Kind()]++
				if out != nil {
					if got := codes[l.Output()]; !slices.Equal(got, out) {
						t.Fatalf("network %d, %s (%s): got codes %v, want %v", trial, l.LayerName(), l.Kind(), got, out)
					}
					if slices.Min(out) != slices.Max(out) {
						spread[l.Kind()]++
					}
					continue
				}
				if got := r.Integers(n)[i*len(want):][:len(want)]; !slices.Equal(got, want) {
					t.Fatalf("network %d: logits %v, want %v", trial, got, want)
				}
				for o, v := range want {
					if got := real[i*len(want)+o]; got != float32(v)*net.LogitScale() {
						t.Fatalf("network %d: logit %d is %g, want %d*%g", trial, o, got, v, net.LogitScale())
					}
				}
			}
		}
	}
	for kind, n := range layers {
		if kind != "linear" && spread[kind] < n/2 {
			t.Errorf("%d of %d layers of kind %s have more than one code", spread[kind], n, kind)
		}
	}
	for _, kind := range integer.Kinds() {
		if layers[kind] == 0 {
			t.Errorf("no layer of kind %s", kind)
		}
	}
}

// The targets differ where float32 rounds a sum, or a product, to the middle between
// two codes: 2^24 + 1 times 2^-25 is more than 1/2.
func TestTargetsDiffer(t *testing.T) {
	net := every()
	conv := net.Layers[0].(*integer.Conv)
	conv.Bias = []int32{1<<24 + 1, -1<<24 - 1}
	conv.Scale = []float32{0.2 * 0x1p-25, -0.2 * 0x1p-25}
	for target, want := range map[integer.Target]uint8{integer.Float32: 0, integer.Dyadic: 1} {
		net.Target = target
		r := newRunner(t, net, 1, 1)
		run(t, r, make([]float32, 16), 1)
		for i, c := range r.Codes(1, 1) {
			if c != want {
				t.Fatalf("target %v: code %d is %d, want %d", target, i, c, want)
			}
		}
	}
}

func TestDyadicThreadsAndBatchesGiveTheSameIntegers(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	for range 10 {
		net := integertest.Random(rng)
		net.Target = integer.Dyadic
		const n = 5
		x := integertest.Pictures(rng, net, n)
		one := newRunner(t, net, 1, n)
		run(t, one, x, n)
		want := slices.Clone(one.Integers(n))
		for _, threads := range []int{2, 7} {
			r := newRunner(t, net, threads, n+2)
			run(t, r, x, n)
			if got := r.Integers(n); !slices.Equal(got, want) {
				t.Fatalf("%d threads: logits %v, 1 thread %v", threads, got, want)
			}
		}
	}
}

// The targets meet in the real numbers of the logits: they differ by little where no
// code differs.
func TestLogitScale(t *testing.T) {
	net := every()
	last := net.Logits()
	last.Bias, last.Scale = []int32{3_000_001, -3_000_001}, []float32{1e-6, -3e-6}
	x := make([]float32, 16)
	want := run(t, newRunner(t, net, 1, 1), x, 1)
	net.Target = integer.Dyadic
	r := newRunner(t, net, 1, 1)
	got := run(t, r, x, 1)
	for o := range want {
		if math.Abs(float64(got[o]/want[o]-1)) > 1e-7 {
			t.Errorf("logit %d is %g, with target float32 %g", o, got[o], want[o])
		}
	}
	// 3,000,001*2^9 is the largest product below 2^31.
	if k := r.Integers(1)[1]; k != 3_000_001<<9 || net.LogitScale() != 3e-6/512 {
		t.Errorf("integer %d of scale %g, want %d of %g", k, net.LogitScale(), 3_000_001<<9, 3e-6/512)
	}
	last.Scale = []float32{2, 2}
	r = newRunner(t, net, 1, 1)
	run(t, r, x, 1)
	if got := r.Integers(1); !slices.Equal(got, last.Bias) || net.LogitScale() != 2 {
		t.Errorf("integers %v of scale %g, want the sums %v", got, net.LogitScale(), last.Bias)
	}
	last.Scale = []float32{0, 0}
	if got := run(t, newRunner(t, net, 1, 1), x, 1); got[0] != 0 || got[1] != 0 {
		t.Errorf("scales of 0 give logits %v", got)
	}
}

func TestParseTarget(t *testing.T) {
	for _, target := range []integer.Target{integer.Float32, integer.Dyadic} {
		if got, err := integer.ParseTarget(target.String()); err != nil || got != target {
			t.Errorf("%v is read as %v, error %v", target, got, err)
		}
	}
	if _, err := integer.ParseTarget("float"); err == nil {
		t.Error("no error for float")
	}
}
