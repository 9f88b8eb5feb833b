package random_test

import (
	"fmt"

	"github.com/qat-go/qat/internal/random"
)

// Any number of a stream can be had at once, in any order.
func ExampleStream() {
	s := random.New(1)
	fmt.Println(s.Uniform(2), s.Uniform(0), s.Uniform(1))
	fmt.Println(s.Round(0.5, 0), s.Round(0.5, 1), s.Round(2, 1))
	// Output:
	// 0.21532845 0.31759882 0.6348886
	// 1 0 2
}
