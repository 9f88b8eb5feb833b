// Gen makes an embedded network out of a checkpoint: its weights and running
// statistics, without the state of the optimizer.
//
//	go run ./layers/pretrained/gen -in runs/resnet20_fp32/checkpoint.qat -out layers/pretrained/resnet20_cifar10.safetensors
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/qat-go/qat/internal/safetensors"
)

func main() {
	in := flag.String("in", "", "checkpoint of a float network")
	out := flag.String("out", "", "safetensors file to write")
	flag.Parse()
	if err := run(*in, *out); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(in, out string) error {
	f, err := safetensors.ReadFile(in)
	if err != nil {
		return err
	}
	g := &safetensors.File{Metadata: map[string]string{"format": "pt", "config": f.Metadata["config"]}}
	for _, t := range f.Tensors {
		if !strings.HasPrefix(t.Name, "velocity.") {
			g.Tensors = append(g.Tensors, t)
		}
	}
	return safetensors.WriteFile(out, g)
}
