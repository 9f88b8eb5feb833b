package torchfile_test

import (
	"fmt"
	"os"

	"github.com/qat-go/qat/internal/torchfile"
)

func ExampleParse() {
	data, err := os.ReadFile("testdata/lightning.ckpt")
	if err != nil {
		fmt.Println(err)
		return
	}
	dicts, err := torchfile.Parse(data)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, d := range dicts {
		for _, t := range d.Tensors {
			values, err := t.Float32s()
			fmt.Println(d.Path, t.Name, t.Dtype, t.Shape, values, err)
		}
	}
	// Output:
	// state_dict model.fc.weight float32 [2 3] [0 0.25 0.5 0.75 1 1.25] <nil>
	// state_dict model.fc.bias float32 [2] [-1 2] <nil>
	// callbacks.ModelCheckpoint{'monitor': 'acc'} best_model_score float32 [] [91.5] <nil>
}
