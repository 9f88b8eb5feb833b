package kernels_test

import (
	"fmt"

	"github.com/qat-go/qat/internal/kernels"
)

func ExampleQuantizeRow() {
	q := kernels.Uniform{Scale: 0.5, Qn: -2, Qp: 1, ZeroPoint: 2}
	codes, back := make([]uint8, 4), make([]float32, 4)
	kernels.QuantizeRow(codes, []float32{-9, -0.5, 0.2, 0.3}, &q)
	kernels.DequantizeRow(back, codes, &q)
	fmt.Println(codes, back)
	// Output:
	// [0 1 2 3] [-1 -0.5 0 0.5]
}

// Pieces run in any order on several workers; what they write is their own.
func ExamplePool_For() {
	pool := kernels.NewPool(2)
	defer pool.Close()
	squares := make([]int, 5)
	pool.For(len(squares), func(_, i int) { squares[i] = i * i })
	fmt.Println(squares)
	// Output:
	// [0 1 4 9 16]
}
