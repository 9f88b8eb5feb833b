package pretrained_test

import (
	"fmt"

	"github.com/qat-go/qat/layers/pretrained"
)

func ExampleRead() {
	_, err := pretrained.Read("alexnet")
	fmt.Println(err)
	// Output:
	// no embedded network "alexnet"; there is resnet20_cifar10
}
