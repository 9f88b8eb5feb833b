package integer_test

import (
	"math/rand/v2"
	"testing"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
	"github.com/qat-go/qat/threads"
)

// BenchmarkResNet20 reports images/s on one thread.
func BenchmarkResNet20(b *testing.B) {
	for _, target := range []integer.Target{integer.Float32, integer.Dyadic} {
		b.Run(target.String(), func(b *testing.B) { benchmarkResNet20(b, target) })
	}
}

func benchmarkResNet20(b *testing.B, target integer.Target) {
	rng := rand.New(rand.NewPCG(1, 2))
	net := integertest.ResNet20(rng, 4)
	net.Target = target
	const n = 100
	pool := threads.New(1)
	defer pool.Close()
	r, err := integer.NewRunner(net, pool, n)
	if err != nil {
		b.Fatal(err)
	}
	x := integertest.Pictures(rng, net, n)
	for b.Loop() {
		run(b, r, x, n)
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "images/s")
}
