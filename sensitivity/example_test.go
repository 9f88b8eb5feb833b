package sensitivity_test

import (
	"context"
	"fmt"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/sensitivity"
	"github.com/qat-go/qat/train"
)

// The signal to quantization noise ratio of the weights of a network that has not been trained; of one that has, the model is that
// of train.OpenCheckpoint.
func ExampleMeasure() {
	cfg, err := configs.Parse("small.yaml", []byte(small))
	if err != nil {
		panic(err)
	}
	m, err := train.Open(cfg, "", 1)
	if err != nil {
		panic(err)
	}
	defer m.Close()
	r, err := sensitivity.Measure(context.Background(), m, sensitivity.Options{Methods: []sensitivity.Method{sensitivity.SQNR}, Widths: []int{2, 4, 8}, Images: 20})
	if err != nil {
		panic(err)
	}
	fmt.Printf("%d %s images\n", r.Images, r.Split)
	for _, l := range r.Table(string(sensitivity.SQNR)).Layers {
		fmt.Printf("%-6s", l.Name)
		for _, x := range l.Weights {
			fmt.Printf("  %d bits: %.0f dB", x.Bits, sensitivity.Decibels(x.Value))
		}
		fmt.Println()
	}
	// Output:
	// 20 validation images
	// first   2 bits: 8 dB  4 bits: 20 dB  8 bits: 43 dB
	// second  2 bits: 9 dB  4 bits: 21 dB  8 bits: 44 dB
	// last    2 bits: 10 dB  4 bits: 25 dB  8 bits: 50 dB
}
