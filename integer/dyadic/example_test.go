package dyadic_test

import (
	"fmt"

	"github.com/qat-go/qat/integer/dyadic"
)

// The sums of one pixel's two channels, with weights (inputs, channels), and their codes: 3/8 and 1/2 of them about the zero
// point 128, halves to even.
func Example() {
	acc := []int32{0, 0}
	dyadic.Sums(acc, []uint8{12, 7}, 10, []int8{5, -1, 2, 3}, []int32{1, 0})
	codes := make([]uint8, 2)
	dyadic.NewRounding([]dyadic.Multiplier{{M: 3, Shift: 3}, {M: 1, Shift: 1}}, 128, 0, 255).Row(codes, acc)
	fmt.Println(acc, codes)
	// Output:
	// [5 -11] [130 122]
}
