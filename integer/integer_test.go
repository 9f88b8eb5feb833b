package integer_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/threads"
)

func newRunner(t testing.TB, net *integer.Network, count, batch int) *integer.Runner {
	t.Helper()
	pool := threads.New(count)
	t.Cleanup(pool.Close)
	r, err := integer.NewTracer(net, pool, batch)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func run(t testing.TB, r *integer.Runner, x []float32, n int) []float32 {
	t.Helper()
	logits, err := r.Run(x, n)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(logits)
}

// Every layer of random networks gives the codes of the reference, bit for bit.
func TestLayersAgainstReference(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	layers, spread := map[string]int{}, map[string]int{}
	for trial := range 60 {
		net := integertest.Random(rng)
		if trial%3 == 2 {
			net = integertest.RandomWindows(rng)
		}
		const batch, n = 4, 3
		r := newRunner(t, net, 2, batch)
		x := integertest.Pictures(rng, net, n)
		logits := run(t, r, x, n)
		for i := range n {
			codes := make([][]uint8, len(net.Tensors))
			for j, tensor := range net.Tensors {
				codes[j] = r.Codes(j, n)[i*tensor.Len():][:tensor.Len()]
			}
			in := net.Tensors[0]
			lo, hi := in.Range()
			for j, c := range codes[0] {
				q := math.RoundToEven(float64(x[i*in.Len()+j]/in.Scale)) + float64(in.ZeroPoint)
				if want := math.Min(math.Max(q, float64(lo)), float64(hi)); float64(c) != want {
					t.Fatalf("network %d: input %g has code %d, want %g", trial, x[i*in.Len()+j], c, want)
				}
			}
			for _, l := range net.Layers {
				out, want := reference(net, l, codes)
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
				if got := logits[i*len(want):][:len(want)]; !slices.Equal(got, want) {
					t.Fatalf("network %d: logits %v, want %v", trial, got, want)
				}
			}
		}
	}
	// The comparison says little about layers whose codes are all the same.
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

func TestThreadsAndBatchesGiveTheSameBits(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range 20 {
		net := integertest.Random(rng)
		if i == 0 {
			net = integertest.Shrinking(rng)
		}
		const n = 21
		x := integertest.Pictures(rng, net, n)
		want := run(t, newRunner(t, net, 1, n), x, n)
		for _, count := range []int{1, 2, 7} {
			if got := run(t, newRunner(t, net, count, n+2), x, n); !slices.Equal(got, want) {
				t.Fatalf("%d threads: logits %v, 1 thread %v", count, got, want)
			}
			// Without the codes of all tensors and all pictures.
			pool := threads.New(count)
			r, err := integer.NewRunner(net, pool, n)
			if err != nil {
				t.Fatal(err)
			}
			if got := run(t, r, x, n); !slices.Equal(got, want) {
				t.Fatalf("%d threads: logits %v, a tracer's %v", count, got, want)
			}
			pool.Close()
		}
		one := newRunner(t, net, 2, 1)
		size, classes := net.Tensors[0].Len(), len(want)/n
		for i := range n {
			if got := run(t, one, x[i*size:], 1); !slices.Equal(got, want[i*classes:][:classes]) {
				t.Fatalf("picture %d alone: logits %v, in a batch %v", i, got, want[i*classes:][:classes])
			}
		}
	}
}

// What a run allocates, if anything, does not grow with the pictures.
func TestPicturesDoNotAllocate(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 5 {
		net := integertest.Random(rng)
		r := newRunner(t, net, 2, 8)
		x := integertest.Pictures(rng, net, 8)
		count := func(n int) float64 {
			run(t, r, x, n)
			return testing.AllocsPerRun(10, func() {
				if _, err := r.Run(x, n); err != nil {
					t.Error(err)
				}
			})
		}
		if eight, one := count(8), count(1); eight > one || one > float64(5*len(net.Layers)) {
			t.Errorf("a run of 8 pictures allocates %g times, of 1 picture %g times", eight, one)
		}
	}
}

func TestRunnerRejects(t *testing.T) {
	net := integertest.Random(rand.New(rand.NewPCG(7, 8)))
	pool := threads.New(1)
	defer pool.Close()
	for _, batch := range []int{0, -1, math.MaxInt, math.MaxInt32} {
		if _, err := integer.NewRunner(net, pool, batch); err == nil {
			t.Errorf("batch %d: no error", batch)
		}
	}
	r := newRunner(t, net, 1, 2)
	x := integertest.Pictures(rand.New(rand.NewPCG(1, 1)), net, 2)
	for n, x := range map[int][]float32{-1: x, 3: append(x, x...), 2: x[1:]} {
		if _, err := r.Run(x, n); err == nil {
			t.Errorf("%d pictures in %d values: no error", n, len(x))
		}
	}
	if logits, err := r.Run(nil, 0); err != nil || len(logits) != 0 {
		t.Errorf("no pictures: logits %v, error %v", logits, err)
	}
	infinite := make([]float32, len(x))
	for i := range infinite {
		infinite[i] = float32(math.Inf(i%2*2 - 1))
	}
	for i, v := range run(t, r, infinite, 2) {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			t.Errorf("an image of infinite values: logit %d is %g", i, v)
		}
	}
}

func TestRange(t *testing.T) {
	for _, tt := range []struct {
		tensor integer.Tensor
		lo, hi uint8
	}{
		{integer.Tensor{Bits: 1}, 0, 1},
		{integer.Tensor{Bits: 4, ZeroPoint: 7}, 0, 15},
		{integer.Tensor{Bits: 8}, 0, 255},
		{integer.Tensor{Bits: 1, Signed: true, ZeroPoint: 1}, 0, 1},
		{integer.Tensor{Bits: 4, Signed: true, ZeroPoint: 8}, 0, 15},
		{integer.Tensor{Bits: 4, Signed: true, Narrow: true, ZeroPoint: 8}, 1, 15},
		{integer.Tensor{Bits: 8, Signed: true, ZeroPoint: 128}, 0, 255},
		{integer.Tensor{Bits: 4, Signed: true, ZeroPoint: 128}, 120, 135},
	} {
		if lo, hi := tt.tensor.Range(); lo != tt.lo || hi != tt.hi {
			t.Errorf("%+v: range %d..%d, want %d..%d", tt.tensor, lo, hi, tt.lo, tt.hi)
		}
	}
}

func ExampleNetwork_Describe() {
	net := &integer.Network{Tensors: []integer.Tensor{
		{H: 32, W: 32, C: 3, Bits: 8, Scale: 0.02, ZeroPoint: 114},
		{H: 16, W: 16, C: 16, Bits: 4, Scale: 0.1},
		{H: 1, W: 1, C: 16, Bits: 4, Scale: 0.05},
	}}
	f := integer.FoldBias(0.02, []float32{0.01}, make([]float32, 16))
	net.Layers = append(net.Layers,
		integer.NewConv(net, "conv1", 0, 1, networks.Square(3, 2, 1), 0, make([]int8, 432), 4, f, true),
		&integer.AveragePool{Name: "pool", In: 1, Out: 2},
		&integer.Linear{Name: "linear", In: 2, Out: 2, Weights: make([]int8, 32), WeightBits: 2, Scale: []float32{1, -1}, Bias: make([]int32, 2)},
	)
	fmt.Println(net.Check())
	for _, r := range net.Describe() {
		fmt.Println(r.Name, r.Kind, r.Input, r.Output, r.Stride, r.StrideWidth, r.InputBits, r.WeightBits, r.Scales, r.MACs, r.BitOps, r.SizeBits/8)
	}
	fmt.Println(net.SizeBytes())
	// Output:
	// <nil>
	// conv1 conv [32 32 3] [16 16 16] 2 0 8 4 16 110592 3538944 344
	// pool average_pool [16 16 16] [1 1 16] 0 0 4 0 0 0 0 0
	// linear linear [1 1 16] [1 1 2] 1 0 4 2 2 32 256 24
	// 368
}

// Bounds within the tensor's range, and scales far apart.
func TestElementwiseLayers(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	pick := func(of ...float32) float32 { return of[rng.IntN(len(of))] }
	spread, trials := 0, 200
	for range trials {
		tensor := func(scale float32) integer.Tensor {
			return integer.Tensor{H: 1, W: 16, C: 17, Bits: 8, Scale: scale, ZeroPoint: uint8(rng.UintN(256))}
		}
		bounds := func() (lo, hi uint8) {
			lo, hi = uint8(rng.UintN(256)), uint8(rng.UintN(256))
			return min(lo, hi), max(lo, hi)
		}
		in := tensor(pick(1, 0.3, 1e-30, 3e38))
		codes := tensor(in.Scale * pick(1, 0.5, 1, 2))
		if rng.IntN(4) == 0 {
			codes.Scale = pick(1e-37, 3e38)
		}
		sum := tensor(in.Scale * pick(1, 0.5, 1, 2))
		if rng.IntN(4) == 0 {
			sum.Scale = max(in.Scale, codes.Scale) * pick(1e-29, 1)
		}
		net := &integer.Network{Tensors: []integer.Tensor{in, codes, sum}}
		requantize, add := &integer.Requantize{Name: "requantize", Out: 1}, &integer.Add{Name: "add", A: 1, Out: 2}
		requantize.Lo, requantize.Hi = bounds()
		add.Lo, add.Hi = bounds()
		last := &integer.Linear{Name: "linear", In: 2, Out: 1, Weights: make([]int8, in.Len()), WeightBits: 2, Scale: []float32{1}, Bias: []int32{0}}
		net.Layers = []integer.Layer{requantize, add, last}
		if net.Check() != nil {
			trials--
			continue
		}
		r := newRunner(t, net, 1, 1)
		x := make([]float32, in.Len())
		for i := range x {
			x[i] = float32(i-int(in.ZeroPoint)) * in.Scale
		}
		run(t, r, x, 1)
		all := [][]uint8{r.Codes(0, 1), r.Codes(1, 1), r.Codes(2, 1)}
		for _, l := range net.Layers[:2] {
			want, _ := reference(net, l, all)
			if got := all[l.Output()]; !slices.Equal(got, want) {
				t.Fatalf("%+v of %+v: got codes %v, want %v", l, net.Tensors, got, want)
			} else if slices.Min(got) != slices.Max(got) {
				spread++
			}
		}
	}
	if trials < 100 || spread < trials {
		t.Errorf("%d networks, %d layers with more than one code; want more of both", trials, spread)
	}
}
