package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/filetype"
	"github.com/qat-go/qat/train"
	"github.com/spf13/cobra"
)

// isExport tells an exported network from a run's directory or a checkpoint; of anything
// else it says what that is. What is damaged beyond recognition is taken for what its
// name says, and its reader tells what is wrong.
func isExport(path string) (bool, error) {
	kind, err := filetype.Check(path, "the directory of a run, which qat train writes, a checkpoint, or an exported network in safetensors",
		filetype.Run, filetype.Checkpoint, filetype.Export, filetype.Unknown)
	if err != nil {
		return false, err
	}
	return kind == filetype.Export || kind == filetype.Unknown && strings.EqualFold(filepath.Ext(path), "."+export.Extension(configs.Safetensors)), nil
}

// sameInput tells that a data set has the images and classes that a network knows. It is normalized as the network's was.
func sameInput(path string, net *integer.Network, d *datasets.Dataset) error {
	in := net.Tensors[0]
	if in.H == d.Height && in.W == d.Width && in.C == d.Channels && slices.Equal(net.Classes, d.Classes) && net.Real == d.Real {
		return nil
	}
	what := map[bool]string{false: "images", true: "numbers"}
	if net.Real == d.Real && len(net.Classes) == len(d.Classes) && in.Shape() == [3]int{d.Height, d.Width, d.Channels} {
		return fmt.Errorf("%s: the network's classes are %s; those of %s are %s", path, first(net.Classes), d.Name, first(d.Classes))
	}
	return fmt.Errorf("%s: the network takes %s of %s in %d classes; %s has %s of %s in %d classes",
		path, what[net.Real], shape(in.Shape()), len(net.Classes), d.Name, what[d.Real], shape([3]int{d.Height, d.Width, d.Channels}), len(d.Classes))
}

// first names the first classes.
func first(classes []string) string {
	if len(classes) > 5 {
		return strings.Join(classes[:5], ", ") + ", ..."
	}
	return strings.Join(classes, ", ")
}

// exportedExperiment tells what is known of an exported network: bits are those of most
// of its layers.
func exportedExperiment(net *integer.Network) train.Experiment {
	e := train.Experiment{Config: net.Name}
	var weights, inputs []int
	for _, r := range net.Describe() {
		if r.Weights > 0 {
			weights, inputs = append(weights, r.WeightBits), append(inputs, r.InputBits)
		}
	}
	e.Bits = train.Pair[int]{Weights: mostFrequent(weights), Activations: mostFrequent(inputs)}
	return e
}

func mostFrequent(values []int) int {
	count, best := map[int]int{}, 0
	for _, v := range values {
		if count[v]++; count[v] > count[best] {
			best = v
		}
	}
	return best
}

// checkSimulate reports a target beside --simulate.
func checkSimulate(c *cobra.Command, simulate bool, target string) error {
	if simulate && target != "" {
		return usagef(c, "--target is the arithmetic of the integer network, --simulate runs another")
	}
	return nil
}

// noSimulation is the error of --simulate and an exported network.
func noSimulation(c *cobra.Command) error {
	return usagef(c, "--simulate needs a run or a checkpoint; an exported network has integers only")
}
