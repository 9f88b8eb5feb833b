package export

import (
	"math/rand/v2"
	"os"
	"reflect"
	"testing"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
)

// The parts of a file are those that the network needs, and sum to its size.
func TestOpen(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 20 {
		net := integertest.Random(rng)
		if i == 0 {
			net = integertest.ResNet20(rng, 4)
		}
		path := write(t, net)
		got, parts, err := Open(path, Reading{})
		if err != nil || !reflect.DeepEqual(got, net) {
			t.Fatalf("got %+v, %v, want %+v", got, err, net)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		sum, want := int64(0), map[string]int64{}
		for _, l := range net.Layers {
			weighted := func(w []int8, bits int, bias []int32, scale []float32) {
				want[weightsName] += int64(len(levelsOf(bits).pack(w)))
				want[biasesName] += int64(packedLen(len(bias), bitsOf(bias)))
				want[scalesName] += 4 * int64(len(scale))
			}
			switch l := l.(type) {
			case *integer.Conv:
				weighted(l.Weights, l.WeightBits, l.Bias, l.Scale)
			case *integer.Lookup:
				want[weightsName] += int64(len(l.Table))
			case *integer.Linear:
				weighted(l.Weights, l.WeightBits, l.Bias, l.Scale)
			}
		}
		for _, p := range parts {
			sum += p.Bytes
			if w, ok := want[p.Name]; ok && p.Bytes != w {
				t.Errorf("%s has %d bytes, want %d", p.Name, p.Bytes, w)
			}
			delete(want, p.Name)
		}
		if sum != info.Size() || len(parts) != 5 || len(want) != 0 {
			t.Errorf("the parts %v have %d bytes together, the file has %d", parts, sum, info.Size())
		}
	}
	if _, _, err := Open(t.TempDir(), Reading{}); err == nil {
		t.Error("a folder is read")
	}
}

// Reading takes little time: ResNet-20 within 20 ms. No test, since a busy machine takes longer.
func BenchmarkRead(b *testing.B) {
	path := write(b, integertest.ResNet20(rand.New(rand.NewPCG(1, 2)), 4))
	for b.Loop() {
		if _, err := Read(path); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/file")
}
