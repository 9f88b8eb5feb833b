package machine_test

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/machine"
)

// A graph of one operation, y = 2x, is built and run.
func Example() {
	pool := kernels.NewPool(1)
	defer pool.Close()
	vector := graph.Arg{Dtype: tensor.Float32, Rank: 1}
	b := graph.New()
	x := b.Input("x", tensor.New(tensor.WithBacking([]float32{1, 2, 3})))
	y := b.Apply(graph.Op{
		Name: "double", In: []graph.Arg{vector}, Out: vector,
		Shape: func(in []tensor.Shape) (tensor.Shape, error) { return in[0], nil },
		Forward: func(c *graph.Call) error {
			for i, v := range c.F32(0) {
				c.OutF32()[i] = 2 * v
			}
			return nil
		},
	}, x)
	if err := b.Err(); err != nil {
		fmt.Println(err)
		return
	}
	m, err := machine.New(pool, machine.Options{}, y)
	if err == nil {
		err = m.RunAll()
	}
	fmt.Println(y.Value().(*tensor.Dense).Float32s(), err)
	// Output:
	// [2 4 6] <nil>
}
