//go:build onnxruntime

package export

import (
	"flag"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
	"github.com/qat-go/qat/internal/onnxruntime"
	"github.com/qat-go/qat/threads"
)

var (
	benchFile    = flag.String("model", "", "integer network, a file of safetensors, that BenchmarkRuntime runs")
	benchBatch   = flag.Int("batch", 8, "images of a batch in BenchmarkRuntime")
	benchThreads = flag.Int("threads", 2, "threads of BenchmarkRuntime")
	benchRounds  = flag.Int("rounds", 7, "rounds of BenchmarkRuntime")
)

// BenchmarkRuntime runs an integer network and its ONNX file, with sums that onnxruntime fuses, in turn.
func BenchmarkRuntime(b *testing.B) {
	if *benchFile == "" {
		b.Skip("-model names no file")
	}
	net, err := Read(*benchFile)
	if err != nil {
		b.Fatal(err)
	}
	m, err := NewONNXModel(net, configs.ONNX, Options{Sums: configs.ONNXFused})
	if err != nil {
		b.Fatal(err)
	}
	session, err := ort.Session(m.model.Marshal(), onnxruntime.Options{Optimize: true, Threads: *benchThreads})
	if err != nil {
		b.Fatal(err)
	}
	defer session.Close()
	pool := threads.New(*benchThreads)
	defer pool.Close()
	n, in := *benchBatch, net.Tensors[0]
	r, err := integer.NewRunner(net, pool, n)
	if err != nil {
		b.Fatal(err)
	}
	x := integertest.Pictures(rand.New(rand.NewPCG(1, 2)), net, n)
	planes := Planes(x, n, in.C)
	var logits []float32
	engines := []func() error{
		func() error { logits, err = r.Run(x, n); return err },
		func() error {
			out, err := session.Run(planes, int64(n), int64(in.C), int64(in.H), int64(in.W))
			if err == nil && !slices.Equal(out[onnxLogits].Floats, logits) {
				b.Error("the logits differ")
			}
			return err
		},
	}
	for b.Loop() {
		speeds := [2][]float64{}
		for range *benchRounds + 1 {
			for e, run := range engines {
				start, images := time.Now(), 0
				for time.Since(start) < 400*time.Millisecond {
					if err := run(); err != nil {
						b.Fatal(err)
					}
					images += n
				}
				speeds[e] = append(speeds[e], float64(images)/time.Since(start).Seconds())
			}
		}
		ratios := []float64{}
		for e := range speeds {
			speeds[e] = speeds[e][1:] // the first is not yet warm
		}
		for i, s := range speeds[0] {
			ratios = append(ratios, s/speeds[1][i])
		}
		b.Logf("images/s: integer network %.1f, onnxruntime %.1f", speeds[0], speeds[1])
		b.ReportMetric(median(speeds[0]), "images/s")
		b.ReportMetric(median(speeds[1]), "onnxruntime-images/s")
		b.ReportMetric(median(ratios), "ratio")
	}
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}
