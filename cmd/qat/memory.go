package main

import (
	"github.com/spf13/cobra"

	"github.com/qat-go/qat/train"
)

func addIgnoreMemory(c *cobra.Command, ignore *bool) {
	c.Flags().BoolVar(ignore, "ignore-memory", false, "start even if the memory that is needed is more than there is")
}

// checkMemory says what a run is going to take, and refuses it if there is less, unless that is to be ignored.
func checkMemory(p train.Progress, ignore bool, check func() (int64, error)) error {
	need, err := check()
	if need > 0 {
		p.Message("memory: about %d MiB", need>>20)
	}
	if need > 0 && ignore {
		return nil
	}
	return err
}
