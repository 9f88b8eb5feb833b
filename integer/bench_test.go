package integer_test

import (
	"math/rand/v2"
	"testing"

	"github.com/qat-go/qat/integer/integertest"
)

// BenchmarkResNet20 reports pictures a second on one thread.
func BenchmarkResNet20(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	net := integertest.ResNet20(rng, 4)
	const n = 100
	r := newRunner(b, net, 1, n)
	x := integertest.Pictures(rng, net, n)
	for b.Loop() {
		run(b, r, x, n)
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "pictures/s")
}
