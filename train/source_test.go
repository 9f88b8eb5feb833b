package train

import (
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/export"
)

func init() {
	gray := datasets.Source{
		Name: "gray", Classes: []string{"a", "b", "c"}, Height: 12, Width: 20, Channels: 1, Mean: []float32{0.5}, Std: []float32{0.5}, Train: 32, Test: 6,
		Open: func(string) (train, test datasets.Split, err error) { return grayImages(32), grayImages(6), nil },
	}
	datasets.Register(gray)
	gray.Name, gray.Test = "gray-untested", 0
	gray.Open = func(string) (train, test datasets.Split, err error) { return grayImages(32), test, nil }
	datasets.Register(gray)
}

func grayImages(n int) (s datasets.Split) {
	for i := range n {
		for p := range 12 * 20 {
			s.Pixels = append(s.Pixels, uint8(p*(i%3+1)))
		}
		s.Labels = append(s.Labels, int32(i%3))
	}
	return s
}

// A data set of another module, of one channel and 3 classes, is trained, and its export read; what it lacks is told before.
func TestGrayDataSet(t *testing.T) {
	run := func(name string) (*Result, error) {
		cfg, err := configs.Parse("gray.yaml", []byte("data: {dataset: "+name+`}
model: {network: {nodes: [{conv: {out: 4, kernel: 3, stride: 2}}, batch_norm, relu, global_average_pool, {linear: {out: classes}}]}}
train: {epochs: 1, batch: 16, max_steps: 2}
quant: {weights: {bits: 4}, activations: {bits: 4}}
`))
		if err != nil {
			t.Fatal(err)
		}
		return Run(t.Context(), cfg, Options{Out: t.TempDir(), Threads: 1})
	}
	result, err := run("gray")
	if err != nil {
		t.Fatal(err)
	}
	net, err := export.Read(result.Exports[0])
	if err != nil {
		t.Fatal(err)
	}
	if x := net.Normalize([]uint8{0, 255}); len(net.Classes) != 3 || x[0] != -1 || x[1] != 1 {
		t.Errorf("the export has %v, and takes %v for 0 and 255", net.Classes, x)
	}
	if _, err := run("gray-untested"); err == nil || !strings.Contains(err.Error(), "gray-untested has no test images") {
		t.Errorf("without test images: %v", err)
	}
}
