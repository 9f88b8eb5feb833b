package filetype_test

import (
	"fmt"

	"github.com/qat-go/qat/internal/filetype"
)

func ExampleCheck() {
	_, err := filetype.Check("../../configs/quickstart.yaml", "a checkpoint of qat", filetype.Checkpoint)
	fmt.Println(err)
	// Output:
	// ../../configs/quickstart.yaml is a YAML file; wanted a checkpoint of qat
}
