package allocate_test

import (
	"errors"
	"fmt"

	"github.com/qat-go/qat/allocate"
)

// Two layers, of 100 and of 400 weights, with 2, 4 or 8 bits each, in 2,000 bits.
func ExampleSolve() {
	p := allocate.Problem{
		Groups: [][]allocate.Choice{
			{{Loss: 9, Costs: []int64{200}}, {Loss: 2, Costs: []int64{400}}, {Loss: 0.1, Costs: []int64{800}}},
			{{Loss: 3, Costs: []int64{800}}, {Loss: 0.5, Costs: []int64{1600}}, {Loss: 0, Costs: []int64{3200}}},
		},
		Limits: []int64{2000},
	}
	s, err := allocate.Solve(p)
	if err != nil {
		panic(err)
	}
	fmt.Println(s.Choices, s.Loss, s.Costs, s.Proven)

	p.Limits[0] = 900
	_, err = allocate.Solve(p)
	var none *allocate.InfeasibleError
	fmt.Println(errors.As(err, &none), err)
	// Output:
	// [1 1] 2.5 [2000] true
	// true no choices stay within the limits: cost 0 is at least 1000 for a limit of 900, and 1000 in the nearest solution
}

// All that two layers can cost and lose.
func ExampleFront() {
	front, err := allocate.Front([][]allocate.Choice{
		{{Loss: 9, Costs: []int64{200}}, {Loss: 2, Costs: []int64{400}}},
		{{Loss: 3, Costs: []int64{800}}, {Loss: 0.5, Costs: []int64{1600}}},
	})
	if err != nil {
		panic(err)
	}
	for _, s := range front {
		fmt.Println(s.Costs[0], s.Loss, s.Choices)
	}
	// Output:
	// 1000 12 [0 0]
	// 1200 5 [1 0]
	// 2000 2.5 [1 1]
}
