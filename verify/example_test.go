package verify_test

import (
	"fmt"

	"github.com/qat-go/qat/verify"
)

// Of a thousand logits, three are a step off, and one is five.
func ExampleSteps() {
	s := verify.Steps{0: 996, 1: 3, 5: 1}
	fmt.Println(s.Different(), "differ")
	// Output:
	// 4 differ
}
