package train_test

import (
	"fmt"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/train"
)

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
	fmt.Println(train.Check(cfg))
	// Output:
	// argument "train.batch=8192": train.batch: wanted at most the 5000 training images of cifar10-mini, found 8192
	// argument "model.init=none.pth": model.init: no file "none.pth"
}
