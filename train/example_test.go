package train_test

import (
	"context"
	"fmt"
	"os"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/threads"
	"github.com/qat-go/qat/train"
)

// From a config to the class of an image: the network is trained for a step, brought into integers and exported; then the
// export is read and classifies the first test image.
func Example() {
	cfg, err := configs.Load("quickstart", []string{"train.max_steps=1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	dir, err := os.MkdirTemp("", "quickstart")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	result, err := train.Run(context.Background(), cfg, train.Options{Out: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	net, err := export.Read(result.Exports[0])
	if err != nil {
		fmt.Println(err)
		return
	}
	pool := threads.New(1)
	defer pool.Close()
	runner, err := integer.NewRunner(net, pool, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	data, err := datasets.Open(string(cfg.Data.Dataset), datasets.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	image := data.Test.Head(1)
	logits, err := runner.Run(net.Normalize(image.Pixels), 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	best := 0
	for class, v := range logits {
		if v > logits[best] {
			best = class
		}
	}
	fmt.Println("an", data.Classes[image.Labels[0]], "is classified as", net.Classes[best])
	// Output:
	// an airplane is classified as airplane
}

// What a config trains, before it is trained.
func ExampleDescribe() {
	cfg, err := configs.Load("resnet20_w4a4", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := train.Describe(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	size, bitOps := m.Net.Cost()
	fmt.Println(m.Net.ParamCount(), "parameters,", size, "bytes,", bitOps, "BitOps; in integers:", m.Net.IntegerForm() == nil)
	// Output:
	// 269722 parameters, 140288 bytes, 670081024 BitOps; in integers: true
}

// What a config asks for that its data set and its files do not have.
func ExampleCheck() {
	cfg, err := configs.Load("quickstart", []string{"train.batch=8192", "model.init=none.pth"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(train.Check(cfg, ""))
	// Output:
	// argument "train.batch=8192": train.batch: wanted at most the 5000 training images of cifar10-mini, found 8192
	// argument "model.init=none.pth": model.init: no file "none.pth"
}
