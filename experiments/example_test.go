package experiments_test

import (
	"fmt"

	"github.com/qat-go/qat/experiments"
)

// The cells of an embedded table, with the accuracies that papers report.
func Example() {
	t, err := experiments.Load("mini", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range t.Cells {
		if p := c.Published; p != nil {
			fmt.Printf("%s: %.1f %% by %s\n", c.Name(), p.Top1, p.Source)
		} else {
			fmt.Println(c.Name() + ": no published number is known")
		}
	}
	runs, err := experiments.Runs(t.Cells, t.Seeds)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(runs), "runs; the first is", runs[0].Name())
	// Output:
	// LSQ 4/4: no published number is known
	// LSQ 2/2: no published number is known
	// PACT 4/4: 91.3 % by Choi et al. PACT 2018 (arXiv:1805.06085)
	// PACT 2/2: 89.7 % by Choi et al. PACT 2018 (arXiv:1805.06085)
	// 12 runs; the first is float resnet20_lsq_w4a4
}
