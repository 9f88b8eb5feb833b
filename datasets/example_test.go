package datasets_test

import (
	"fmt"

	"github.com/qat-go/qat/datasets"
)

// A data set, one of its splits, and the first batch of its first epoch.
func Example() {
	data, err := datasets.Open("cifar10-mini", datasets.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	loader, err := datasets.NewLoader(data, data.Test, datasets.LoaderOptions{Batch: 128})
	if err != nil {
		fmt.Println(err)
		return
	}
	it := loader.Epoch(0, 0)
	defer it.Close()
	b, _ := it.Next()
	fmt.Println(data.Test.Len(), "images in", loader.Steps(), "batches;", len(b.X), "values in the first, which begins with class", data.Classes[b.Y[0]])
	it.Release(b)
	// Output:
	// 1000 images in 8 batches; 393216 values in the first, which begins with class airplane
}
