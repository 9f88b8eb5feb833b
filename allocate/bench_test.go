package allocate_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/qat-go/qat/allocate"
)

// network is what the layers of a network of n layers lose and cost at five widths of weights and five of activations: losses
// that fall by about four with each bit, sizes and BitOps as the layers of a ResNet have them.
func network(seed uint64, n int, share ...float64) allocate.Problem {
	r := rand.New(rand.NewPCG(seed, 3))
	widths := []int64{2, 3, 4, 6, 8}
	p := allocate.Problem{Limits: make([]int64, 2)}
	var least, most [2]int64
	for range n {
		weights, macs := int64(64)<<r.IntN(4)*64<<r.IntN(4)*9, int64(6422528)*(1+r.Int64N(18))
		w, a := math.Exp(2*r.NormFloat64()), math.Exp(2*r.NormFloat64())
		var group []allocate.Choice
		for _, wb := range widths {
			for _, ab := range widths {
				loss := w*math.Pow(4, -float64(wb))*(1+0.1*r.Float64()) + a*math.Pow(4, -float64(ab))*(1+0.1*r.Float64())
				group = append(group, allocate.Choice{Loss: loss, Costs: []int64{weights * wb, macs * wb * ab}})
			}
		}
		p.Groups = append(p.Groups, group)
		for k := range least {
			least[k] += group[0].Costs[k]
			most[k] += group[24].Costs[k]
		}
	}
	for k := range p.Limits {
		p.Limits[k] = least[k] + int64(share[k]*float64(most[k]-least[k]))
	}
	return p
}

// correlated is a problem in which what an item costs is what it gains, but for a share of noise, so that bounds tell little.
func correlated(seed uint64, n, choices, limits int, of int64, noise float64) allocate.Problem {
	r := rand.New(rand.NewPCG(seed, 4))
	p := allocate.Problem{Limits: make([]int64, limits)}
	for range n {
		var group []allocate.Choice
		for range choices {
			c := allocate.Choice{Costs: make([]int64, limits)}
			for k := range limits {
				c.Costs[k] = 1 + r.Int64N(of)
				c.Loss -= float64(c.Costs[k]) * (1 + noise*r.Float64())
			}
			group = append(group, c)
		}
		p.Groups = append(p.Groups, group)
		for k := range limits {
			p.Limits[k] += of / 2
		}
	}
	return p
}

var benchmarks = map[string]func(seed uint64) allocate.Problem{
	"network, tight":        func(s uint64) allocate.Problem { return network(s, 54, 0.2, 0.1) },
	"network, middle":       func(s uint64) allocate.Problem { return network(s, 54, 0.4, 0.3) },
	"network, loose":        func(s uint64) allocate.Problem { return network(s, 54, 0.7, 0.6) },
	"subset sum":            func(s uint64) allocate.Problem { return correlated(s, 54, 25, 1, 1_000_000, 0) },
	"subset sum, two costs": func(s uint64) allocate.Problem { return correlated(s, 54, 25, 2, 100, 0) },
	"correlated":            func(s uint64) allocate.Problem { return correlated(s, 54, 25, 1, 1_000_000, 0.1) },
	"correlated, two costs": func(s uint64) allocate.Problem { return correlated(s, 54, 25, 2, 1_000_000, 0.5) },
	"hard, two costs":       func(s uint64) allocate.Problem { return correlated(s, 54, 25, 2, 1_000_000, 0.1) },
}

func BenchmarkSolve(b *testing.B) {
	for name, make := range benchmarks {
		b.Run(name, func(b *testing.B) {
			seed := uint64(0)
			for b.Loop() {
				s, err := allocate.Solve(make(seed))
				if err != nil {
					b.Fatal(err)
				}
				if !s.Proven {
					b.Logf("seed %d is not proven: %g, bound %g", seed, s.Loss, s.Bound)
				}
				seed++
			}
		})
	}
}
