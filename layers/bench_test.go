package layers

import (
	"fmt"
	"testing"
	"time"

	"github.com/qat-go/qat/internal/machine"
)

// BenchmarkTrainingStep runs forward and backward on a batch of 128.
func BenchmarkTrainingStep(b *testing.B) {
	for _, config := range []string{"resnet20_fp32", "resnet20_w4a4"} {
		b.Run(config, func(b *testing.B) {
			n := calibrated(b, config)
			c, loss, grads := trainGraph(b, n, 128)
			m, err := machine.New(c.pool, machine.Options{Profile: testing.Verbose()}, append(grads, loss)...)
			if err != nil {
				b.Fatal(err)
			}
			if err := m.RunAll(); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := m.RunAll(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(128*float64(b.N)/b.Elapsed().Seconds(), "images/s")
			b.ReportMetric(float64(m.ArenaBytes())/(1<<20), "arena-MiB")
			kinds, order := map[string]time.Duration{}, []string{}
			for _, t := range m.Timings() {
				if _, ok := kinds[t.Kind]; !ok {
					order = append(order, t.Kind)
				}
				kinds[t.Kind] += t.Total / time.Duration(max(t.Runs, 1))
			}
			for _, k := range order {
				if testing.Verbose() {
					fmt.Printf("  %-28s %8.2f ms\n", k, float64(kinds[k].Microseconds())/1000)
				}
			}
		})
	}
}
