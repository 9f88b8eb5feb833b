package configs_test

import (
	"fmt"

	"github.com/qat-go/qat/configs"
)

func ExampleLoad() {
	cfg, err := configs.Load("resnet20_w4a4", []string{"train.epochs=8", "quant.weights.estimator=lsq"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cfg.Model.Arch, cfg.Train.Epochs, cfg.Quant.Weights.Bits, cfg.Quant.Weights.Estimator)
	// Output:
	// resnet20 8 4 lsq
}

// All mistakes are found at once, each with its place and what was meant.
func ExampleParse() {
	_, err := configs.Parse("my.yaml", []byte("train:\n  epochs: -1\n  batch: many\n"))
	fmt.Println(err)
	// Output:
	// my.yaml:1:1: quant.activations.bits is missing; it has no default, wanted an integer from 1 to 8, or fp
	// my.yaml:1:1: quant.weights.bits is missing; it has no default, wanted an integer from 1 to 8, or fp
	// my.yaml:2:11: train.epochs: wanted an integer >= 0, found -1
	// my.yaml:3:10: train.batch: wanted an integer from 1 to 8192, found the string "many"
}

// A schedule divides training into stages, each with a quant section of its own.
func ExampleConfig_InStage() {
	cfg, err := configs.Load("resnet20_w8_to_w2", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	ends, err := cfg.Quant.Ends(390, cfg.Train.Total(390))
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, end := range ends {
		fmt.Println(cfg.InStage(i).Quant.Weights.Bits, "bits up to step", end)
	}
	// Output:
	// 8 bits up to step 78
	// 6 bits up to step 156
	// 4 bits up to step 312
	// 2 bits up to step 1560
}
