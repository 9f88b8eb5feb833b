package train

import (
	"math"

	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/machine"
)

// Roofline is the least time that a training step can take on this machine by what was measured in the same run: docs/speed.md
// defines it.
type Roofline struct {
	Train   float64 `json:"train_images_per_second"`
	Share   float64 `json:"share"`                          // that training reaches
	Compute float64 `json:"compute_ms"`                     // of all products alone
	Memory  float64 `json:"memory_ms"`                      // of all bytes alone
	GFLOPS  float64 `json:"fma_peak_gflops"`                // of all threads together
	GOPS    float64 `json:"integer_peak_gops"`              // likewise
	GBs     float64 `json:"memory_gb_per_second,omitempty"` // of as much memory as a step has; 0: the caches have it
}

// mostRoom is how many bytes memory is measured with at most.
const mostRoom = 512 << 20

// roofline measures what bounds a step of these loads, and the optimizer.
func (m *Model) roofline(loads []machine.Load, arena int, images float64) *Roofline {
	k := kernels.MeasurePeaks(m.pool, make([]float32, min(arena, mostRoom)/4))
	r := &Roofline{GFLOPS: k.GFLOPS, GOPS: k.GOPS}
	if rate := k.Memory(float64(arena)); !math.IsInf(rate, 0) {
		r.GBs = rate
	}
	learned := 0
	for _, a := range m.Net.Store.Learnable() {
		learned += len(a.Data())
	}
	const optimizer = 5 * 4 // bytes: weight, velocity and gradient are read, the first two written
	seconds := 0.0
	for i, l := range append(loads, machine.Load{Bytes: optimizer * learned}) {
		runs := float64(m.Config.Train.Batches())
		if i == len(loads) {
			runs = 1
		}
		compute, memory := runs*k.Compute(l.Work.Floats, l.Work.Codes), runs*k.Moving(float64(l.Bytes))
		seconds += max(compute, memory)
		r.Compute, r.Memory = r.Compute+1e3*compute, r.Memory+1e3*memory
	}
	r.Train = float64(m.Config.Train.StepImages()) / seconds
	r.Share = images / r.Train
	return r
}
