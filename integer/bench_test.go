package integer_test

import (
	"math/rand/v2"
	"testing"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
	"github.com/qat-go/qat/internal/kernels"
)

// BenchmarkResNet20 reports pictures a second on one thread.
func BenchmarkResNet20(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	net := integertest.ResNet20(rng, 4)
	const n = 100
	pool := kernels.NewPool(1)
	defer pool.Close()
	r, err := integer.NewRunner(net, pool, n)
	if err != nil {
		b.Fatal(err)
	}
	x := integertest.Pictures(rng, net, n)
	for b.Loop() {
		run(b, r, x, n)
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "pictures/s")
}
